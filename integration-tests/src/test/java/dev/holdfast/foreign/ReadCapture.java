package dev.holdfast.foreign;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.capturediff.CaptureDiff;
import dev.holdfast.redirector.capturediff.IgnoredFields;
import dev.holdfast.redirector.capturefile.CaptureReader;
import dev.holdfast.redirector.capturefile.PcapNgWriter;
import dev.holdfast.redirector.fixture.FixtureOptions;
import dev.holdfast.redirector.fixture.FixtureRecorder;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * What Holdfast reads of a capture.
 *
 * @param frames how many
 * @param linkTypes those that frames have
 * @param hasNanos whether a time is not a whole microsecond
 */
record ReadCapture(long frames, Set<Integer> linkTypes, boolean hasNanos, String description) {

  /** Reads a capture, which must be whole. */
  static ReadCapture of(Path file) throws IOException {
    try (CaptureReader reader = CaptureReader.open(file)) {
      Set<Integer> types = new TreeSet<>();
      boolean nanos = false;
      while (reader.next()) {
        types.add(reader.frame().linkType());
        nanos |= reader.frame().epochNanos() % 1_000 != 0;
      }
      assertThat(reader.problem()).as("%s", file).isNull();
      return new ReadCapture(reader.frames(), types, nanos, reader.description());
    }
  }

  /**
   * Makes a fixture of it.
   *
   * @return what was left out, by reason
   */
  static Map<String, Long> fixture(Path of, Path to) throws IOException {
    try (CaptureReader reader = CaptureReader.open(of);
        var writer =
            new PcapNgWriter(new BufferedOutputStream(Files.newOutputStream(to)), "test")) {
      var recorder = new FixtureRecorder(FixtureOptions.ALL, writer);
      while (reader.next()) {
        recorder.add(reader.frame(), 0);
      }
      recorder.finish();
      assertThat(recorder.written()).isPositive();
      return recorder.leftOut();
    }
  }

  /** What is different between two captures. */
  static CaptureDiff.Result diff(Path a, Path b) throws IOException {
    try (CaptureReader first = CaptureReader.open(a);
        CaptureReader second = CaptureReader.open(b)) {
      var options = new CaptureDiff.Options(new IgnoredFields(), -1, false, null, 5);
      var diff = new CaptureDiff(first, second, options);
      while (diff.step()) {
        assertThat(diff.frames()).isNotNegative();
      }
      return diff.finish();
    }
  }
}
