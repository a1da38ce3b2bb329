package dev.holdfast.golden;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.capturefile.CaptureReader;
import dev.holdfast.tunnel.packet.IpAddress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.tomlj.Toml;
import org.tomlj.TomlArray;
import org.tomlj.TomlParseResult;

/** The golden captures in the tree are whole, and what is written beside them is true of them. */
class GoldenCapturesTest {
  private static final long LARGEST = 300 << 10;
  private static final long LARGEST_IN_ALL = 2 << 20;

  static Stream<GoldenCase> cases() {
    return GoldenCases.all().stream();
  }

  private static Path folder(GoldenCase each) {
    return GoldenCases.FOLDER.resolve(each.name());
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void isReadWhole(GoldenCase each) throws Exception {
    Path file = new CaseFolder(folder(each)).capture();
    assertThat(Files.size(file)).isLessThanOrEqualTo(LARGEST);
    try (CaptureReader reader = CaptureReader.open(file)) {
      while (reader.next()) {
        assertThat(reader.frame().length()).isPositive();
      }
      assertThat(reader.problem()).isNull();
      assertThat(reader.frames()).isEqualTo(facts(each).getLong("packets"));
    }
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void hasWhatItIsFor(GoldenCase each) throws Exception {
    Capture capture = Capture.of(new CaseFolder(folder(each)).capture());
    Reading reading = each.read(capture);
    TomlParseResult facts = facts(each);
    assertThat(facts.getString("capture")).isEqualTo(each.form().file());
    assertThat(facts.getDouble("seconds")).isCloseTo(capture.seconds(), Offset.offset(0.001));
    assertThat(strings(facts, "old"))
        .isEqualTo(reading.old().stream().map(IpAddress::toString).toList());
    assertThat(strings(facts, "moments"))
        .isNotEmpty()
        .isEqualTo(reading.moments().stream().map(moment -> "packet:" + moment.packet()).toList());
    assertThat(Files.readString(folder(each).resolve(CaseFolder.CONNECTIONS)))
        .isEqualTo(CaseFolder.connections(capture));
    assertThat(Files.readString(folder(each).resolve(CaseFolder.HOW)))
        .contains(each.how())
        .contains(capture.packets().size() + " packets");
  }

  @Test
  void noFolderIsForgotten() throws IOException {
    List<Path> folders = new ArrayList<>();
    long bytes = 0;
    try (Stream<Path> found = Files.walk(GoldenCases.FOLDER)) {
      for (Path each : found.toList()) {
        if (Files.isDirectory(each)) {
          folders.add(each);
        } else {
          bytes += Files.size(each);
        }
      }
    }
    assertThat(folders)
        .containsExactlyInAnyOrderElementsOf(
            Stream.concat(Stream.of(GoldenCases.FOLDER), cases().map(GoldenCapturesTest::folder))
                .toList());
    assertThat(bytes).isLessThanOrEqualTo(LARGEST_IN_ALL);
  }

  private static TomlParseResult facts(GoldenCase each) throws IOException {
    TomlParseResult facts = Toml.parse(folder(each).resolve(CaseFolder.CASE));
    assertThat(facts.errors()).isEmpty();
    return facts;
  }

  private static List<String> strings(TomlParseResult facts, String key) {
    TomlArray array = Objects.requireNonNull(facts.getArray(key));
    return array.toList().stream().map(Object::toString).toList();
  }
}
