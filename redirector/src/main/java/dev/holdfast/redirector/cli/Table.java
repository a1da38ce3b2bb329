package dev.holdfast.redirector.cli;

import java.util.ArrayList;
import java.util.List;

/** Rows with aligned columns, two spaces apart. */
final class Table {
  private final List<List<String>> rows = new ArrayList<>();
  private final List<Boolean> right = new ArrayList<>();
  private final String indent;

  /**
   * @param header one word a column; one that begins with {@code >} is aligned to the right
   */
  Table(String indent, String... header) {
    this.indent = indent;
    List<String> names = new ArrayList<>();
    for (String name : header) {
      boolean isRight = name.startsWith(">");
      right.add(isRight);
      names.add(isRight ? name.substring(1) : name);
    }
    rows.add(names);
  }

  void row(String... cells) {
    if (cells.length != right.size()) {
      throw new IllegalArgumentException(cells.length + " cells for " + right.size() + " columns");
    }
    rows.add(List.of(cells));
  }

  boolean isEmpty() {
    return rows.size() == 1;
  }

  @Override
  public String toString() {
    int[] width = new int[right.size()];
    for (List<String> row : rows) {
      for (int i = 0; i < width.length; i++) {
        width[i] = Math.max(width[i], row.get(i).length());
      }
    }
    var text = new StringBuilder();
    for (List<String> row : rows) {
      var line = new StringBuilder(indent);
      for (int i = 0; i < width.length; i++) {
        String padding = " ".repeat(width[i] - row.get(i).length());
        line.append(right.get(i) ? padding + row.get(i) : row.get(i) + padding).append("  ");
      }
      text.append(line.toString().stripTrailing()).append('\n');
    }
    return text.toString();
  }
}
