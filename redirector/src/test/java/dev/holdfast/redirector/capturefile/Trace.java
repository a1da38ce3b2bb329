package dev.holdfast.redirector.capturefile;

import dev.holdfast.tunnel.packet.PacketBuilder;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

/** A capture that a test makes packet by packet, one each millisecond. */
public final class Trace {
  public static final long NOON = 1_790_000_000_000_000_000L;
  private static final long STEP = 1_000_000;

  private final ByteArrayOutputStream file = new ByteArrayOutputStream();
  private final PcapNgWriter writer;
  private final int linkType;
  private final byte[] header;
  private int snapLength = Integer.MAX_VALUE;
  private long next = NOON;

  /** Frames of one link type, which have that header before the packet. */
  public Trace(int linkType, String headerHex) {
    this.linkType = linkType;
    this.header = HexFormat.of().parseHex(headerHex);
    try {
      writer = new PcapNgWriter(file, "test");
      int unused = writer.describe("secret-name", "", linkType, 0);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Packets without a link-layer header. */
  public static Trace raw() {
    return new Trace(LinkLayer.RAW, "");
  }

  /** From now on so many bytes of a frame are captured. */
  public Trace snap(int length) {
    snapLength = length;
    return this;
  }

  /** The next packet comes so much later. */
  public Trace later(long nanos) {
    next += nanos;
    return this;
  }

  public Trace add(PacketBuilder... packets) {
    for (PacketBuilder each : packets) {
      add(bytes(each));
    }
    return this;
  }

  /** A packet, and what is behind it. */
  public Trace add(byte[] packet, byte... padding) {
    byte[] frame = Arrays.copyOf(header, header.length + packet.length + padding.length);
    System.arraycopy(packet, 0, frame, header.length, packet.length);
    System.arraycopy(padding, 0, frame, header.length + packet.length, padding.length);
    return frame(frame);
  }

  /** A whole frame. */
  public Trace frame(byte... frame) {
    try {
      writer.packet(
          0,
          next,
          ByteBuffer.wrap(frame, 0, Math.min(snapLength, frame.length)),
          frame.length,
          "secret comment");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    next += STEP;
    return this;
  }

  public byte[] toBytes() {
    return file.toByteArray();
  }

  public Path write(Path to) throws IOException {
    return Files.write(to, toBytes());
  }

  public CaptureReader reader() throws IOException {
    return reader(toBytes());
  }

  public static CaptureReader reader(byte[] capture) throws IOException {
    return CaptureReader.of(new ByteArrayInputStream(capture), "trace");
  }

  public static byte[] bytes(PacketBuilder packet) {
    ByteBuf out = Unpooled.buffer();
    int unused = packet.write(out);
    return ByteBufUtil.getBytes(out);
  }

  /**
   * A frame as it was read.
   *
   * @param packet from its IP header on; the whole frame where there is none
   */
  public record Read(
      long epochNanos,
      int linkType,
      int interfaceNumber,
      byte[] frame,
      byte[] packet,
      int length) {}

  /** All frames of a capture. */
  public static List<Read> read(byte[] capture) throws IOException {
    List<Read> all = new ArrayList<>();
    try (CaptureReader reader = reader(capture)) {
      while (reader.next()) {
        Frame frame = reader.frame();
        int end = frame.offset() + frame.length();
        int at = Math.max(frame.offset(), LinkLayer.ip(frame));
        all.add(
            new Read(
                frame.epochNanos(),
                frame.linkType(),
                frame.interfaceNumber(),
                Arrays.copyOfRange(frame.array(), frame.offset(), end),
                Arrays.copyOfRange(frame.array(), at, end),
                frame.originalLength()));
      }
      if (reader.problem() != null) {
        throw new IOException(reader.problem().text());
      }
    }
    return all;
  }
}
