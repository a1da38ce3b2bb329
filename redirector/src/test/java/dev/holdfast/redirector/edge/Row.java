package dev.holdfast.redirector.edge;

import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;

/** One line of a table. */
interface Row {
  /**
   * Sends the packet and compares.
   *
   * @throws AssertionError naming each field that differs
   */
  void check() throws Exception;

  /** A row that is the same in both families. */
  static List<DynamicTest> both(String section, String description, Function<Ip, Row> row) {
    return List.of(
        test(section, description + " (IPv4)", row.apply(Ip.V4)),
        test(section, description + " (IPv6)", row.apply(Ip.V6)));
  }

  /** A row of one family alone. */
  static List<DynamicTest> row(String section, String description, Row row) {
    return List.of(test(section, description, row));
  }

  private static DynamicTest test(String section, String description, Row row) {
    return DynamicTest.dynamicTest(section + ": " + description, row::check);
  }

  /** The rows of one rule. */
  @SafeVarargs
  static Stream<DynamicTest> table(List<DynamicTest>... rows) {
    return Arrays.stream(rows).flatMap(List::stream);
  }
}
