package dev.holdfast.redirector.demo;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.load.Kind;
import dev.holdfast.redirector.demo.measure.HeaderLog;
import dev.holdfast.redirector.demo.measure.TcpHeader;
import dev.holdfast.tunnel.packet.IpAddress;
import org.junit.jupiter.api.Test;

/** One connection of each kind on paper; times are milliseconds. */
class MeasurementsTest {
  private static final IpAddress CLIENT = IpAddress.parse("10.9.0.2");
  private static final IpAddress GUEST = IpAddress.parse("10.1.0.10");
  private static final Moments MOMENTS = new Moments(ms(100), ms(290), ms(300), ms(1000));

  private final HeaderLog log = new HeaderLog(GUEST);

  private static long ms(long millis) {
    return millis * 1_000_000;
  }

  private void up(Kind kind, long millis, int at, int payload) {
    log.add(
        ms(millis), new TcpHeader(CLIENT, 1, GUEST, kind.port(), at, 0, TcpHeader.ACK, payload));
  }

  private void down(Kind kind, long millis, int at, int payload, int acked) {
    log.add(
        ms(millis),
        new TcpHeader(GUEST, kind.port(), CLIENT, 1, at, acked, TcpHeader.ACK, payload));
  }

  @Test
  void eachKindIsJudgedAsItShould() {
    up(Kind.BULK_UP, 90, 0, 100);
    down(Kind.BULK_UP, 91, 0, 0, 100);
    up(Kind.BULK_UP, 110, 100, 100); // waits
    down(Kind.BULK_UP, 307, 0, 0, 200); // 7 ms after release
    up(Kind.BULK_UP, 999, 200, 100);
    down(Kind.BULK_DOWN, 95, 0, 100, 0);
    up(Kind.BULK_DOWN, 96, 0, 0);
    down(Kind.BULK_DOWN, 420, 100, 100, 0); // the guest's own pace
    up(Kind.REQUESTS, 105, 0, 10); // waits in vain
    up(Kind.IDLE, 10, 0, 0);
    Measurements measured = Measurements.of(log, MOMENTS);
    assertThat(measured.recoveries().values()).containsExactly(7.0);
    assertThat(measured.unrecovered()).isEqualTo(1);
    assertThat(measured.guestBackoffs().values()).containsExactly(120.0);
    assertThat(measured.longestSilence()).isEqualTo(895.0);
    assertThat(measured.roundTrip()).isNull();
  }

  @Test
  void theRoundTripIsTheShortestOfTheRequestsAfterTheMove() {
    up(Kind.REQUESTS, 90, 0, 10);
    down(Kind.REQUESTS, 91, 0, 5, 10); // before it
    up(Kind.REQUESTS, 400, 10, 10);
    down(Kind.REQUESTS, 406, 5, 5, 20);
    up(Kind.REQUESTS, 420, 20, 10);
    down(Kind.REQUESTS, 424, 10, 5, 30);
    up(Kind.BULK_UP, 430, 0, 10);
    down(Kind.BULK_UP, 431, 0, 0, 10); // may be a delayed acknowledgement
    assertThat(Measurements.of(log, MOMENTS).roundTrip()).isEqualTo(4.0);
  }
}
