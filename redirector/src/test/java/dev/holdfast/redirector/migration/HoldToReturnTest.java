package dev.holdfast.redirector.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.redirector.control.ControlClient;
import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.steer.FakeKernel;
import dev.holdfast.redirector.steer.LinuxKernel;
import dev.holdfast.tunnel.identity.HostIdentity;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.time.SystemClock;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Two engines, with all that is between them, hold for a guest on its way back. */
@Timeout(60)
class HoldToReturnTest {
  private static final String NAME = "rehearsal";
  private static final IpAddress PEER = IpAddress.parse("198.51.100.1");

  @TempDir private Path folder;
  private RehearsalHost old;
  private RehearsalHost fresh;
  private ControlClient here;
  private ControlClient there;
  private boolean isOldGone;

  @BeforeEach
  void move() throws Exception {
    HostIdentity identity =
        HostIdentity.create(NAME, Duration.ofDays(9), SystemClock.INSTANCE, new SecureRandom());
    fresh = host("b", identity, Role.ENDPOINT);
    old = host("a", identity, Role.REDIRECTOR);
    InetSocketAddress address =
        fresh.start(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), NAME);
    InetSocketAddress unused = old.start(address, NAME);
    here = old.client();
    there = fresh.client();
    await(() -> here.show(NAME).linkUp());
    MigrationView held = here.hold(NAME);
    assertThat(held.state()).isEqualTo("holding");
    assertThat(there.release(NAME).state()).isEqualTo("redirecting");
    await(() -> here.show(NAME).state().equals("redirecting"));
  }

  private RehearsalHost host(String name, HostIdentity identity, Role role) throws Exception {
    return new RehearsalHost(
        folder.resolve(name),
        identity,
        new FakeKernel(new LinuxKernel()),
        SystemClock.INSTANCE,
        List.of(),
        DressRehearsal.record(role, null));
  }

  @AfterEach
  void stop() {
    if (!isOldGone) {
      old.close();
    }
    fresh.close();
  }

  private interface Condition {
    boolean holds() throws Exception;
  }

  private static void await(Condition condition) throws Exception {
    long end = System.nanoTime() + Duration.ofSeconds(10).toNanos();
    while (!condition.holds()) {
      assertThat(System.nanoTime() - end).as("it does not come").isNegative();
      Thread.sleep(2);
    }
  }

  private void arrives(int sequence) throws Exception {
    old.kernelSends(
        new PacketBuilder(PEER, IpAddress.parse("192.0.2.1"))
            .tcp(40_000, 80, sequence, 1, PacketView.ACK, 1_000)
            .payload(32));
  }

  private static boolean holds(ControlClient host) throws Exception {
    return host.show(NAME).wayBack() != null;
  }

  @Test
  void theEndpointIsAskedAndBothHoldUntilTheGuestGoesOn() throws Exception {
    MigrationView asked = there.holdToReturn(NAME);
    MigrationView.WayBackView view = Objects.requireNonNull(asked.wayBack());
    assertThat(view.then()).isEqualTo("keep");
    assertThat(view.limitEpochNanos() - view.sinceEpochNanos()).isEqualTo(60_000_000_000L);
    assertThat(asked.state()).isEqualTo("redirecting");
    assertThat(asked.legal()).contains("release");
    assertThat(holds(here)).isTrue();
    assertThat(here.show(NAME).legal()).containsExactly("rollback", "release");

    arrives(1);
    await(() -> here.show(NAME).held().packets() == 1);
    assertThat(there.holdToReturn(NAME).wayBack()).isEqualTo(view); // said twice
    assertThat(holds(here)).isTrue();

    assertThat(there.release(NAME).wayBack()).isNull();
    await(() -> !holds(here) && here.show(NAME).held().packets() == 0);
    await(() -> there.show(NAME).traffic().toGuestPackets() == 1);
    assertThat(there.release(NAME).state()).isEqualTo("redirecting"); // said twice
  }

  @Test
  void theRedirectorIsAskedAndTheEndpointFollows() throws Exception {
    assertThat(here.holdToReturn(NAME).wayBack()).isNotNull();
    await(() -> holds(there));
    assertThat(here.release(NAME).wayBack()).isNull();
    await(() -> !holds(there));
  }

  @Test
  void itIsNotDoneWhileItIsHeldAndTheGuestGetsAllWhenItIsBack() throws Exception {
    there.holdToReturn(NAME);
    for (boolean force : new boolean[] {false, true}) {
      assertThatThrownBy(() -> here.finish(NAME, force))
          .hasMessageContaining("held for a guest on its way back");
    }
    arrives(1);
    arrives(2);
    await(() -> here.show(NAME).held().packets() == 2);
    // The guest was never heard there after its pause: nobody has to force it.
    MigrationView back = here.rollback(NAME, false);
    assertThat(back.state()).isEqualTo("rolled-back");
    assertThat(back.wayBack()).isNull();
    await(() -> there.show(NAME).state().equals("rolled-back"));
    assertThat(holds(there)).isFalse();
    assertThatThrownBy(() -> here.holdToReturn(NAME)).hasMessageContaining("rolled-back");
    assertThatThrownBy(() -> there.holdToReturn(NAME)).hasMessageContaining("rolled-back");
  }

  @Test
  void oneThatHasEndedHasNoWayBack() throws Exception {
    here.finish(NAME, true);
    assertThatThrownBy(() -> here.holdToReturn(NAME))
        .isInstanceOf(RequestRefused.class)
        .hasMessageContaining("is done here (redirector): cannot hold to return");
  }

  @Test
  void anEndpointThatReachesNobodyGoesOnAsBefore() throws Exception {
    old.close();
    isOldGone = true;
    assertThatThrownBy(() -> there.holdToReturn(NAME)).isInstanceOf(RequestRefused.class);
    assertThat(holds(there)).isFalse();
  }
}
