package dev.holdfast.golden;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.rules.SourceTree;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every golden capture is replayed as its case says, twice, and both times it is the same. */
class GoldenReplayTest {
  @TempDir private Path folder;

  static List<GoldenReplays.Run> runs() throws IOException {
    return GoldenReplays.all();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("runs")
  void goesAsExpectedAndTwiceTheSame(GoldenReplays.Run run) {
    GoldenReplays.Outcome first = GoldenReplays.play(run, "--json", "--digest");
    GoldenReplays.Outcome second = GoldenReplays.play(run, "--json", "--digest");

    assertThat(first.status()).as("%s%s", first.out(), first.err()).isZero();
    assertThat(first.out()).contains("\"sha256\"").isEqualTo(second.out());
  }

  /** As the README has them, with a golden capture in place of {@code trace.pcap}. */
  @Test
  void theReadmesReplays() throws IOException {
    Path trace = GoldenCases.FOLDER.resolve("interactive").resolve("capture.pcap");
    List<String> commands =
        Files.readAllLines(SourceTree.root().resolve("README.md")).stream()
            .filter(line -> line.startsWith("holdfast replay "))
            .map(line -> line.replaceAll("(trace|old-site|new-site)[.]pcap(ng)?", trace.toString()))
            .map(
                line -> line.replace("fixture.pcapng.gz", folder.resolve("f.pcapng.gz").toString()))
            .map(line -> line.substring("holdfast ".length()))
            .toList();

    assertThat(commands).hasSize(4);
    for (String command : commands) {
      var run = new GoldenReplays.Run(command, List.of(command.split(" ")));
      GoldenReplays.Outcome outcome = GoldenReplays.play(run);
      assertThat(outcome.status()).as("%s: %s%s", command, outcome.out(), outcome.err()).isZero();
    }
  }

  @Test
  void everyCaseIsReplayed() throws IOException {
    List<String> names = runs().stream().map(run -> run.name().split(" ")[0]).distinct().toList();

    assertThat(names)
        .containsExactlyInAnyOrderElementsOf(
            GoldenCases.all().stream().map(GoldenCase::name).toList());
  }
}
