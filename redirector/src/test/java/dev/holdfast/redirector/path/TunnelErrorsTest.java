package dev.holdfast.redirector.path;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.tunnel.encap.IpInIp;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.time.Clock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What follows from ICMP errors, without a socket and with a clock of its own. */
class TunnelErrorsTest {
  private static final long SECOND = 1_000_000_000L;
  private static final IpAddress LOCAL = IpAddress.parse("192.0.2.1");
  private static final IpAddress REMOTE = IpAddress.parse("198.51.100.2");
  private static final IpAddress NOBODY = IpAddress.parse("198.51.100.3");
  private static final IpAddress ROUTER = IpAddress.parse("203.0.113.1");
  private static final IpAddress OLD = IpAddress.parse("10.1.0.10");

  private final List<String> done = new ArrayList<>();
  private final List<Runnable> due = new ArrayList<>();
  private final TunnelErrorCounts counts = new TunnelErrorCounts();
  private long now = 77;

  private final TunnelErrors.Tunnels tunnels =
      new TunnelErrors.Tunnels() {
        @Override
        public IpAddress local() {
          return LOCAL;
        }

        @Override
        public int longest(IpAddress remote) {
          return remote.equals(REMOTE) ? 1500 : 0;
        }

        @Override
        public boolean isGranted(IpAddress remote, IpAddress source, IpAddress destination) {
          return destination.equals(OLD);
        }

        @Override
        public void limit(IpAddress remote, int bytes) {
          done.add(remote + " limit " + bytes);
        }

        @Override
        public void returned(IpAddress remote, String why) {
          done.add(remote + " returned: " + why);
        }

        @Override
        public void passAgain(IpAddress remote) {
          done.add(remote + " passes again");
        }
      };

  private final TunnelErrors errors =
      new TunnelErrors(
          tunnels,
          counts,
          new Clock() {
            @Override
            public long nanoTime() {
              return now;
            }

            @Override
            public long epochNanos() {
              return now;
            }
          },
          (task, nanos) -> {
            assertThat(nanos).isEqualTo(600 * SECOND);
            due.add(task);
          });

  TunnelErrorsTest() {
    counts.located("host-b", REMOTE);
  }

  private static ByteBuf sent(IpAddress to, IpAddress inside) {
    ByteBuf inner = Unpooled.buffer();
    new PacketBuilder(IpAddress.parse("10.9.0.2"), inside).udp(1, 2).payload(1_452).write(inner);
    PacketView view = new PacketView();
    assertThat(view.check(inner, 0, inner.readableBytes())).isEqualTo(PacketFault.NONE);
    ByteBuf packet = Unpooled.buffer();
    assertThat(IpInIp.writeOuter(packet, view, LOCAL, to, 64, 1)).isTrue();
    return packet.writeBytes(inner);
  }

  private void tooBig(int mtu) {
    errors.onError(sent(REMOTE, OLD), 3, 4, mtu, ROUTER);
  }

  private void unreachable() {
    errors.onError(sent(REMOTE, OLD), 3, 1, 0, ROUTER);
  }

  @Test
  void aTooBigLowersThePathMtuForTenMinutes() {
    assertThat(errors.limit(REMOTE)).isEqualTo(Integer.MAX_VALUE);
    tooBig(1400);
    assertThat(done).containsExactly(REMOTE + " limit 1400");
    assertThat(errors.limit(REMOTE)).isEqualTo(1400);
    tooBig(1400);
    tooBig(1300); // too soon
    assertThat(done).hasSize(1);
    now += 60 * SECOND;
    tooBig(1300);
    assertThat(done).containsExactly(REMOTE + " limit 1400", REMOTE + " limit 1300");
    now += 540 * SECOND;
    due.getFirst().run();
    assertThat(done).as("lowered since then").hasSize(2);
    now += 60 * SECOND;
    due.getLast().run();
    assertThat(done).hasSize(3).last().isEqualTo(REMOTE + " limit " + Integer.MAX_VALUE);
    assertThat(errors.limit(REMOTE)).isEqualTo(Integer.MAX_VALUE);
    assertThat(counts.of("host-b")).isEqualTo(Map.of("too-big", 3L, "too-soon", 1L));
  }

  @Test
  void whatIsMadeUpIsCountedAndChangesNothing() {
    tooBig(68);
    tooBig(1500);
    errors.onError(sent(REMOTE, NOBODY), 3, 4, 1400, ROUTER);
    errors.onError(sent(NOBODY, OLD), 3, 4, 1400, ROUTER);
    errors.onError(Unpooled.EMPTY_BUFFER, 3, 4, 1400, null);
    for (int i = 0; i < 5; i++) {
      errors.onError(sent(REMOTE, NOBODY), 3, 1, 0, ROUTER);
    }
    assertThat(done).isEmpty();
    assertThat(due).isEmpty();
    assertThat(counts.of("host-b")).isEqualTo(Map.of("bad-mtu", 2L, "not-granted", 6L));
    assertThat(counts.ofNobody()).isEqualTo(Map.of("not-sent", 2L));
  }

  @Test
  void packetsThatComeBackAreToldOnceAndTheEndOfIt() {
    errors.heard(REMOTE);
    unreachable();
    unreachable();
    assertThat(done).isEmpty();
    unreachable();
    unreachable();
    assertThat(done).containsExactly(REMOTE + " returned: host unreachable, from " + ROUTER);
    errors.heard(REMOTE);
    assertThat(done).hasSize(1);
    now += 6 * SECOND;
    errors.heard(NOBODY);
    assertThat(done).hasSize(1);
    errors.heard(REMOTE);
    errors.heard(REMOTE);
    assertThat(done).hasSize(2).last().isEqualTo(REMOTE + " passes again");
    assertThat(counts.of("host-b")).isEqualTo(Map.of("host-unreachable", 4L));
  }

  @Test
  void anErrorWithoutASenderIsToldWithoutOne() {
    for (int i = 0; i < 3; i++) {
      errors.onError(sent(REMOTE, OLD), 11, 0, 0, null);
    }
    assertThat(done).containsExactly(REMOTE + " returned: time exceeded");
  }

  @Test
  void aRemoteHostThatIsForgottenIsNotHeardOfAgain() {
    tooBig(1400);
    errors.forget(REMOTE);
    assertThat(errors.limit(REMOTE)).isEqualTo(Integer.MAX_VALUE);
    now += 600 * SECOND;
    due.getFirst().run();
    assertThat(done).hasSize(1);
    tooBig(1350);
    errors.close();
    now += 600 * SECOND;
    due.forEach(Runnable::run);
    assertThat(done).containsExactly(REMOTE + " limit 1400", REMOTE + " limit 1350");
  }

  @Test
  void aRemoteHostMayHaveAnotherAddressThanBefore() {
    counts.located("host-b", NOBODY);
    tooBig(1400);
    assertThat(counts.of("host-b")).isEmpty();
    assertThat(counts.ofNobody()).isEqualTo(Map.of("too-big", 1L));
    counts.located("host-b", REMOTE);
    tooBig(1400);
    assertThat(counts.of("host-b")).isEqualTo(Map.of("too-big", 1L));
  }
}
