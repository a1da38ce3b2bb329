package dev.holdfast.redirector.capture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.tunnel.packet.PacketBuilder;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CaptureFileTest {
  private static final byte[] V4 = packet("10.9.0.2", "10.1.0.10");
  private static final byte[] V6 = packet("fd00:9::2", "fd00:1::10");

  @TempDir private Path folder;

  private static byte[] packet(String from, String to) {
    ByteBuf bytes = Unpooled.buffer();
    PacketBuilder.of(from, to).udp(5_000, 53).payload(20).write(bytes);
    return ByteBufUtil.getBytes(bytes);
  }

  private static byte[] hex(String text) {
    return HexFormat.of().parseHex(text.replace(" ", ""));
  }

  private static byte[] joined(byte[] first, byte[] second) {
    byte[] all = Arrays.copyOf(first, first.length + second.length);
    System.arraycopy(second, 0, all, first.length, second.length);
    return all;
  }

  /** A pcap file; each frame is taken to have had {@code more} bytes that were not captured. */
  private Path pcap(int linkType, int more, byte[]... frames) throws IOException {
    ByteBuf file = Unpooled.buffer();
    file.writeInt(0xa1b2c3d4).writeShort(2).writeShort(4).writeInt(0).writeInt(0);
    file.writeInt(262_144).writeInt(linkType);
    for (byte[] frame : frames) {
      file.writeInt(1).writeInt(0).writeInt(frame.length).writeInt(frame.length + more);
      file.writeBytes(frame);
    }
    return Files.write(folder.resolve("trace.pcap"), ByteBufUtil.getBytes(file));
  }

  @ParameterizedTest
  @CsvSource({
    "1,   52540010001052540001000208 00",
    "1,   525400100010525400010002 8100 0007 0800",
    "1,   525400100010525400010002 88a8 0007 8100 0008 0800",
    "101, ''",
    "12,  ''",
    "228, ''",
    "113, 0000 0001 0006 5254 0001 0002 0000 0800",
    "276, 0800 0000 0000 0002 0001 00 06 5254 0001 0002 0000",
    "276, 8100 0000 0000 0002 0001 00 06 5254 0001 0002 0000 0007 0800",
    "0,   02000000",
    "108, 00000002"
  })
  void theIpPacketIsFoundBehindEachLinkLayer(int linkType, String header) throws IOException {
    Path file = pcap(linkType, 0, joined(hex(header), V4));
    assertThat(CaptureFile.read(file, 1).packet()).isEqualTo(V4);
    assertThat(CaptureFile.read(file, 1).missing()).isZero();
  }

  @Test
  void ipv6IsFoundToo() throws IOException {
    Path file =
        pcap(
            1,
            0,
            joined(hex("52540010001052540001000286dd"), V6),
            joined(hex("5254001000105254"), V4));
    assertThat(CaptureFile.read(file, 1).packet()).isEqualTo(V6);
  }

  @Test
  void paddingIsNotOfThePacket() throws IOException {
    byte[] padded = joined(joined(hex("5254001000105254000100020800"), V4), new byte[30]);
    assertThat(CaptureFile.read(pcap(1, 0, padded), 1).packet()).isEqualTo(V4);
  }

  @Test
  void whatWasNotCapturedIsZerosAndCounted() throws IOException {
    Path file = pcap(101, 8, Arrays.copyOf(V4, V4.length - 8));
    CaptureFile.Captured captured = CaptureFile.read(file, 1);
    assertThat(captured.missing()).isEqualTo(8);
    byte[] expected = Arrays.copyOf(Arrays.copyOf(V4, V4.length - 8), V4.length);
    assertThat(captured.packet()).isEqualTo(expected);
  }

  @Test
  void aLengthThatLiesIsLeftToWhoeverLooks() throws IOException {
    byte[] shorter = Arrays.copyOf(V4, V4.length - 8);
    assertThat(CaptureFile.read(pcap(101, 0, shorter), 1).packet()).isEqualTo(shorter);
  }

  @Test
  void pcapngIsReadAsWell() throws IOException {
    ByteBuf file = Unpooled.buffer();
    file.writeInt(0x0a0d0d0a).writeInt(28).writeInt(0x1a2b3c4d).writeShort(1).writeShort(0);
    file.writeLong(-1).writeInt(28); // section header
    file.writeInt(1).writeInt(20).writeShort(101).writeShort(0).writeInt(0).writeInt(20);
    int padded = (V4.length + 3) / 4 * 4;
    file.writeInt(6).writeInt(32 + padded).writeInt(0).writeLong(0);
    file.writeInt(V4.length).writeInt(V4.length).writeBytes(V4).writeZero(padded - V4.length);
    file.writeInt(32 + padded);
    Path path = Files.write(folder.resolve("trace.pcapng"), ByteBufUtil.getBytes(file));
    assertThat(CaptureFile.read(path, 1).packet()).isEqualTo(V4);
  }

  private void refuses(Path file, int number, String... words) {
    assertThatThrownBy(() -> CaptureFile.read(file, number))
        .isInstanceOf(IOException.class)
        .message()
        .contains(words);
  }

  @Test
  void whatCannotBeReadSaysWhy() throws IOException {
    Path file = pcap(1, 0, joined(hex("5254001000105254000100020800"), V4), new byte[9]);
    refuses(file, 0, "Packets are counted from 1");
    refuses(file, 3, "There is no packet 3", "it has 2");
    refuses(file, 2, "Packet 2", "it ends within its link-layer header");
    refuses(folder.resolve("none.pcap"), 1, "There is no file", "none.pcap");
    refuses(folder, 1, "is a directory");
    refuses(Files.writeString(folder.resolve("text"), "no capture, this"), 1, "is no capture file");
    refuses(pcap(1, 0, hex("ffffffffffff525400010002 0806 0001")), 1, "its type is 0x0806");
    refuses(pcap(147, 0, V4), 1, "its link type 147 is not known here");
    Path cut = pcap(101, 0, V4);
    byte[] bytes = Files.readAllBytes(cut);
    refuses(
        Files.write(cut, Arrays.copyOf(bytes, bytes.length - 5)),
        1,
        "damaged at byte 24",
        "ends within");
  }
}
