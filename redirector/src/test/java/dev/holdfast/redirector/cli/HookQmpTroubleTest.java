package dev.holdfast.redirector.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.control.ControlServer;
import dev.holdfast.redirector.hook.FakeQmp;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.redirector.migration.MigrationView;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** {@code hook qmp} where something is not as it should be: what a user sees, and what is left. */
@Timeout(60)
class HookQmpTroubleTest extends HookQmpRig {

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

  /** Nothing has begun: it may be tried again. */
  @Test
  void aQemuThatVanishesBeforeItMovesLeavesItArmed() throws Exception {
    arm("redirector");
    FakeQmp qemu = qemu();
    CompletableFuture<CliRun> run = watching(qemu);
    qemu.close();
    assertThat(run.get().exitCode()).isEqualTo(1);
    assertThat(run.get().err())
        .endsWith(
            "There is no QMP socket "
                + monitor
                + ". web1 is armed as before, and nothing is held.\n");
    assertThat(state()).isEqualTo("armed");
    assertThat(service.show("web1").legal()).contains("hold", "rollback");
  }

  /** Whether the guest has run there nobody knows; a person may release or roll back. */
  @Test
  void aDestinationThatVanishesReleasesNothing() throws Exception {
    arm("endpoint");
    service.move("web1", MigrationState.HOLDING);
    FakeQmp qemu = qemu().run("inmigrate");
    CompletableFuture<CliRun> run = watching(qemu);
    qemu.close();
    assertThat(run.get().exitCode()).isEqualTo(1);
    assertThat(run.get().err())
        .contains(
            "There is no QMP socket " + monitor + ". web1 goes on holding. If the guest runs at",
            "holdfast migration release web1");
    assertThat(state()).isEqualTo("holding");
    service.release("web1");
    assertThat(state()).isEqualTo("redirecting");
  }

  /** Events that belong to no move of this guest, and to one that is over, change nothing. */
  @Test
  void eventsOutOfOrderChangeNothing() throws Exception {
    arm("redirector");
    FakeQmp qemu = qemu();
    CompletableFuture<CliRun> run = watching(qemu, "--timeout=20s");
    for (String status : List.of("completed", "cancelled", "failed")) {
      qemu.event("MIGRATION", status, THEN);
    }
    qemu.event("RESUME", "", THEN);
    qemu.event("STOP", "", THEN);
    qemu.event("RESUME", "", THEN);
    assertThat(run.get().exitCode()).isEqualTo(1);
    assertThat(run.get().err())
        .contains(
            "A migration that was not seen to begin has been cancelled: nothing is changed.\n");
    assertThat(state()).isEqualTo("armed");
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
    CliRun unknown = begin().get();
    assertThat(unknown.exitCode()).isEqualTo(4);
    assertThat(unknown.err()).isEqualTo("There is no migration 'web1'.\n");
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
