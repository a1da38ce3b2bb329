package dev.holdfast.redirector.edge;

import static dev.holdfast.redirector.decide.Rule.GUEST_IS_THERE;
import static dev.holdfast.redirector.edge.Packet.ACK;
import static dev.holdfast.redirector.edge.Row.both;
import static dev.holdfast.redirector.edge.Row.table;
import static dev.holdfast.redirector.edge.Scene.oldHost;

import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** TTL and hop limit: each Holdfast host is one hop in either capture, and none more. */
class HopsTest {

  /** With a TUN it is the kernel that forwards, and has taken the hop. */
  @TestFactory
  Stream<DynamicTest> theTunnelItselfIsNoHop() {
    return table(
        both(
            "RFC 2003 3.1",
            "the inner TTL goes in as the kernel left it",
            ip ->
                oldHost()
                    .captures(ip.toGuest().ttl(63).tcp(ACK).payload(100))
                    .by(GUEST_IS_THERE)
                    .tunnels(ip.toGuest().ttl(63).tcp(ACK).payload(100))));
  }
}
