package dev.holdfast.redirector.demo.measure;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.tunnel.packet.IpAddress;
import java.util.Objects;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

/**
 * A connection on paper: the peer's initial number is just below 2^32, the service's 5000, and
 * times are plain numbers.
 */
class ConnectionTraceTest {
  private static final IpAddress PEER = IpAddress.parse("10.9.0.2");
  private static final IpAddress SERVICE = IpAddress.parse("10.1.0.10");
  private static final int PEER_START = -50;
  private static final int SERVICE_START = 5000;

  private final HeaderLog log = new HeaderLog(SERVICE);

  /** The peer sends {@code payload} bytes from {@code at} on, having received {@code acked}. */
  private void peer(long time, int at, int payload, int acked) {
    log.add(
        time,
        new TcpHeader(
            PEER,
            40001,
            SERVICE,
            7001,
            PEER_START + at,
            SERVICE_START + acked,
            TcpHeader.ACK,
            payload));
  }

  private void service(long time, int at, int payload, int acked) {
    log.add(
        time,
        new TcpHeader(
            SERVICE,
            7001,
            PEER,
            40001,
            SERVICE_START + at,
            PEER_START + acked,
            TcpHeader.ACK,
            payload));
  }

  private ConnectionTrace trace() {
    return Objects.requireNonNull(log.traces().get(new HeaderLog.Connection(40001, 7001)));
  }

  @Test
  void recoveryIsTheFirstNewAcknowledgementAfterRelease() {
    peer(10, 0, 100, 0);
    service(11, 0, 0, 100);
    peer(20, 100, 100, 0); // its number wraps
    peer(40, 100, 100, 0);
    service(105, 0, 0, 100); // nothing new
    service(107, 0, 0, 150);
    service(109, 0, 0, 200);
    assertThat(trace().peerWaitsAt(100)).isTrue();
    assertThat(trace().recovery(100)).isEqualTo(OptionalLong.of(7));
  }

  @Test
  void whoWaitsForNothingHasNoRecovery() {
    peer(10, 0, 100, 0);
    service(11, 0, 0, 100);
    service(105, 0, 50, 100);
    assertThat(trace().peerWaitsAt(100)).isFalse();
    assertThat(trace().recovery(100)).isEmpty();
  }

  @Test
  void whoWaitsInVainHasNoRecovery() {
    service(5, 0, 0, 0);
    peer(10, 0, 100, 0);
    service(105, 0, 50, 0);
    assertThat(trace().peerWaitsAt(100)).isTrue();
    assertThat(trace().recovery(100)).isEmpty();
  }

  @Test
  void firstNewDataIsNoRetransmission() {
    service(10, 0, 100, 0);
    service(103, 0, 100, 0);
    service(104, 100, 0, 0);
    service(108, 100, 10, 0);
    assertThat(trace().firstNewData(100)).isEqualTo(OptionalLong.of(8));
    assertThat(trace().firstNewData(109)).isEmpty();
  }

  @Test
  void silenceCountsTheEndsOfTheWindow() {
    peer(10, 0, 1, 0);
    peer(50, 1, 1, 0);
    peer(55, 2, 1, 0);
    assertThat(trace().longestSilence(20, 60)).isEqualTo(30);
    assertThat(trace().longestSilence(50, 90)).isEqualTo(35);
    assertThat(trace().longestSilence(60, 90)).isEqualTo(30);
    assertThat(trace().longestSilence(0, 40)).isEqualTo(30);
  }

  @Test
  void roundTripLeavesOutWhatWasSentTwice() {
    peer(10, 0, 10, 0);
    peer(12, 0, 10, 0); // again
    service(13, 0, 0, 10);
    peer(20, 10, 10, 0);
    service(25, 0, 5, 20);
    peer(30, 20, 10, 5);
    service(34, 5, 5, 30);
    assertThat(trace().roundTrip(0, 100)).isEqualTo(OptionalLong.of(4));
    assertThat(trace().roundTrip(0, 29)).isEqualTo(OptionalLong.of(5));
    assertThat(trace().roundTrip(90, 100)).isEmpty();
  }

  @Test
  void othersAreNotLogged() {
    log.add(1, new TcpHeader(PEER, 1, IpAddress.parse("10.2.0.10"), 2, 0, 0, 0, 0));
    assertThat(log.size()).isZero();
  }

  @Test
  void theLogGrows() {
    for (int i = 0; i < 10_000; i++) {
      peer(i, i, 1, 0);
    }
    assertThat(log.size()).isEqualTo(10_000);
    assertThat(trace().segments()).hasSize(10_000);
    assertThat(trace().segments().getLast().end() - trace().segments().getFirst().end())
        .isEqualTo(9999);
  }
}
