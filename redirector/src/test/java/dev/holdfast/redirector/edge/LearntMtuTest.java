package dev.holdfast.redirector.edge;

import static dev.holdfast.redirector.decide.Rule.ANSWER_GOES_BACK;
import static dev.holdfast.redirector.decide.Rule.GUEST_IS_THERE;
import static dev.holdfast.redirector.edge.MtuTest.carried;
import static dev.holdfast.redirector.edge.MtuTest.full;
import static dev.holdfast.redirector.edge.MtuTest.tooBig;
import static dev.holdfast.redirector.edge.Packet.ACK;
import static dev.holdfast.redirector.edge.Row.both;
import static dev.holdfast.redirector.edge.Row.table;
import static dev.holdfast.redirector.edge.Scene.newHost;
import static dev.holdfast.redirector.edge.Scene.oldHost;

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
                    .sends(carried(ip, 1_400, full(ip.toGuest(), 1), 0))
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
                    .sends(carried(ip, 1_400, full(ip.fromGuest(), 1), 0))
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
                  .sends(carried(outer, 1_420, full(ip.toGuest(), 1), 0))
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
                    .sends(carried(ip, 1_500, full(ip.toGuest(), 1), 0))
                    .delivers(tooBig(full(ip.toGuest(), 1), ip.fromGuest(), 1_500 - ip.header()))));
  }

  /** Somebody else who talks to the guest, or to whom it does. */
  private static String another(Ip ip) {
    return ip == Ip.V4 ? "192.0.2.77" : "2001:db8:9::77";
  }

  @TestFactory
  Stream<DynamicTest> itIsToldSeldom() {
    return table(
        both(
            "RFC 1812 4.3.2.8, RFC 4443 2.4",
            "of the rest of a window nothing is said",
            ip ->
                oldHost()
                    .over(ip)
                    .after(full(ip.toGuest(), 1), full(ip.toGuest(), 1_461))
                    .captures(full(ip.toGuest(), 2_921))
                    .by(GUEST_IS_THERE)
                    .sends(carried(ip, 1_500, full(ip.toGuest(), 2_921), 2))),
        both(
            "RFC 1812 4.3.2.8, RFC 4443 2.4",
            "the guest's window likewise",
            ip ->
                newHost()
                    .over(ip)
                    .after(full(ip.fromGuest(), 1))
                    .captures(full(ip.fromGuest(), 1_461))
                    .by(ANSWER_GOES_BACK)
                    .sends(carried(ip, 1_500, full(ip.fromGuest(), 1_461), 1))),
        both(
            "RFC 1812 4.3.2.8, RFC 4443 2.4",
            "another sender is told at once: he has not heard of it",
            ip ->
                oldHost()
                    .over(ip)
                    .after(full(ip.toGuest(), 1))
                    .captures(full(ip.toGuest().from(another(ip)), 1))
                    .by(GUEST_IS_THERE)
                    .sends(carried(ip, 1_500, full(ip.toGuest().from(another(ip)), 1), 1))
                    .delivers(
                        tooBig(
                            full(ip.toGuest().from(another(ip)), 1),
                            ip.fromGuest().to(another(ip)),
                            1_500 - ip.header()))),
        both(
            "RFC 1812 4.3.2.8, RFC 4443 2.4",
            "the guest is told of another connection at once",
            ip ->
                newHost()
                    .over(ip)
                    .after(full(ip.fromGuest(), 1))
                    .captures(full(ip.fromGuest().to(another(ip)), 1))
                    .by(ANSWER_GOES_BACK)
                    .sends(carried(ip, 1_500, full(ip.fromGuest().to(another(ip)), 1), 1))
                    .delivers(
                        tooBig(
                            full(ip.fromGuest().to(another(ip)), 1),
                            ip.toGuest().from(another(ip)),
                            1_500 - ip.header()))),
        both(
            "RFC 1812 4.3.2.8, RFC 4443 2.4",
            "after a second the same sender may be told again",
            ip ->
                newHost()
                    .over(ip)
                    .after(full(ip.fromGuest(), 1))
                    .later(1)
                    .captures(full(ip.fromGuest(), 2_921))
                    .by(ANSWER_GOES_BACK)
                    .sends(carried(ip, 1_500, full(ip.fromGuest(), 2_921), 1))
                    .delivers(
                        tooBig(full(ip.fromGuest(), 2_921), ip.toGuest(), 1_500 - ip.header()))));
  }
}
