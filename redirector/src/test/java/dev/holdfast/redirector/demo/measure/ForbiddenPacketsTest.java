package dev.holdfast.redirector.demo.measure;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.tunnel.packet.IpAddress;
import java.util.Set;
import org.junit.jupiter.api.Test;

class ForbiddenPacketsTest {
  private static final IpAddress CLIENT = IpAddress.parse("10.9.0.2");
  private static final IpAddress GUEST = IpAddress.parse("10.1.0.10");
  private static final Set<Integer> CLOSED = Set.of(40001);
  private static final long SINCE = 500;

  private final ForbiddenPackets forbidden = new ForbiddenPackets(GUEST);

  private static TcpHeader reset(int clientPort, boolean fromGuest) {
    return fromGuest
        ? new TcpHeader(GUEST, 7001, CLIENT, clientPort, 5, 0, TcpHeader.RST, 0)
        : new TcpHeader(CLIENT, clientPort, GUEST, 7001, 5, 0, TcpHeader.RST, 0);
  }

  @Test
  void aResetIsForbidden() {
    forbidden.add("client", Set.of(CLIENT), 100, reset(40001, true));
    assertThat(forbidden.seen(CLOSED, SINCE))
        .containsExactly("RST 10.1.0.10:7001 > 10.9.0.2:40001 at client (0.000000100)");
  }

  @Test
  void aLateOneOfTheSendersOwnKernelIsNot() {
    forbidden.add("guest", Set.of(GUEST), 600, reset(40001, true));
    forbidden.add("router", Set.of(), 601, reset(40001, true));
    forbidden.add("client", Set.of(CLIENT), 602, reset(40001, true));
    assertThat(forbidden.seen(CLOSED, SINCE)).isEmpty();
    assertThat(forbidden.seen()).hasSize(3);
  }

  @Test
  void aLateOneThatItsSenderNeverSentIs() {
    forbidden.add("router", Set.of(), 601, reset(40001, true));
    forbidden.add("client", Set.of(CLIENT), 602, reset(40001, true));
    assertThat(forbidden.seen(CLOSED, SINCE)).hasSize(2);
  }

  @Test
  void anEarlyOneOfTheSendersOwnKernelIs() {
    forbidden.add("client", Set.of(CLIENT), 400, reset(40001, false));
    forbidden.add(
        "guest", Set.of(GUEST), 600, reset(40002, true)); // one that never came to its end
    assertThat(forbidden.seen(CLOSED, SINCE)).hasSize(2);
  }
}
