package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.redirector.demo.host.DemoHost;
import dev.holdfast.redirector.demo.host.HostPlan;
import dev.holdfast.redirector.demo.host.NameService;
import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.Lab;
import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.redirector.demo.lab.LabOptions;
import dev.holdfast.redirector.migration.MigrationRequest;
import dev.holdfast.redirector.migration.MigrationView;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/**
 * A certificate expires while the guest is held, and its daemon is killed afterwards: two real
 * daemons in the demo's lab, one of which has a certificate for a minute or two.
 */
@Tag("suite-ways")
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
class ExpiryIT {
  /** Time enough to arm and hold on a busy machine. */
  private static final Duration VALIDITY = Duration.ofSeconds(90);

  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final Duration LONG = Duration.ofDays(365);
  private static final List<String> GRANTED = List.of("10.1.0.0/24");

  private final Cleanup cleanup = new Cleanup();

  @TempDir private Path folder;

  @AfterEach
  void takeDown() {
    cleanup.close();
    assertThat(cleanup.problems()).isEmpty();
  }

  /** Both daemons of a guest that is held, once {@code mortal}'s certificate has expired. */
  private record Held(DemoHost old, DemoHost fresh) {}

  private Held heldUntilExpiry(boolean oldExpires) throws Exception {
    Lab lab = Lab.build(LabOptions.plain(), cleanup);
    LabAddresses addresses = LabAddresses.V4;
    NameService names =
        NameService.start(lab.router(), addresses.router(), addresses.guestOld(), cleanup);
    long end = System.nanoTime() + VALIDITY.toNanos();
    var old =
        new DemoHost(
            new HostPlan("old-host", lab.oldHost(), addresses.oldHost(), Lab.BRIDGE),
            folder.resolve("old"),
            oldExpires ? VALIDITY : LONG);
    var fresh =
        new DemoHost(
            new HostPlan("new-host", lab.newHost(), addresses.newHost(), Lab.BRIDGE),
            folder.resolve("new"),
            oldExpires ? LONG : VALIDITY);
    old.start(fresh.asRemote(GRANTED), names, cleanup);
    fresh.start(old.asRemote(GRANTED), names, cleanup);
    old.awaitReady();
    fresh.awaitReady();
    var _ = old.control().arm(request());
    var _ = old.control().hold("web1");
    assertThat(System.nanoTime() - end).as("held before the certificate expires").isNegative();
    while (System.nanoTime() - end < Duration.ofSeconds(2).toNanos()) {
      Thread.sleep(100);
    }
    assertThat(old.control().show("web1").linkUp()).as("what runs goes on").isTrue();
    return new Held(old, fresh);
  }

  private static MigrationRequest request() {
    return MigrationRequest.of(
            "web1", List.of("10.1.0.10"), List.of("10.2.0.10"), "new-host", Lab.BRIDGE)
        .guestPort(Lab.OLD_PORT)
        .guestMac(Lab.GUEST_MAC)
        .encapsulation("tls")
        .holdPolicy("queue")
        .flowListCommand("true")
        .request();
  }

  private static MigrationView awaitAlert(DemoHost host, String words) throws Exception {
    long end = System.nanoTime() + LIMIT.toNanos();
    while (true) {
      MigrationView view = host.control().show("web1");
      if (view.alerts().stream().anyMatch(alert -> alert.contains(words))) {
        return view;
      }
      assertThat(System.nanoTime() - end)
          .as("'%s' in the alerts: %s", words, view.alerts())
          .isNegative();
      Thread.sleep(100);
    }
  }

  @Test
  void theRedirectorsDaemonGoesOnAloneAndCanTakeTheGuestBack() throws Exception {
    Held held = heldUntilExpiry(true);
    held.fresh().kill();
    held.fresh().startAgain(); // so the data connections are lost
    awaitAlert(held.old(), "this host's certificate (sha256:");

    held.old().kill();
    held.old().startAgain();
    MigrationView view = awaitAlert(held.old(), "this host's certificate expired at ");
    assertThat(view.state()).isEqualTo("holding");
    assertThatThrownBy(() -> held.old().control().rollback("web1", false))
        .hasMessageContaining("outside its dates")
        .hasMessageContaining("--force");
    assertThat(held.old().control().rollback("web1", true).state()).isEqualTo("rolled-back");
    assertThatThrownBy(() -> held.old().control().arm(request()))
        .hasMessageContaining("outside its dates");

    held.old().stop();
    assertThatThrownBy(held.old()::startAgain)
        .as("nothing is left to be looked after")
        .isInstanceOf(IOException.class)
        .hasMessageContaining("expired at ");
  }

  @Test
  void theEndpointsDaemonGoesOnAloneAndCanRelease() throws Exception {
    Held held = heldUntilExpiry(false);
    held.fresh().kill();
    held.fresh().startAgain();
    awaitAlert(held.old(), "the certificate of new-host at ");
    MigrationView view = awaitAlert(held.fresh(), "this host's certificate expired at ");
    assertThat(view.state()).isEqualTo("holding");
    assertThat(held.fresh().control().release("web1").state()).isEqualTo("redirecting");
  }
}
