package dev.holdfast.bench;

import dev.holdfast.redirector.capturediff.CaptureDiff;
import dev.holdfast.redirector.capturediff.IgnoredFields;
import dev.holdfast.redirector.capturefile.CaptureReader;
import dev.holdfast.redirector.capturefile.CapturedPacket;
import dev.holdfast.redirector.capturefile.Frame;
import dev.holdfast.redirector.capturefile.LinkLayer;
import dev.holdfast.redirector.capturefile.PcapNgWriter;
import dev.holdfast.redirector.fixture.FixtureOptions;
import dev.holdfast.redirector.fixture.FixtureRecorder;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/**
 * Reads a capture in one of several ways, twice, and prints how many packets and how long: {@code
 * PACKETS NANOSECONDS} of the second time.
 */
final class CaptureRates {
  private CaptureRates() {}

  public static void main(String[] arguments) throws IOException {
    Path file = Path.of(arguments[1]);
    for (int round = 0; round < 2; round++) {
      long begun = System.nanoTime();
      long packets = packets(arguments[0], file);
      long nanos = System.nanoTime() - begun;
      if (round == 1) {
        System.out.printf(Locale.ROOT, "%d %d%n", packets, nanos);
      }
    }
  }

  private static long packets(String way, Path file) throws IOException {
    return switch (way) {
      case "bytes" -> bytes(file);
      case "frames" -> frames(file);
      case "headers" -> headers(file);
      case "record" -> fixture(file);
      case "diff" -> difference(file);
      default -> throw new IllegalArgumentException(way);
    };
  }

  /** The file's bytes and no more: the measure for the others. */
  private static long bytes(Path file) throws IOException {
    var buffer = new byte[1 << 19];
    long sum = 0;
    try (InputStream in = Files.newInputStream(file)) {
      for (int length = in.read(buffer); length >= 0; length = in.read(buffer)) {
        sum += length;
      }
    }
    return sum;
  }

  private static long frames(Path file) throws IOException {
    try (CaptureReader reader = CaptureReader.open(file)) {
      long sum = 0;
      while (reader.next()) {
        Frame frame = reader.frame();
        sum += frame.array()[frame.offset()] + frame.epochNanos();
      }
      return sum == 0 ? 0 : whole(reader);
    }
  }

  private static long whole(CaptureReader reader) throws IOException {
    CaptureReader.Problem problem = reader.problem();
    if (problem != null) {
      throw new IOException(problem.text());
    }
    return reader.frames();
  }

  private static long headers(Path file) throws IOException {
    var packet = new CapturedPacket();
    long payload = 0;
    try (CaptureReader reader = CaptureReader.open(file)) {
      while (reader.next()) {
        Frame frame = reader.frame();
        int at = LinkLayer.ip(frame);
        int before = at - frame.offset();
        if (packet.lay(frame.array(), at, frame.length() - before, frame.originalLength() - before)
            == CapturedPacket.Shape.SOUND) {
          payload += packet.end() - packet.payload();
        }
      }
      return payload == 0 ? 0 : whole(reader);
    }
  }

  private static long fixture(Path file) throws IOException {
    try (CaptureReader reader = CaptureReader.open(file);
        var writer =
            new PcapNgWriter(
                new BufferedOutputStream(OutputStream.nullOutputStream(), 1 << 16), "bench")) {
      var recorder = new FixtureRecorder(FixtureOptions.ALL, writer);
      while (reader.next()) {
        recorder.add(reader.frame(), 0);
      }
      recorder.finish();
      return recorder.written();
    }
  }

  private static long difference(Path file) throws IOException {
    try (CaptureReader a = CaptureReader.open(file);
        CaptureReader b = CaptureReader.open(file)) {
      var diff =
          new CaptureDiff(a, b, new CaptureDiff.Options(new IgnoredFields(), -1, false, null, 1));
      while (diff.step()) {
        if (diff.frames() < 0) {
          throw new IOException("never");
        }
      }
      return diff.finish().samePackets();
    }
  }
}
