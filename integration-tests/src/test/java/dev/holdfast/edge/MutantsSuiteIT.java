package dev.holdfast.edge;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.mutants.BrokenCode;
import dev.holdfast.mutants.Mutant;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Breaks one rule after the other, and runs the tables of the protocol edge against the broken
 * code: at least one row must fail each time, and none where nothing is broken.
 *
 * <pre>
 * one source file, changed -> javac -> overlay/ | test-classes, classes as they are -> class loader -> rows
 * </pre>
 */
@Tag("suite-mutants")
class MutantsSuiteIT {
  private static final String TABLES = "dev.holdfast.redirector.edge.EdgeTables";
  private static final int ROWS_SHOWN = 3;

  private static final Map<String, List<String>> caught = new TreeMap<>();

  @TempDir Path folder;

  static List<Mutant> mutants() {
    return EdgeMutants.ALL;
  }

  @Test
  void unbrokenCodePassesEveryRow() throws Exception {
    assertThat(failing(folder)).isEmpty();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("mutants")
  @Timeout(value = 2, unit = java.util.concurrent.TimeUnit.MINUTES)
  void aRowFailsWhereARuleIsBroken(Mutant mutant) throws Exception {
    BrokenCode.compile(mutant, folder);
    List<String> rows = failing(folder);
    caught.put(mutant.rule(), rows);

    assertThat(rows).as("rows that fail where this is broken: %s", mutant).isNotEmpty();
  }

  /** The names of the rows that fail with the classes in {@code overlay} before all others. */
  private static List<String> failing(Path overlay) throws Exception {
    return BrokenCode.ask(overlay, List.of(), TABLES, "failing").stream()
        .map(row -> row.lines().findFirst().orElse(""))
        .toList();
  }

  /** Which rows have noticed what. */
  @AfterAll
  static void print() {
    var text = new StringBuilder("\nrule broken | rows that failed\n");
    caught.forEach((rule, rows) -> {
      text.append("%s | %d%n".formatted(rule, rows.size()));
      rows.stream().limit(ROWS_SHOWN).forEach(row -> text.append("    ").append(row).append('\n'));
    });
    System.out.println(text);
  }
}
