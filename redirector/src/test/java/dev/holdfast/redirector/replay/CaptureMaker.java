package dev.holdfast.redirector.replay;

import dev.holdfast.redirector.capturefile.CaptureReader;
import dev.holdfast.redirector.capturefile.LinkLayer;
import dev.holdfast.redirector.capturefile.PcapNgWriter;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Arrays;

/**
 * A capture of one connection, segment by segment, in memory; a millisecond from one to the next.
 */
final class CaptureMaker {
  static final IpAddress GUEST = IpAddress.parse("10.1.0.10");
  static final IpAddress PEER = IpAddress.parse("10.9.0.2");
  static final int GUEST_ISS = 5_000;
  static final int PEER_ISS = -20; // its numbers wrap soon

  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private final PcapNgWriter writer;
  private long epoch = 1_700_000_000_000_000_000L;
  private int guestNext = GUEST_ISS;
  private int peerNext = PEER_ISS;
  private int peerPort = 40_000;

  CaptureMaker() throws IOException {
    writer = new PcapNgWriter(bytes, "a test");
    writer.describe("any", "", LinkLayer.RAW, 0);
  }

  CaptureMaker after(long millis) {
    epoch += millis * 1_000_000;
    return this;
  }

  CaptureMaker backwards(long millis) {
    epoch -= millis * 1_000_000;
    return this;
  }

  CaptureMaker packet(PacketBuilder packet) throws IOException {
    ByteBuf out = Unpooled.buffer();
    packet.write(out);
    epoch += 1_000_000;
    writer.packet(0, epoch, out.nioBuffer(), out.readableBytes(), "");
    return this;
  }

  private CaptureMaker segment(boolean byGuest, int flags, byte[] data) throws IOException {
    int sequence = byGuest ? guestNext : peerNext;
    int acknowledgment = byGuest ? peerNext : guestNext;
    boolean opens = (flags & (PacketView.SYN | PacketView.ACK)) == PacketView.SYN;
    packet(
        new PacketBuilder(byGuest ? GUEST : PEER, byGuest ? PEER : GUEST)
            .tcp(
                byGuest ? 80 : peerPort,
                byGuest ? peerPort : 80,
                sequence & 0xffff_ffffL,
                opens ? 0 : acknowledgment & 0xffff_ffffL,
                flags,
                60_000)
            .payload(data));
    int length = data.length + ((flags & PacketView.SYN) == 0 ? 0 : 1) + (flags & PacketView.FIN);
    if (byGuest) {
      guestNext += length;
    } else {
      peerNext += length;
    }
    return this;
  }

  CaptureMaker handshake() throws IOException {
    return segment(false, PacketView.SYN, new byte[0])
        .segment(true, PacketView.SYN | PacketView.ACK, new byte[0])
        .segment(false, PacketView.ACK, new byte[0]);
  }

  /** A question of so many bytes, and an answer. */
  CaptureMaker exchange(int question, int answer) throws IOException {
    return peer(question).guest(answer);
  }

  CaptureMaker peer(int length) throws IOException {
    return segment(false, PacketView.ACK | PacketView.PSH, filled(length, 'q'));
  }

  CaptureMaker guest(int length) throws IOException {
    return segment(true, PacketView.ACK | PacketView.PSH, filled(length, 'a'));
  }

  CaptureMaker close() throws IOException {
    return segment(false, PacketView.ACK | PacketView.FIN, new byte[0])
        .segment(true, PacketView.ACK | PacketView.FIN, new byte[0])
        .segment(false, PacketView.ACK, new byte[0]);
  }

  CaptureMaker opens() throws IOException {
    return segment(false, PacketView.SYN, new byte[0]);
  }

  CaptureMaker peerResets() throws IOException {
    return segment(false, PacketView.RST | PacketView.ACK, new byte[0]);
  }

  CaptureMaker peerResetsWithoutAck() throws IOException {
    return segment(false, PacketView.RST, new byte[0]);
  }

  /** The next segments are of another connection with the same ports and the same first numbers. */
  CaptureMaker sameAgain() {
    guestNext = GUEST_ISS;
    peerNext = PEER_ISS;
    return this;
  }

  /** The next segments are of another connection, with new numbers. */
  CaptureMaker another() {
    peerPort++;
    guestNext = GUEST_ISS;
    peerNext = PEER_ISS;
    return this;
  }

  /** The peer's numbers go on so much further: what is between is not in the capture. */
  CaptureMaker skips(int count) {
    peerNext += count;
    return this;
  }

  private static byte[] filled(int length, char with) {
    byte[] data = new byte[length];
    Arrays.fill(data, (byte) with);
    for (int i = 0; i < length; i += 7) {
      data[i] = (byte) i;
    }
    return data;
  }

  byte[] bytes() {
    return bytes.toByteArray();
  }

  static ReplayReport play(byte[] capture, ReplayOptions options) throws IOException {
    return play(capture, options, Points.NONE);
  }

  static ReplayReport play(byte[] capture, ReplayOptions options, Points points)
      throws IOException {
    try (CaptureReader reader = CaptureReader.of(new ByteArrayInputStream(capture), "test")) {
      return Replay.run(reader, "test", options, points, (packets, read, nanos) -> {});
    }
  }
}
