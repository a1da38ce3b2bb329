package dev.holdfast.redirector.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.control.ControlServer;
import dev.holdfast.redirector.control.FakeService;
import dev.holdfast.redirector.migration.MigrationRequest;
import dev.holdfast.redirector.migration.MigrationService.Event;
import dev.holdfast.redirector.migration.MigrationState;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class WaitCommandTest {
  @TempDir private Path folder;
  private final FakeService service = new FakeService();
  private Path socket;
  private ControlServer server;

  @BeforeEach
  void start() throws Exception {
    socket = folder.resolve("c.sock");
    startServer();
    arm("web1");
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private void startServer() throws IOException {
    server = new ControlServer(socket, service);
    server.start();
  }

  private void arm(String name) throws Exception {
    service.arm(
        MigrationRequest.of(name, List.of("10.1.0.10"), List.of("10.2.0.10"), "host-b", "br0")
            .request());
  }

  /** Begins to wait, and returns when the daemon was asked how far the migration is. */
  private CompletableFuture<CliRun> begin(String command) {
    int shows = service.shows();
    CompletableFuture<CliRun> run = follow(command);
    while (service.shows() == shows) {
      Thread.onSpinWait();
    }
    return run;
  }

  /** Returns when the daemon has somebody to tell events to. */
  private CompletableFuture<CliRun> follow(String command) {
    CompletableFuture<CliRun> run =
        CompletableFuture.supplyAsync(
            () -> CliRun.at(socket, command), task -> Thread.ofVirtual().start(task));
    while (service.listeners() == 0) {
      Thread.onSpinWait();
    }
    return run;
  }

  @Test
  void itReturnsWhenTheStateIsReachedAndTellsTheWay() throws Exception {
    CompletableFuture<CliRun> run = begin("wait web1 --for redirecting");
    service.move("web1", MigrationState.HOLDING);
    service.move("web1", MigrationState.REDIRECTING);
    assertThat(run.get().out())
        .isEqualTo(
            "web1 is redirecting. Now legal: rollback.\n"
                + "! The hold has lasted longer than its limit.\n");
    assertThat(run.get().err()).contains("12:00:04 web1 redirecting: redirecting\n");
    assertThat(run.get().exitCode()).isZero();
  }

  @Test
  void whatIsPastIsReached() throws Exception {
    service.move("web1", MigrationState.HOLDING);
    service.move("web1", MigrationState.REDIRECTING);
    service.move("web1", MigrationState.DRAINING);
    CliRun run = CliRun.at(socket, "wait web1 --for redirecting");
    assertThat(run.exitCode()).isZero();
    assertThat(run.err()).isEmpty();
  }

  @Test
  void doneEndsWithTheReport() throws Exception {
    service.move("web1", MigrationState.HOLDING);
    service.move("web1", MigrationState.REDIRECTING);
    CompletableFuture<CliRun> run = begin("wait web1 --for done --timeout 5m");
    arm("web2"); // another migration's events mean nothing
    service.publish(new Event(0, "link", "", "", "", "host-b is up"));
    service.move("web1", MigrationState.DRAINING);
    service.move("web1", MigrationState.DONE);
    assertThat(run.get().exitCode()).isZero();
    assertThat(run.get().out()).startsWith("Continuity report of web1\n");
    assertThat(run.get().err()).contains("web1 done: done").doesNotContain("web2", "host-b is up");
  }

  @Test
  void drainedMeansThatNoConnectionIsLeft() throws Exception {
    service.move("web1", MigrationState.HOLDING);
    service.move("web1", MigrationState.REDIRECTING);
    CompletableFuture<CliRun> run = begin("wait web1 --for drained");
    service.move("web1", MigrationState.DRAINING);
    service.remaining(0);
    assertThat(run.get().exitCode()).isZero();
    assertThat(run.get().out()).startsWith("web1 is draining.");
  }

  @Test
  void aTimeoutSaysHowFarItIs() {
    CliRun run = CliRun.at(socket, "wait web1 --for done --timeout 50ms");
    assertThat(run.exitCode()).isEqualTo(1);
    assertThat(run.err())
        .isEqualTo(
            "web1 is still armed after 50 ms; 1 connection left, see: holdfast flow list --remaining"
                + " --migration web1\n");
    assertThat(run.out()).isEmpty();
  }

  @Test
  void aRollbackCannotBeWaitedOut() throws Exception {
    CompletableFuture<CliRun> run = begin("wait web1 --for done");
    service.rollback("web1", false);
    assertThat(run.get().exitCode()).isEqualTo(1);
    assertThat(run.get().err()).endsWith("web1 was rolled back.\n");
  }

  @Test
  void aRestartOfTheDaemonIsWaitedFor() throws Exception {
    CompletableFuture<CliRun> run = begin("wait web1 --for redirecting");
    server.close();
    service.move("web1", MigrationState.HOLDING);
    service.move("web1", MigrationState.REDIRECTING);
    startServer();
    assertThat(run.get().exitCode()).isZero();
    assertThat(run.get().err())
        .contains(
            "The daemon has stopped; waiting for it to come back.\n", "The daemon is back.\n");
  }

  @Test
  void whatCannotBeWaitedForIsRefused() {
    assertThat(CliRun.at(socket, "wait none --for done").exitCode()).isEqualTo(4);
    CliRun goal = CliRun.at(socket, "wait web1 --for nirvana");
    assertThat(goal.exitCode()).isEqualTo(2);
    assertThat(goal.err())
        .startsWith(
            "Invalid value for option '--for': 'nirvana' is not one of redirecting, drained, done");
    CliRun time = CliRun.at(socket, "wait web1 --for done --timeout 5");
    assertThat(time.exitCode()).isEqualTo(2);
    assertThat(time.err()).startsWith("Invalid value for option '--timeout': '5' has no unit;");
    server.close();
    assertThat(CliRun.at(socket, "wait web1 --for done").exitCode()).isEqualTo(3);
  }

  @Test
  void eventsAreFollowedUntilTheDaemonStops() throws Exception {
    CompletableFuture<CliRun> text = follow("events");
    service.move("web1", MigrationState.HOLDING);
    service.publish(new Event(FakeService.NOON, "alert", "id-1", "web1", "holding", "Too long."));
    service.publish(new Event(FakeService.NOON, "link", "", "", "", "host-b is up"));
    server.close();
    assertThat(text.get().exitCode()).isZero();
    assertThat(text.get().out())
        .isEqualTo(
            "12:00:03 web1 holding: holding\n"
                + "12:00:00 web1 holding: ! Too long.\n"
                + "12:00:00: host-b is up\n");
    startServer();
    CompletableFuture<CliRun> json = follow("events --json");
    service.publish(new Event(7, "link", "", "", "", "host-b is up"));
    server.close();
    assertThat(json.get().out())
        .isEqualTo(
            "{\"schema\":\"holdfast.event/1\",\"epochNanos\":7,\"type\":\"link\",\"migration\":\"\","
                + "\"name\":\"\",\"state\":\"\",\"text\":\"host-b is up\"}\n");
  }
}
