package dev.holdfast.redirector.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.hook.FakeQmp;
import dev.holdfast.redirector.migration.MigrationState;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** {@code hook qmp} where a guest moves, or stays. */
@Timeout(60)
class HookQmpTest extends HookQmpRig {
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

  private FakeQmp released() throws Exception {
    arm("endpoint");
    service.move("web1", MigrationState.HOLDING);
    service.move("web1", MigrationState.REDIRECTING);
    return qemu().capability("pause-before-switchover");
  }

  /** The other end of that way: QEMU's source is where Holdfast's endpoint is. */
  @Test
  void aGuestThatLeavesItsEndpointIsHeldForTheWayBack() throws Exception {
    FakeQmp qemu = released();
    CompletableFuture<CliRun> run = watching(qemu, "--role=source");
    qemu.event("MIGRATION", "active", THEN);
    assertThat(service.show("web1").wayBack()).isNull();
    qemu.event("STOP", "", THEN);
    qemu.event("MIGRATION", "pre-switchover", THEN);
    await(() -> qemu.saw("migrate-continue", 1));
    assertThat(service.show("web1").wayBack()).isNotNull();
    qemu.event("MIGRATION", "completed", THEN);
    service.rollback("web1", true);
    assertThat(run.get().err())
        .contains(
            "STOP: web1 is redirecting, held for the way back. (2.0 ms after it)\n",
            "The hold stands: QEMU switches over.\n",
            "The guest of web1 has moved: it is back at host-b.\n");
    assertThat(run.get().exitCode()).isZero();
  }

  @Test
  void aGuestThatStaysAtItsEndpointIsHeldNoMore() throws Exception {
    FakeQmp qemu = released();
    CompletableFuture<CliRun> run = watching(qemu, "--role=source", "--no-gate");
    qemu.event("MIGRATION", "active", THEN);
    qemu.event("STOP", "", THEN);
    await(() -> service.show("web1").wayBack() != null);
    qemu.run("running").event("MIGRATION", "cancelled", THEN);
    assertThat(run.get().err()).contains("web1 goes on here: QEMU's migration has been cancelled.");
    assertThat(run.get().exitCode()).isEqualTo(1);
    assertThat(service.show("web1").wayBack()).isNull();
    assertThat(state()).isEqualTo("redirecting");
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
    CompletableFuture<CliRun> run = watching(qemu, "--timeout=20s");
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
}
