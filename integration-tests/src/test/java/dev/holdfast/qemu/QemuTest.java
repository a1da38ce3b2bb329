package dev.holdfast.qemu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.guest.GuestContents;
import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.redirector.demo.lab.LabOptions;
import dev.holdfast.redirector.demo.lab.Wan;
import dev.holdfast.redirector.migration.MigrationState;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/** A lab of its own for each test, with a client of each family that must not notice anything. */
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
@Timeout(900)
@SuppressWarnings("NullAway.Init") // each test begins with begin()
abstract class QemuTest {
  static final Duration PACE = Duration.ofMillis(10);

  private final Cleanup cleanup = new Cleanup();

  @TempDir Path folder;

  QemuLab lab;
  LineClient v4;
  LineClient v6;

  /** Both sites on one router, or with {@link Wan#USUAL} between them. */
  void begin(boolean wan, Duration pace) throws Exception {
    begin(wan, pace, List.of(), List.of());
  }

  /** The same with kernel modules and hardware in the guest. */
  void begin(boolean wan, Duration pace, List<String> modules, List<String> hardware)
      throws Exception {
    begin(wan, pace, GuestContents.of(modules, QemuLab.PROGRAMS), hardware);
  }

  /** The same with all that the guest has. */
  void begin(boolean wan, Duration pace, GuestContents contents, List<String> hardware)
      throws Exception {
    LabOptions options = LabOptions.plain().withWan(wan ? Wan.USUAL : Wan.NONE);
    lab = new QemuLab(options, folder, contents, hardware, cleanup);
    v4 = lab.client(LabAddresses.V4.guestOld(), pace);
    v6 = lab.client(LabAddresses.V6.guestOld(), pace);
  }

  /**
   * A download and a shell at the guest's servers.
   *
   * @param slow bytes a second of the download, at most, while the guest moves
   */
  GuestVisit visit(GuestServers servers, long slow) throws Exception {
    return new GuestVisit(lab, servers, slow, cleanup);
  }

  @AfterEach
  void takeDown() {
    cleanup.close();
    assertThat(cleanup.problems()).isEmpty();
  }

  /** The clients have lived through it, and the migration ends by itself, with nothing left. */
  void endWell() throws Exception {
    finishClients();
    lab.listFlows();
    lab.awaitDone();
    lab.nothingForbidden();
    lab.nothingIsLeft();
  }

  /** The same where the migration was rolled back. */
  void endRolledBack() throws Exception {
    finishClients();
    lab.await(lab.a(), MigrationState.ROLLED_BACK);
    lab.await(lab.b(), MigrationState.ROLLED_BACK);
    lab.nothingForbidden();
    lab.nothingIsLeft();
  }

  private void finishClients() throws Exception {
    v4.awaitMore(20);
    v6.awaitMore(20);
    lab.finish(v4, v6);
  }

  /** A client that comes after the move, to the new address. */
  void newConnectionsWork() throws Exception {
    lab.finish(
        lab.client(LabAddresses.V4.guestNew(), PACE), lab.client(LabAddresses.V6.guestNew(), PACE));
  }
}
