package dev.holdfast.qemu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.guest.Qemu;
import dev.holdfast.redirector.migration.MigrationState;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Moves that come to nothing, and what breaks on the way: the clients live through all of it. */
@Tag("suite-tools")
class QemuFaultsSuiteIT extends QemuTest {
  private static final String GATE = "pause-before-switchover";

  /** The guest is paused at host-a, held there, and its QEMU waits to be told to go on. */
  private LiveMigration untilHeld(Qemu to) throws Exception {
    var migration =
        new LiveMigration(lab.guest().qemu(), to, lab.b().address(), List.of(GATE)).begin();
    migration.atSource("MIGRATION pre-switchover");
    lab.await(lab.a(), MigrationState.HOLDING);
    return migration;
  }

  @ParameterizedTest(name = "over a WAN: {0}")
  @ValueSource(booleans = {false, true})
  void aMigrationThatIsCancelledWhileItHoldsIsRolledBack(boolean wan) throws Exception {
    begin(wan, PACE);
    lab.arm("tls");
    Qemu to = lab.expectAt(lab.b(), List.of());
    HookProcess source = lab.hook(lab.a(), lab.guest().qemu().hookSocket(), "--no-gate");
    LiveMigration migration = untilHeld(to);
    Thread.sleep(Duration.ofSeconds(1)); // the clients go on talking into the pause
    migration.source().execute("migrate_cancel");
    migration.atSource("RESUME");
    source.endsWith(1);
    assertThat(source.said()).contains("was rolled back");
    endRolledBack();
  }

  @Test
  void aMigrationThatIsCancelledHalfWayIsRolledBackAndMayBeTriedAgain() throws Exception {
    begin(false, PACE);
    lab.arm("ipip");
    Qemu to = lab.expectAt(lab.b(), List.of());
    HookProcess source = lab.hook(lab.a(), lab.guest().qemu().hookSocket());
    var migration =
        new LiveMigration(lab.guest().qemu(), to, lab.b().address(), List.of())
            .with(Map.of("max-bandwidth", 4_000_000))
            .begin();
    while (migration.query().path("ram").path("transferred").asLong(0) < 8_000_000) {
      Thread.sleep(50);
    }
    migration.source().execute("migrate_cancel");
    migration.atSource("MIGRATION cancelled");
    source.endsWith(1);
    lab.await(lab.a(), MigrationState.ROLLED_BACK);
    to.close();
    v4.awaitMore(20);

    lab.arm("ipip");
    new GuestMove(lab)
        .by(again -> {
          again.with(Map.of("max-bandwidth", 100_000_000)).begin();
          again.atDestination("RESUME");
        })
        .there();
    newConnectionsWork();
    endWell();
  }

  @Test
  void aDestinationThatDiesBeforeItResumesLosesNothing() throws Exception {
    begin(false, PACE);
    lab.arm("tls");
    Qemu to = lab.expectAt(lab.b(), List.of());
    HookProcess source = lab.hook(lab.a(), lab.guest().qemu().hookSocket(), "--no-gate");
    HookProcess destination = lab.hook(lab.b(), to.hookSocket(), "--no-gate");
    LiveMigration migration = untilHeld(to);
    to.kill();
    migration.goOn();
    migration.atSource("MIGRATION failed");
    migration.atSource("RESUME");
    source.endsWith(1);
    assertThat(source.said()).contains("was rolled back");
    destination.endsWith(1);
    endRolledBack();
  }

  @Test
  void aSourceWhoseMonitorDisappearsIsStillHeldAndReleased() throws Exception {
    begin(false, PACE);
    lab.arm("tls");
    Qemu from = lab.guest().qemu();
    Qemu to = lab.expectAt(lab.b(), List.of());
    try (var relay = new UnixRelay(folder.resolve("relay"), from.hookSocket())) {
      HookProcess source = lab.hook(lab.a(), relay.socket(), "--no-gate");
      HookProcess destination = lab.hook(lab.b(), to.hookSocket());
      LiveMigration migration = untilHeld(to);
      relay.close();
      source.endsWith(1);
      assertThat(source.said())
          .contains("goes on holding", "migration release web1", "migration rollback web1");
      assertThat(lab.state(lab.a())).isEqualTo(MigrationState.HOLDING.label());

      migration.goOn();
      migration.atDestination("RESUME");
      destination.endsWith(0); // it alone is enough to release
      arrived(migration, to);
    }
    endWell();
  }

  @Test
  void aDestinationWhoseMonitorDisappearsIsReleasedByHand() throws Exception {
    begin(false, PACE);
    lab.arm("tls");
    Qemu to = lab.expectAt(lab.b(), List.of());
    try (var relay = new UnixRelay(folder.resolve("relay"), to.hookSocket())) {
      HookProcess source = lab.hook(lab.a(), lab.guest().qemu().hookSocket(), "--no-gate");
      HookProcess destination = lab.hook(lab.b(), relay.socket());
      LiveMigration migration = untilHeld(to);
      relay.close();
      destination.endsWith(1);
      assertThat(destination.said()).contains("migration release web1");
      migration.goOn();
      migration.atDestination("RESUME");
      assertThat(lab.state(lab.b())).isEqualTo(MigrationState.HOLDING.label());

      assertThat(lab.b().daemon().control().release(QemuLab.NAME).state())
          .isEqualTo(MigrationState.REDIRECTING.label());
      arrived(migration, to);
      source.endsWith(0);
    }
    endWell();
  }

  private void arrived(LiveMigration migration, Qemu to) throws Exception {
    Qemu left = lab.guest().runsAt(to);
    lab.takeAddresses(lab.b());
    migration.atSource("MIGRATION completed");
    left.close();
    newConnectionsWork();
  }
}
