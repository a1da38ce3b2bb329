package dev.holdfast.redirector.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.control.ControlServer;
import dev.holdfast.redirector.control.FakeService;
import dev.holdfast.redirector.hook.FakeQmp;
import dev.holdfast.redirector.migration.MigrationRequest;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.redirector.migration.MigrationView;
import dev.holdfast.tunnel.time.Clock;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** {@code hook qmp} between a daemon without packets and a QEMU without a guest. */
@Timeout(60)
class HookQmpTest {
  /** QEMU's clock: two milliseconds before the command line's. */
  private static final long THEN = FakeService.NOON + 59_998_000_000L;

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
  private final FakeService service = new FakeService();
  private final List<AutoCloseable> open = new CopyOnWriteArrayList<>();
  private Path socket;
  private Path monitor;
  private ControlServer server;

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

  private void arm(String role) throws Exception {
    service.role(role);
    service.arm(
        MigrationRequest.of("web1", List.of("10.1.0.10"), List.of("10.2.0.10"), "host-b", "br0")
            .request());
  }

  private FakeQmp qemu() throws Exception {
    FakeQmp qemu = new FakeQmp(monitor);
    open.add(qemu);
    return qemu;
  }

  private CompletableFuture<CliRun> begin(String... more) {
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
  private CompletableFuture<CliRun> watching(FakeQmp qemu, String... more) throws Exception {
    CompletableFuture<CliRun> run = begin(more);
    await(() -> qemu.saw("query-status", 7) || run.isDone());
    return run;
  }

  private interface Condition {
    boolean holds() throws Exception;
  }

  private static void await(Condition condition) throws Exception {
    while (!condition.holds()) {
      Thread.sleep(2);
    }
  }

  private String state() throws Exception {
    return service.show("web1").state();
  }

  @Test
  void aMoveHoldsAtTheSourceAndLetsQemuGoOn() throws Exception {
    arm("redirector");
    FakeQmp qemu = qemu().capability("pause-before-switchover");
    CompletableFuture<CliRun> run = watching(qemu);
    qemu.event("MIGRATION", "setup", THEN);
    qemu.event("MIGRATION", "active", THEN);
    qemu.event("STOP", "", THEN);
    qemu.event("MIGRATION", "pre-switchover", THEN);
    await(() -> qemu.saw("migrate-continue", 1));
    assertThat(state()).isEqualTo("holding");
    qemu.event("MIGRATION", "device", THEN);
    qemu.event("MIGRATION", "completed", THEN);
    service.release("web1");

    assertThat(run.get().err())
        .contains(
            "Watching QEMU as the source of web1, which is armed.\n",
            "STOP: web1 is holding. (2.0 ms after it)\n",
            "The hold stands: QEMU switches over.\n",
            "The guest of web1 has moved: it was released.\n");
    assertThat(run.get().out()).startsWith("web1 is redirecting.");
    assertThat(run.get().exitCode()).isZero();
    assertThat(qemu.orders())
        .containsExactly("qmp_capabilities", "migrate-set-capabilities", "migrate-continue");
  }

  @Test
  void aSourceWhoseQemuEndsHasDoneItsPart() throws Exception {
    arm("redirector");
    FakeQmp qemu = qemu();
    CompletableFuture<CliRun> run = watching(qemu);
    qemu.event("MIGRATION", "active", THEN);
    qemu.event("STOP", "", THEN);
    qemu.event("MIGRATION", "completed", THEN);
    await(() -> state().equals("holding"));
    qemu.close();
    assertThat(run.get().exitCode()).isZero();
    assertThat(run.get().err()).contains("has moved: the source's QEMU has ended.");
  }

  @Test
  void theDestinationReleasesWhenTheGuestRuns() throws Exception {
    arm("endpoint");
    service.move("web1", MigrationState.HOLDING);
    FakeQmp qemu = qemu().run("inmigrate");
    CompletableFuture<CliRun> run = watching(qemu);
    qemu.event("MIGRATION", "active", THEN);
    qemu.event("RESUME", "", THEN);
    assertThat(run.get().exitCode()).isZero();
    assertThat(run.get().err()).contains("RESUME: web1 is redirecting. (2.0 ms after it)\n");
    assertThat(state()).isEqualTo("redirecting");
  }

  /** It comes home: QEMU's destination is where Holdfast's redirector is. */
  @Test
  void aGuestThatComesBackIsTakenBack() throws Exception {
    arm("redirector");
    service.move("web1", MigrationState.HOLDING);
    service.move("web1", MigrationState.REDIRECTING);
    FakeQmp qemu = qemu().run("inmigrate");
    CompletableFuture<CliRun> run = watching(qemu, "--role=destination");
    qemu.event("MIGRATION", "active", THEN);
    assertThat(run.isDone()).isFalse();
    qemu.event("RESUME", "", THEN);
    assertThat(run.get().exitCode()).isZero();
    assertThat(run.get().err()).contains("RESUME: web1 is rolled-back.", "has moved: it is back.");
    assertThat(state()).isEqualTo("rolled-back");
  }

  @Test
  void inJsonEachStepIsALine() throws Exception {
    arm("endpoint");
    service.move("web1", MigrationState.HOLDING);
    FakeQmp qemu = qemu().run("inmigrate");
    CompletableFuture<CliRun> run = watching(qemu, "--json");
    qemu.event("RESUME", "", THEN);
    assertThat(run.get().exitCode()).isZero();
    assertThat(run.get().err()).isEmpty();
    assertThat(run.get().out().lines())
        .hasSize(3)
        .allMatch(line -> line.startsWith("{\"schema\":\"holdfast.hook-line/1\","))
        .element(1)
        .isEqualTo(
            "{\"schema\":\"holdfast.hook-line/1\",\"epochNanos\":1772366460000000000,"
                + "\"migration\":\"id-1\",\"event\":\"RESUME\",\"action\":\"release\","
                + "\"outcome\":\"done\",\"millis\":2.0,\"text\":\"RESUME: web1 is redirecting.\"}");
  }

  @Test
  void aMigrationThatIsCancelledRollsBack() throws Exception {
    arm("redirector");
    FakeQmp qemu = qemu();
    CompletableFuture<CliRun> run = watching(qemu);
    qemu.event("MIGRATION", "active", THEN);
    qemu.event("MIGRATION", "cancelling", THEN);
    qemu.event("MIGRATION", "cancelled", THEN);
    assertThat(run.get().exitCode()).isEqualTo(1);
    assertThat(run.get().err())
        .endsWith("web1 was rolled back: QEMU's migration has been cancelled.\n");
    assertThat(state()).isEqualTo("rolled-back");
  }

  @Test
  void aGuestThatIsNotSeenRunningIsNotRolledBack() throws Exception {
    arm("redirector");
    FakeQmp qemu = qemu();
    CompletableFuture<CliRun> run = watching(qemu);
    qemu.event("MIGRATION", "active", THEN);
    qemu.event("STOP", "", THEN);
    qemu.event("MIGRATION", "failed", THEN);
    assertThat(run.get().exitCode()).isEqualTo(1);
    assertThat(run.get().err())
        .contains(
            "QEMU's migration has failed, but the guest does not run here: nothing is rolled back."
                + " web1 goes on holding. If the guest runs at the new host: holdfast migration"
                + " release web1. If it runs at the old one: holdfast migration rollback web1"
                + " there.");
    assertThat(state()).isEqualTo("holding");
  }

  @Test
  void aGuestThatGoesOnHereWhileItIsMovedIsKept() throws Exception {
    arm("redirector");
    FakeQmp qemu = qemu();
    CompletableFuture<CliRun> run = watching(qemu);
    qemu.event("MIGRATION", "active", THEN);
    qemu.event("STOP", "", THEN);
    qemu.event("RESUME", "", THEN);
    assertThat(run.get().exitCode()).isEqualTo(1);
    assertThat(qemu.orders()).endsWith("migrate_cancel");
    assertThat(state()).isEqualTo("rolled-back");
  }

  @Test
  void aPlainPauseHoldsNothing() throws Exception {
    arm("redirector");
    FakeQmp qemu = qemu();
    CompletableFuture<CliRun> run = watching(qemu, "--timeout=1500ms");
    qemu.event("STOP", "", THEN);
    qemu.event("RESUME", "", THEN);
    assertThat(run.get().exitCode()).isEqualTo(1);
    assertThat(run.get().err())
        .contains("The guest is paused, but nobody migrates it: nothing is held.\n")
        .contains("The time is over. web1 is armed as before, and nothing is held.\n");
    assertThat(state()).isEqualTo("armed");
  }

  /** Its capability "events" is off and cannot be switched on: it is asked. */
  @Test
  void aQemuThatTellsNothingIsAsked() throws Exception {
    arm("redirector");
    FakeQmp qemu =
        qemu()
            .refuse("migrate-set-capabilities", "There's a migration process in progress")
            .migration("active");
    CompletableFuture<CliRun> run = watching(qemu);
    qemu.event("STOP", "", THEN);
    await(() -> state().equals("holding"));
    qemu.migration("completed");
    service.release("web1");
    assertThat(run.get().exitCode()).isZero();
  }

  @Test
  void withoutAHoldTheMoveIsCancelled() throws Exception {
    arm("redirector");
    FakeQmp qemu =
        qemu()
            .capability("pause-before-switchover")
            .after(
                "migrate_cancel",
                it -> {
                  it.event("RESUME", "", THEN);
                  it.event("MIGRATION", "cancelled", THEN);
                });
    CompletableFuture<CliRun> run = watching(qemu);
    service.failToHold();
    qemu.event("MIGRATION", "active", THEN);
    qemu.event("STOP", "", THEN);
    qemu.event("MIGRATION", "pre-switchover", THEN);
    assertThat(run.get().exitCode()).isEqualTo(1);
    assertThat(run.get().err())
        .contains("hold is not possible: capture could not be switched on.")
        .contains("QEMU's migration is cancelled, since packets cannot be held")
        .endsWith("web1 was rolled back: QEMU's migration has been cancelled.\n");
  }

  @Test
  void aSocketThatVanishesForAMomentIsOpenedAgain() throws Exception {
    arm("redirector");
    FakeQmp qemu = qemu();
    CompletableFuture<CliRun> run = watching(qemu);
    qemu.event("MIGRATION", "active", THEN);
    qemu.migration("device").run("finish-migrate"); // the events are lost
    qemu.drop();
    await(() -> state().equals("holding"));
    qemu.event("MIGRATION", "completed", THEN);
    service.release("web1");
    assertThat(run.get().exitCode()).isZero();
    assertThat(run.get().err()).contains("Trying to get it back.", "QEMU is back.");
  }

  @Test
  void aQemuThatVanishesLeavesAStateThatAPersonCanEnd() throws Exception {
    arm("redirector");
    FakeQmp qemu = qemu();
    CompletableFuture<CliRun> run = watching(qemu);
    qemu.event("MIGRATION", "active", THEN);
    qemu.event("STOP", "", THEN);
    await(() -> state().equals("holding"));
    qemu.close();
    assertThat(run.get().exitCode()).isEqualTo(1);
    assertThat(run.get().err())
        .contains("There is no QMP socket " + monitor + ". web1 goes on holding. If the guest");
    assertThat(state()).isEqualTo("holding");
  }

  @Test
  void linesThatAreNoneDoNoHarm() throws Exception {
    arm("endpoint");
    service.move("web1", MigrationState.HOLDING);
    FakeQmp qemu = qemu().run("inmigrate");
    CompletableFuture<CliRun> run = watching(qemu);
    qemu.say(
        "\r\n\nnot JSON\n[1, 2]\n\"event\"\n{\"event\": 7, \"data\": [], \"timestamp\": null}\n");
    qemu.say("{\"event\": \"JUNK\", \"data\": \"" + "x".repeat(3 << 20) + "\"}\n");
    qemu.event("RESUME", "", THEN);
    assertThat(run.get().exitCode()).isZero();
  }

  @Test
  void aSocketThatIsNoMonitorIsNamed() throws Exception {
    arm("redirector");
    FakeQmp qemu = qemu().greeting("220 mail.example.org ESMTP\r\n");
    CliRun run = begin().get();
    assertThat(run.exitCode()).isEqualTo(1);
    assertThat(run.err())
        .isEqualTo(
            "What answers on "
                + monitor
                + " is no QMP monitor of QEMU. web1 is armed as before, and nothing is held.\n");
    assertThat(qemu.orders()).isEmpty();
  }

  @Test
  void aSocketThatIsNotThereIsWaitedForAndNamed() throws Exception {
    arm("redirector");
    CliRun run = begin("--connect-timeout=120ms").get();
    assertThat(run.exitCode()).isEqualTo(1);
    assertThat(run.err()).startsWith("There is no QMP socket " + monitor + ". ");
  }

  @Test
  void theWrongEndIsRefused() throws Exception {
    arm("redirector");
    FakeQmp qemu = qemu().run("inmigrate");
    CliRun wrong = begin().get();
    assertThat(wrong.exitCode()).isEqualTo(4);
    assertThat(wrong.err()).contains("waits for an incoming migration: is it the wrong socket?");
    assertThat(begin("--role=elsewhere").get().exitCode()).isEqualTo(2);
    qemu.run("running");
    CliRun other = begin("--role=destination").get();
    assertThat(other.exitCode()).isEqualTo(4);
    assertThat(other.err()).contains("waits for no incoming migration (it is running)");
    service.rollback("web1", false);
    arm("endpoint");
    CliRun source = begin("--role=source").get();
    assertThat(source.exitCode()).isEqualTo(4);
    assertThat(source.err()).contains("a source is watched at its redirector, host-b.");
  }

  @Test
  void whoComesTooLateIsTold() throws Exception {
    assertThat(begin().get().exitCode()).isEqualTo(4);
    arm("redirector");
    MigrationView unused = service.rollback("web1", false);
    CliRun over = begin().get();
    assertThat(over.exitCode()).isEqualTo(4);
    assertThat(over.err()).isEqualTo("web1 is rolled-back already: arm it anew.\n");
    server.close();
    assertThat(begin().get().exitCode()).isEqualTo(3);
  }

  /** It is started a moment too late: the guest is paused already, or runs already. */
  @Test
  void whatHappenedBeforeIsMadeUpFor() throws Exception {
    arm("redirector");
    FakeQmp qemu =
        qemu().capability("pause-before-switchover").run("paused").migration("pre-switchover");
    CompletableFuture<CliRun> run = begin();
    await(() -> qemu.saw("migrate-continue", 1));
    assertThat(state()).isEqualTo("holding");
    qemu.event("MIGRATION", "completed", THEN);
    service.release("web1");
    assertThat(run.get().exitCode()).isZero();
    qemu.close();

    service.move("web1", MigrationState.ROLLED_BACK);
    arm("endpoint");
    service.move("web1", MigrationState.HOLDING);
    FakeQmp there = qemu().run("running").migration("completed");
    CliRun late = begin().get();
    assertThat(late.exitCode()).isZero();
    assertThat(late.err()).contains("web1 is redirecting.");
    assertThat(there.orders()).hasSize(2);
  }

  @Test
  void aDaemonThatIsRestartedIsWaitedFor() throws Exception {
    arm("endpoint");
    service.move("web1", MigrationState.HOLDING);
    FakeQmp qemu = qemu().run("inmigrate");
    CompletableFuture<CliRun> run = watching(qemu);
    server.close();
    qemu.event("RESUME", "", THEN);
    Thread.sleep(50);
    server = new ControlServer(socket, service);
    server.start();
    assertThat(run.get().exitCode()).isZero();
    assertThat(run.get().err())
        .contains("release is not possible: No holdfast daemon is running")
        .contains("RESUME: web1 is redirecting.");
  }
}
