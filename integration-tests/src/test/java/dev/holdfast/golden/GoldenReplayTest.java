package dev.holdfast.golden;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every golden capture is replayed as its case says, twice, and both times it is the same. */
class GoldenReplayTest {
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

  @Test
  void everyCaseIsReplayed() throws IOException {
    List<String> names = runs().stream().map(run -> run.name().split(" ")[0]).distinct().toList();

    assertThat(names)
        .containsExactlyInAnyOrderElementsOf(
            GoldenCases.all().stream().map(GoldenCase::name).toList());
  }
}
