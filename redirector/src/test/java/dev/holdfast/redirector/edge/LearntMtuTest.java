package dev.holdfast.redirector.edge;

import static dev.holdfast.redirector.decide.Rule.ANSWER_GOES_BACK;
import static dev.holdfast.redirector.decide.Rule.GUEST_IS_THERE;
import static dev.holdfast.redirector.edge.MtuTest.full;
import static dev.holdfast.redirector.edge.MtuTest.tooBig;
import static dev.holdfast.redirector.edge.Packet.ACK;
import static dev.holdfast.redirector.edge.Row.both;
import static dev.holdfast.redirector.edge.Row.table;
import static dev.holdfast.redirector.edge.Scene.newHost;
import static dev.holdfast.redirector.edge.Scene.oldHost;

import dev.holdfast.tunnel.observe.DropReason;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** What an error from inside the tunnel has taught is passed on as an error of the right size. */
class LearntMtuTest {

  @TestFactory
  Stream<DynamicTest> aRightSizedError() {
    return table(
        both(
            "RFC 2003 5.1, RFC 2473 7.1",
            "the peer is told of what the outer header leaves of 1400",
            ip ->
                oldHost()
                    .over(ip)
                    .learnt(1_400)
                    .captures(full(ip.toGuest(), 1))
                    .by(GUEST_IS_THERE)
                    .drops(DropReason.TOO_BIG)
                    .delivers(tooBig(full(ip.toGuest(), 1), ip.fromGuest(), 1_400 - ip.header()))),
        both(
            "RFC 2003 5.1, RFC 2473 7.1",
            "the guest likewise",
            ip ->
                newHost()
                    .over(ip)
                    .learnt(1_400)
                    .captures(full(ip.fromGuest(), 1))
                    .by(ANSWER_GOES_BACK)
                    .drops(DropReason.TOO_BIG)
                    .delivers(tooBig(full(ip.fromGuest(), 1), ip.toGuest(), 1_400 - ip.header()))),
        both(
            "RFC 2003 5.1, RFC 2473 7.1",
            "inside the other family",
            ip -> {
              Ip outer = ip == Ip.V4 ? Ip.V6 : Ip.V4;
              return oldHost()
                  .over(outer)
                  .learnt(1_420)
                  .captures(full(ip.toGuest(), 1))
                  .by(GUEST_IS_THERE)
                  .drops(DropReason.TOO_BIG)
                  .delivers(tooBig(full(ip.toGuest(), 1), ip.fromGuest(), 1_420 - outer.header()));
            }),
        both(
            "RFC 2003 5.1",
            "what fits it goes on",
            ip -> {
              Packet fits = ip.toGuest().tcp(ACK).payload(1_400 - 2 * ip.header() - 20);
              return oldHost()
                  .over(ip)
                  .learnt(1_400)
                  .captures(fits)
                  .by(GUEST_IS_THERE)
                  .sends(ip.outgoing().around(fits));
            }),
        both(
            "RFC 1191 6.3, RFC 8201 4",
            "more than was proven to pass is not taken for true",
            ip ->
                oldHost()
                    .over(ip)
                    .learnt(9_000)
                    .captures(full(ip.toGuest(), 1))
                    .by(GUEST_IS_THERE)
                    .drops(DropReason.TOO_BIG)
                    .delivers(tooBig(full(ip.toGuest(), 1), ip.fromGuest(), 1_500 - ip.header()))));
  }
}
