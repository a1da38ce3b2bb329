package dev.holdfast.fuzz;

import dev.holdfast.tunnel.packet.PacketBuilder;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;

/** Inputs of targets: numbers and packets one behind the other; seeds are made the same way. */
public final class Bytes {
  private final byte[] bytes;
  private int at;

  Bytes(byte[] bytes) {
    this.bytes = bytes;
  }

  /** The next byte, 0 behind the end. */
  int u8() {
    return at < bytes.length ? bytes[at++] & 0xff : 0;
  }

  /** The next two bytes. */
  int u16() {
    return u8() << 8 | u8();
  }

  boolean hasMore() {
    return at < bytes.length;
  }

  /** All that is left. */
  byte[] rest() {
    return take(bytes.length - at);
  }

  /** A piece behind its length of two bytes, or what there is of it. */
  byte[] piece() {
    return take(u16());
  }

  private byte[] take(int wanted) {
    int length = Math.min(wanted, bytes.length - at);
    byte[] piece = new byte[length];
    System.arraycopy(bytes, at, piece, 0, length);
    at += length;
    return piece;
  }

  // ---- seeds ----

  public static byte[] hex(String text) {
    return HexFormat.of().parseHex(text.replaceAll("\\s", ""));
  }

  public static byte[] text(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  static byte[] packet(PacketBuilder builder) {
    ByteBuf buf = Unpooled.buffer();
    builder.write(buf);
    return bytesOf(buf);
  }

  /** The packet behind its virtio_net_hdr. */
  static byte[] withVnet(PacketBuilder builder) {
    ByteBuf buf = Unpooled.buffer();
    builder.writeWithVnet(buf);
    return bytesOf(buf);
  }

  static byte[] bytesOf(ByteBuf buf) {
    byte[] bytes = new byte[buf.readableBytes()];
    buf.getBytes(buf.readerIndex(), bytes);
    return bytes;
  }

  /** {@code head} and each of {@code packets} behind its length. */
  static byte[] pieces(String head, byte[]... packets) {
    ByteBuf buf = Unpooled.buffer().writeBytes(hex(head));
    for (byte[] packet : packets) {
      buf.writeShort(packet.length).writeBytes(packet);
    }
    return bytesOf(buf);
  }

  public static byte[] join(byte[]... pieces) {
    ByteBuf buf = Unpooled.buffer();
    for (byte[] piece : pieces) {
      buf.writeBytes(piece);
    }
    return bytesOf(buf);
  }

  /** One packet of every kind that the code tells apart. */
  static List<PacketBuilder> kinds() {
    String[] four = {"10.9.0.2", "10.1.0.10"};
    String[] six = {"fd00:9::2", "fd00:1::10"};
    return Stream.of(four, six)
        .flatMap(pair ->
            Stream.of(
                of(pair).tcp(40_000, 443, 1000, 2000, 0x18, 512).payload(20),
                of(pair)
                    .tcp(
                        40_000,
                        443,
                        999,
                        0,
                        2,
                        512,
                        hex("020405b4010303070101080a0000000100000000")),
                of(pair).tcp(40_000, 443, 1020, 2000, 0x11, 512),
                of(pair).tcp(40_000, 443, 1020, 2000, 4, 0),
                of(pair).udp(4500, 4500).payload(11),
                of(pair).icmp(pair == four ? 8 : 128, 0, 0x0001_0001).payload(8),
                of(pair).icmp(pair == four ? 3 : 1, 4, 1400).payload(packet(of(pair).udp(1, 2))),
                of(pair).udp(4500, 4500).payload(16).fragment(0, true),
                of(pair).raw(17).payload(16).fragment(1480, false),
                of(pair).raw(50).payload(24)))
        .toList();
  }

  /** Such as have headers of a varying length. */
  static List<PacketBuilder> longHeaders() {
    return List.of(
        PacketBuilder.of("10.9.0.2", "10.1.0.10").ipOptions(hex("0704040a00000001")).udp(1, 2),
        PacketBuilder.of("fd00:9::2", "fd00:1::10").extension(0).extension(60).udp(1, 2),
        PacketBuilder.of("fd00:9::2", "fd00:1::10")
            .extension(43, new byte[22])
            .tcp(1, 2, 3, 4, 2, 5),
        PacketBuilder.of("fd00:9::2", "fd00:1::10").extension(135).extension(139).extension(140),
        PacketBuilder.of("fd00:9::2", "fd00:1::10")
            .raw(51)
            .payload(hex("1104000000000001000000010000000000000000")));
  }

  static Stream<byte[]> packets() {
    return Stream.concat(kinds().stream(), longHeaders().stream()).map(Bytes::packet);
  }

  private static PacketBuilder of(String[] pair) {
    return PacketBuilder.of(pair[0], pair[1]);
  }
}
