package dev.holdfast.golden;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.mutants.BrokenCode;
import dev.holdfast.mutants.Mutant;
import dev.holdfast.rules.SourceTree;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Breaks the hold queue, the map of sequence numbers and the checksum, one after the other, and
 * replays all golden captures: at least one must notice each time, and none where nothing is
 * broken.
 */
@Tag("suite-mutants")
class ReplayMutantsSuiteIT {
  private static final int SHOWN = 3;
  private static final Map<String, List<String>> caught = new TreeMap<>();

  @TempDir Path folder;

  static List<Mutant> mutants() {
    return ReplayMutants.ALL;
  }

  private List<String> failing() throws Exception {
    return BrokenCode.ask(
        folder,
        List.of(SourceTree.root().resolve("integration-tests/target/test-classes")),
        GoldenReplays.class.getName(),
        "failing");
  }

  @Test
  void unbrokenCodePassesAll() throws Exception {
    assertThat(failing()).isEmpty();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("mutants")
  @Timeout(value = 5, unit = TimeUnit.MINUTES)
  void aGoldenCaseNotices(Mutant mutant) throws Exception {
    BrokenCode.compile(mutant, folder);
    List<String> noticed = failing();
    caught.put(mutant.rule(), noticed);

    assertThat(noticed).as("replays that fail where this is broken: %s", mutant).isNotEmpty();
  }

  /** Which cases have noticed what. */
  @AfterAll
  static void print() {
    var text = new StringBuilder("\nbroken | golden replays that failed\n");
    caught.forEach((rule, runs) -> {
      text.append("%s | %d%n".formatted(rule, runs.size()));
      runs.stream().limit(SHOWN).forEach(run -> text.append("    ").append(run).append('\n'));
    });
    System.out.println(text);
  }
}
