package dev.holdfast.redirector.decide;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import org.junit.jupiter.api.Test;

final class FitTest {
  private static final long MS = 1_000_000;
  private static final int LIMIT = 1480;

  private final TooBigSenders senders = new TooBigSenders();

  private static PacketView view(PacketBuilder packet) {
    ByteBuf bytes = Unpooled.buffer(2048);
    packet.write(bytes);
    PacketView view = new PacketView();
    assertThat(view.check(bytes, 0, bytes.readableBytes())).isEqualTo(PacketFault.NONE);
    return view;
  }

  private static PacketBuilder v4() {
    return PacketBuilder.of("10.9.0.2", "10.1.0.10").dontFragment(true);
  }

  private static PacketBuilder v6() {
    return PacketBuilder.of("2001:db8::2", "fd00:1::10");
  }

  private static PacketView segment(PacketBuilder of, long sequence, int length) {
    return view(of.tcp(40_000, 80, sequence, 1, PacketView.ACK, 500).payload(length - 40));
  }

  private Fit fit(PacketView packet, int limit, long nowNanos) {
    return fit(packet, limit, 7, nowNanos);
  }

  private Fit fit(PacketView packet, int limit, int flow, long nowNanos) {
    Fit fit = Fit.of(packet, packet.length(), limit, senders, flow, nowNanos);
    assertThat(Fit.of(packet, packet.length(), limit, senders, flow, nowNanos))
        .as("asking changes nothing")
        .isEqualTo(fit);
    senders.note(fit, limit, flow, nowNanos);
    return fit;
  }

  @Test
  void whatFitsAsksNobody() {
    assertThat(fit(segment(v4(), 1, LIMIT), LIMIT, 0)).isEqualTo(Fit.WHOLE);
    assertThat(fit(segment(v4(), 1, LIMIT + 1), LIMIT, 0)).isEqualTo(Fit.TOLD_AND_CARRIED);
  }

  @Test
  void whoLetsItsPacketsBeFragmentedIsNotTold() {
    PacketView packet = segment(v4().dontFragment(false), 1, 1500);
    assertThat(fit(packet, LIMIT, 0)).isEqualTo(Fit.IN_FRAGMENTS);
  }

  @Test
  void nobodyIsToldToSendLessThanTheLeast() {
    assertThat(fit(segment(v4(), 1, 552), 500, 0)).isEqualTo(Fit.CARRIED);
    assertThat(fit(segment(v4(), 1, 553), 500, 0)).isEqualTo(Fit.TOLD_AND_CARRIED);
    assertThat(Fit.told(500, true)).isEqualTo(552);
    assertThat(fit(segment(v6(), 1, 1260), 1200, 0)).isEqualTo(Fit.CARRIED);
    assertThat(Fit.told(1200, false)).isEqualTo(1280);
    assertThat(Fit.told(1400, false)).isEqualTo(1400);
  }

  @Test
  void nothingIsSaidAboutWhatNothingMayBeSaidAbout() {
    PacketView error = view(v4().icmp(3, 1, 0).payload(1490));
    assertThat(fit(error, LIMIT, 0)).isEqualTo(Fit.CARRIED);
    PacketView later = view(v4().fragment(800, true).dontFragment(true).raw(17).payload(1480));
    assertThat(fit(later, LIMIT, 0)).isEqualTo(Fit.CARRIED);
  }

  @Test
  void tcpIsCarriedFromItsFirstSegmentOn() {
    PacketView full = segment(v4(), 1000, 1500);
    assertThat(fit(full, LIMIT, 0)).isEqualTo(Fit.TOLD_AND_CARRIED);
    assertThat(fit(full, LIMIT, MS)).isEqualTo(Fit.CARRIED_MEANWHILE);
    assertThat(fit(full, LIMIT, 100 * MS)).isEqualTo(Fit.TOLD_AND_CARRIED);
    assertThat(fit(full, LIMIT, 199 * MS)).isEqualTo(Fit.CARRIED_MEANWHILE);
    assertThat(fit(full, LIMIT, 999 * MS)).isEqualTo(Fit.TOLD_AND_CARRIED);
  }

  @Test
  void whoDoesNotHeedIsRemindedSeldom() {
    PacketView full = segment(v4(), 1000, 1500);
    for (int at = 0; at < 1_000; at += 100) {
      assertThat(fit(full, LIMIT, at * MS)).isEqualTo(Fit.TOLD_AND_CARRIED);
    }
    assertThat(fit(full, LIMIT, 1_000 * MS)).isEqualTo(Fit.RESCUED);
    assertThat(fit(full, LIMIT, 10_000 * MS)).isEqualTo(Fit.RESCUED);
    assertThat(fit(full, LIMIT, 10_900 * MS)).isEqualTo(Fit.TOLD_AND_RESCUED);
    assertThat(fit(full, LIMIT, 11_000 * MS)).isEqualTo(Fit.RESCUED);
  }

  @Test
  void whoHeedsAndTriesMoreAfterTenMinutesIsToldAgain() {
    PacketView full = segment(v4(), 1000, 1500);
    for (int at = 0; at < 300; at += 100) {
      assertThat(fit(full, LIMIT, at * MS)).isEqualTo(Fit.TOLD_AND_CARRIED);
    }
    assertThat(fit(full, LIMIT, 600_000 * MS)).isEqualTo(Fit.TOLD_AND_CARRIED);
    assertThat(fit(full, LIMIT, 600_100 * MS)).isEqualTo(Fit.TOLD_AND_CARRIED);
  }

  @Test
  void whoHasHeededIsToldAtOnceWhenLessPasses() {
    PacketView full = segment(v4(), 1000, 1500);
    for (int at = 0; at < 1_000; at += 100) {
      assertThat(fit(full, LIMIT, at * MS)).isEqualTo(Fit.TOLD_AND_CARRIED);
    }
    assertThat(fit(full, LIMIT, 1_000 * MS)).isEqualTo(Fit.RESCUED);
    assertThat(fit(segment(v4(), 1000, LIMIT), 1380, 1_001 * MS)).isEqualTo(Fit.TOLD_AND_CARRIED);
    assertThat(fit(segment(v4(), 1000, LIMIT), 1380, 1_002 * MS)).isEqualTo(Fit.CARRIED_MEANWHILE);
  }

  @Test
  void whatHasNoSequenceNumbersHasASecondAndIsToldThreeTimes() {
    PacketView datagram = view(v6().udp(1, 2).payload(1460));
    assertThat(fit(datagram, LIMIT, 0)).isEqualTo(Fit.TOLD);
    assertThat(fit(datagram, LIMIT, 50 * MS)).isEqualTo(Fit.JUST_TOLD);
    assertThat(fit(datagram, LIMIT, 150 * MS)).isEqualTo(Fit.TOLD);
    assertThat(fit(datagram, LIMIT, 1000 * MS)).as("a probe may be").isEqualTo(Fit.TOLD);
    assertThat(fit(datagram, LIMIT, 1010 * MS)).isEqualTo(Fit.RESCUED);
  }

  @Test
  void allFlowsTogetherAreToldAtABoundedRate() {
    int told = 0;
    for (int flow = 0; flow < 5_000; flow++) {
      PacketView packet = segment(v4(), 1, 1500);
      if (fit(packet, LIMIT, flow * 31, 0).isTold()) {
        told++;
      }
    }
    assertThat(told).isEqualTo(TooBigSenders.PER_SECOND);
    PacketView packet = segment(v4(), 1, 1500);
    assertThat(fit(packet, LIMIT, -1, 10 * MS)).isEqualTo(Fit.TOLD_AND_CARRIED);
  }
}
