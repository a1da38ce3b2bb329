package dev.holdfast.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.holdfast.redirector.capturediff.CaptureDiff;
import dev.holdfast.redirector.capturediff.IgnoredFields;
import dev.holdfast.redirector.capturefile.CaptureReader;
import dev.holdfast.redirector.capturefile.CapturedPacket;
import dev.holdfast.redirector.capturefile.Frame;
import dev.holdfast.redirector.capturefile.LinkLayer;
import dev.holdfast.redirector.capturefile.PcapNgWriter;
import dev.holdfast.redirector.fixture.FixtureOptions;
import dev.holdfast.redirector.fixture.FixtureRecorder;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.provider.MethodSource;

/** Whatever a capture file has in it. */
class CaptureFuzzTest {
  private static final int LONGEST_FRAME = 262_144;

  /** Gives one byte at a time, as a slow pipe may. */
  private static final class Dripping extends InputStream {
    private final InputStream in;

    Dripping(byte[] bytes) {
      in = new ByteArrayInputStream(bytes);
    }

    @Override
    public int read() throws IOException {
      return in.read();
    }

    @Override
    public int read(byte[] to, int from, int length) throws IOException {
      return in.read(to, from, Math.min(1, length));
    }
  }

  /** What was read of a capture, as texts that can be compared. */
  private static List<String> read(InputStream in) {
    List<String> all = new ArrayList<>();
    try (CaptureReader reader = CaptureReader.of(in, "fuzzed")) {
      var packet = new CapturedPacket();
      long offset = 0;
      while (reader.next()) {
        Frame frame = reader.frame();
        assertThat(frame.length()).isBetween(0, LONGEST_FRAME);
        assertThat(frame.originalLength()).isGreaterThanOrEqualTo(frame.length());
        assertThat(frame.offset() + frame.length()).isLessThanOrEqualTo(frame.array().length);
        assertThat(frame.fileOffset()).isGreaterThanOrEqualTo(offset);
        assertThat(frame.interfaceNumber()).isNotNegative();
        assertThat(reader.interfaceName()).isNotNull();
        offset = frame.fileOffset();
        all.add(offset + " " + frame.epochNanos() + " " + hash(frame) + " " + ip(frame, packet));
      }
      assertThat(reader.next()).as("the end is the end").isFalse();
      assertThat(reader.frames()).isEqualTo(all.size());
      CaptureReader.Problem problem = reader.problem();
      if (problem != null) {
        assertThat(problem.offset()).isGreaterThanOrEqualTo(offset);
        assertThat(problem.text()).startsWith("fuzzed is damaged at byte ").endsWith(".");
        all.add(problem.text());
      }
    } catch (IOException e) {
      assertThat(e.getMessage()).startsWith("fuzzed ").endsWith(".");
      all.add(e.getMessage());
    }
    return all;
  }

  private static int hash(Frame frame) {
    int hash = frame.linkType();
    for (int i = frame.offset(); i < frame.offset() + frame.length(); i++) {
      hash = 31 * hash + frame.array()[i];
    }
    return hash;
  }

  private static String ip(Frame frame, CapturedPacket packet) {
    int at = LinkLayer.ip(frame);
    if (at < 0) {
      assertThat(at).isBetween(LinkLayer.UNKNOWN, LinkLayer.NOT_IP);
      return "none";
    }
    int end = frame.offset() + frame.length();
    assertThat(at).isBetween(frame.offset(), end);
    int before = at - frame.offset();
    CapturedPacket.Shape shape =
        packet.lay(frame.array(), at, frame.length() - before, frame.originalLength() - before);
    if (shape == CapturedPacket.Shape.SOUND) {
      assertThat(packet.limit()).isBetween(packet.transport(), end);
      assertThat(packet.end()).isGreaterThanOrEqualTo(packet.limit());
      assertThat(packet.sourcePort() | packet.destinationPort()).isNotNegative();
      assertThat(packet.payload()).isLessThanOrEqualTo(packet.end());
    }
    return shape.name();
  }

  /** It is read the same however it comes, and nothing is thrown but a sentence. */
  @MethodSource("captures")
  @FuzzTest
  void reader(byte[] data) {
    assertThat(read(new Dripping(data))).isEqualTo(read(new ByteArrayInputStream(data)));
  }

  /** A fixture of it is a capture that can be read to its end. */
  @MethodSource("captures")
  @FuzzTest
  void fixture(byte[] data) throws IOException {
    byte[] first = fixtureOf(data);
    if (first == null) {
      return;
    }
    assertThat(fixtureOf(data)).isEqualTo(first);
  }

  private static byte @Nullable [] fixtureOf(byte[] data) throws IOException {
    var out = new ByteArrayOutputStream();
    long written;
    try (CaptureReader reader = CaptureReader.of(new ByteArrayInputStream(data), "fuzzed")) {
      var recorder = new FixtureRecorder(FixtureOptions.ALL, new PcapNgWriter(out, "fuzz"));
      while (reader.next()) {
        recorder.add(reader.frame(), 0);
      }
      recorder.finish();
      written = recorder.written();
      long leftOut = recorder.leftOut().values().stream().mapToLong(Long::longValue).sum();
      assertThat(written + leftOut).isEqualTo(reader.frames());
    } catch (IOException e) {
      assertThat(e.getMessage()).startsWith("fuzzed ");
      return null;
    }
    byte[] fixture = out.toByteArray();
    try (CaptureReader again = CaptureReader.of(new ByteArrayInputStream(fixture), "fixture")) {
      long frames = 0;
      while (again.next()) {
        assertThat(LinkLayer.ip(again.frame())).isNotNegative();
        frames++;
      }
      assertThat(again.problem()).isNull();
      assertThat(frames).isEqualTo(written);
    }
    return fixture;
  }

  /** It has no difference to itself, by packets and by streams. */
  @MethodSource("captures")
  @FuzzTest
  void diff(byte[] data) throws IOException {
    for (boolean streams : new boolean[] {false, true}) {
      try (CaptureReader a = CaptureReader.of(new ByteArrayInputStream(data), "fuzzed");
          CaptureReader b = CaptureReader.of(new ByteArrayInputStream(data), "fuzzed")) {
        var fields = new IgnoredFields();
        fields.remove("mac");
        var diff = new CaptureDiff(a, b, new CaptureDiff.Options(fields, 0, streams, null, 10));
        while (diff.step()) {
          assertThat(diff.frames()).isNotNegative();
        }
        assertThat(diff.finish().counts()).isEmpty();
      } catch (IOException e) {
        assertThat(e.getMessage()).startsWith("fuzzed ");
      }
    }
  }

  // ---- seeds ----

  static Stream<byte[]> captures() throws IOException {
    byte[] raw = pcapng(LinkLayer.RAW, "");
    return Stream.of(
        raw,
        pcapng(LinkLayer.ETHERNET, "525400000009525400000001" + "8100002a" + "0800"),
        pcapng(LinkLayer.LINUX_SLL2, "0800000000000003000100065254000000090000"),
        packed(raw),
        pcap("a1b2c3d4", true),
        pcap("d4c3b2a1", false),
        pcap("4d3cb2a1", false),
        pcap("34cdb2a1", false),
        Bytes.join(raw, pcapng(LinkLayer.NULL, "02000000")), // a second section
        // a block whose length lies, one of no length, an interface that nobody described
        Bytes.join(
            Bytes.hex("0a0d0d0a1c0000004d3c2b1a01000000ffffffffffffffff1c000000"),
            Bytes.hex("06000000fcffffff00000000")),
        Bytes.join(
            Bytes.hex("0a0d0d0a1c0000004d3c2b1a01000000ffffffffffffffff1c000000"),
            Bytes.hex("060000000000000000000000")),
        Bytes.join(
            Bytes.hex("0a0d0d0a1c0000004d3c2b1a01000000ffffffffffffffff1c000000"),
            Bytes.hex("0600000020000000070000000000000000000000000000000000000020000000")));
  }

  private static byte[] pcapng(int linkType, String header) throws IOException {
    var out = new ByteArrayOutputStream();
    var writer = new PcapNgWriter(out, "seed");
    int only = writer.describe("eth0", "", linkType, 0);
    long time = 1_790_000_000_000_000_000L;
    for (byte[] packet : Objects.requireNonNull(Bytes.packets()).toList()) {
      byte[] frame = Bytes.join(Bytes.hex(header), packet);
      writer.packet(only, time++, ByteBuffer.wrap(frame), frame.length, "a comment");
    }
    writer.statistics(only, time, 20, 1);
    return out.toByteArray();
  }

  private static byte[] packed(byte[] bytes) throws IOException {
    var out = new ByteArrayOutputStream();
    try (var gzip = new GZIPOutputStream(out)) {
      gzip.write(bytes);
    }
    return out.toByteArray();
  }

  /** Two packets, the second captured in part. */
  private static byte[] pcap(String magic, boolean bigEndian) {
    byte[] packet = Bytes.packets().findFirst().orElseThrow();
    boolean isKuznetzov = magic.equals("34cdb2a1");
    byte[] more = new byte[isKuznetzov ? 8 : 0];
    byte[] versions = Bytes.hex(bigEndian ? "00020004" : "02000400");
    return Bytes.join(
        Bytes.hex(magic),
        versions,
        new byte[8],
        u32(65_535, bigEndian),
        u32(LinkLayer.RAW, bigEndian),
        u32(7, bigEndian),
        u32(9, bigEndian),
        u32(packet.length, bigEndian),
        u32(packet.length, bigEndian),
        more,
        packet,
        u32(6, bigEndian), // before the first one
        u32(9, bigEndian),
        u32(1, bigEndian),
        u32(1_500, bigEndian),
        more,
        Bytes.hex("45"));
  }

  private static byte[] u32(int value, boolean bigEndian) {
    return ByteBuffer.allocate(4).putInt(bigEndian ? value : Integer.reverseBytes(value)).array();
  }
}
