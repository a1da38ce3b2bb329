package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.control.ControlServer;
import dev.holdfast.redirector.control.FakeService;
import dev.holdfast.redirector.hook.FakeQmp;
import dev.holdfast.redirector.migration.MigrationRequest;
import dev.holdfast.tunnel.time.Clock;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** A daemon without packets and a QEMU without a guest, for tests of {@code hook qmp}. */
abstract class HookQmpRig {
  /** QEMU's clock: two milliseconds before the command line's. */
  static final long THEN = FakeService.NOON + 59_998_000_000L;

  /** What is waited for passes 20 times as fast; wall time stands still. */
  private static final Surroundings HASTE =
      new Surroundings(
          CliRun.SURROUNDINGS.daemon(),
          new Clock() {
            @Override
            public long nanoTime() {
              return System.nanoTime() * 20;
            }

            @Override
            public long epochNanos() {
              return CliRun.CLOCK.epochNanos();
            }
          },
          CliRun.SURROUNDINGS.zone(),
          CliRun.SURROUNDINGS.environment(),
          CliRun.SURROUNDINGS.processStatus());

  @TempDir private Path folder;
  final FakeService service = new FakeService();
  final List<AutoCloseable> open = new CopyOnWriteArrayList<>();
  Path socket;
  Path monitor;
  ControlServer server;

  @BeforeEach
  void start() throws Exception {
    socket = folder.resolve("c.sock");
    monitor = folder.resolve("web1.qmp");
    server = new ControlServer(socket, service);
    server.start();
    open.add(() -> server.close());
  }

  @AfterEach
  void stop() throws Exception {
    for (AutoCloseable each : open.reversed()) {
      each.close();
    }
  }

  void arm(String role) throws Exception {
    service.role(role);
    service.arm(
        MigrationRequest.of("web1", List.of("10.1.0.10"), List.of("10.2.0.10"), "host-b", "br0")
            .request());
  }

  FakeQmp qemu() throws Exception {
    FakeQmp qemu = new FakeQmp(monitor);
    open.add(qemu);
    return qemu;
  }

  CompletableFuture<CliRun> begin(String... more) {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "--socket=" + socket, "hook", "qmp", "--socket=" + monitor, "--migration=web1"));
    arguments.addAll(Arrays.asList(more));
    return CompletableFuture.supplyAsync(
        () -> CliRun.in(HASTE, arguments.toArray(String[]::new)),
        task -> Thread.ofVirtual().start(task));
  }

  /** Returns when the hook has looked at everything and waits for events. */
  CompletableFuture<CliRun> watching(FakeQmp qemu, String... more) throws Exception {
    CompletableFuture<CliRun> run = begin(more);
    await(() -> qemu.saw("query-status", 7) || run.isDone());
    return run;
  }

  interface Condition {
    boolean holds() throws Exception;
  }

  static void await(Condition condition) throws Exception {
    while (!condition.holds()) {
      Thread.sleep(2);
    }
  }

  String state() throws Exception {
    return service.show("web1").state();
  }
}
