package dev.holdfast.redirector.edge;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;

/** The tables as a whole. */
class EdgeTablesTest {
  private static final int ROWS = 1_000;
  private static final int ROWS_OF_A_RULE = 5;

  private final Map<String, List<DynamicTest>> rules = EdgeTables.rules();

  @Test
  void eachRuleHasRowsEnough() {
    assertThat(EdgeTables.size()).isGreaterThan(ROWS);
    assertThat(rules)
        .allSatisfy(
            (rule, rows) -> assertThat(rows).as(rule).hasSizeGreaterThanOrEqualTo(ROWS_OF_A_RULE));
  }

  @Test
  void eachRowCitesASection() {
    assertThat(rules.values())
        .flatExtracting(rows -> rows)
        .extracting(DynamicTest::getDisplayName)
        .allMatch(name -> name.matches("(RFC \\d+( [A-Z\\d.]+)?(, )?|virtio [\\d.]+)+: .+"));
  }

  @Test
  void noTwoRowsOfARuleAreTheSame() {
    assertThat(rules)
        .allSatisfy((rule, rows) ->
            assertThat(rows)
                .as(rule)
                .extracting(DynamicTest::getDisplayName)
                .doesNotHaveDuplicates());
  }

  @Test
  void everyTableIsKnown() throws Exception {
    var here = java.nio.file.Path.of(EdgeTables.class.getResource("EdgeTables.class").toURI());
    try (var files = java.nio.file.Files.list(here.getParent())) {
      List<String> tables =
          files
              .map(file -> file.getFileName().toString())
              .filter(name -> name.endsWith("Test.class") && !name.startsWith("EdgeTables"))
              .map(name -> name.replace(".class", ""))
              .toList();
      assertThat(EdgeTables.ALL)
          .extracting(Class::getSimpleName)
          .containsExactlyInAnyOrderElementsOf(tables);
    }
  }
}
