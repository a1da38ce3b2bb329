package dev.holdfast.redirector.capturefile;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import java.util.zip.GZIPOutputStream;

/** Capture files for tests, made byte by byte, in either byte order. */
final class CaptureBytes {
  private final boolean bigEndian;
  private final ByteBuf file = Unpooled.buffer();

  CaptureBytes(boolean bigEndian) {
    this.bigEndian = bigEndian;
  }

  CaptureBytes u32(long... values) {
    for (long value : values) {
      file.writeInt(bigEndian ? (int) value : Integer.reverseBytes((int) value));
    }
    return this;
  }

  CaptureBytes u16(int... values) {
    for (int value : values) {
      file.writeShort(bigEndian ? value : Short.reverseBytes((short) value));
    }
    return this;
  }

  CaptureBytes u64(long value) {
    return bigEndian ? u32(value >>> 32, value) : u32(value, value >>> 32);
  }

  CaptureBytes bytes(byte... bytes) {
    file.writeBytes(bytes);
    return this;
  }

  private CaptureBytes padded(byte[] bytes) {
    return bytes(Arrays.copyOf(bytes, bytes.length + 3 & ~3));
  }

  // ---- pcap ----

  CaptureBytes pcap(int magic, int linkType) {
    return u32(magic & 0xffff_ffffL).u16(2, 4).u32(0, 0, 262_144, linkType);
  }

  CaptureBytes record(long seconds, long fraction, byte... frame) {
    return u32(seconds, fraction, frame.length, frame.length).bytes(frame);
  }

  // ---- pcapng ----

  CaptureBytes section() {
    return u32(0x0a0d0d0a, 28, 0x1a2b3c4d).u16(1, 0).u64(-1).u32(28);
  }

  CaptureBytes block(int type, byte... body) {
    int length = 12 + (body.length + 3 & ~3);
    return u32(type, length).padded(body).u32(length);
  }

  /** The body of a block, in the same byte order. */
  CaptureBytes body() {
    return new CaptureBytes(bigEndian);
  }

  /**
   * An interface's description.
   *
   * @param options as bytes; without an end
   */
  CaptureBytes describe(int linkType, long snapLength, byte... options) {
    return block(1, body().u16(linkType, 0).u32(snapLength).bytes(options).u32(0).toBytes());
  }

  CaptureBytes option(int code, byte... value) {
    return u16(code, value.length).padded(value);
  }

  CaptureBytes enhanced(int interfaceNumber, long ticks, byte... frame) {
    return block(
        6,
        body()
            .u32(interfaceNumber, ticks >>> 32, ticks, frame.length, frame.length)
            .padded(frame)
            .toBytes());
  }

  byte[] toBytes() {
    return ByteBufUtil.getBytes(file);
  }

  InputStream stream() {
    return new ByteArrayInputStream(toBytes());
  }

  static byte[] packed(byte[] bytes) throws IOException {
    var packed = new ByteArrayOutputStream();
    try (var gzip = new GZIPOutputStream(packed)) {
      gzip.write(bytes);
    }
    return packed.toByteArray();
  }
}
