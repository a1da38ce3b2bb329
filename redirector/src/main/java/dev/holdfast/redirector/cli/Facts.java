package dev.holdfast.redirector.cli;

import java.util.ArrayList;
import java.util.List;

/** Names and what they are, the latter aligned: one thing in detail. */
final class Facts {
  private final List<String[]> lines = new ArrayList<>();
  private final String indent;

  Facts(String indent) {
    this.indent = indent;
  }

  /** Adds a line; nothing when there is nothing to say. */
  Facts add(String name, String value) {
    if (!value.isEmpty()) {
      lines.add(new String[] {name, value});
    }
    return this;
  }

  /** Adds a line for each value, the name before the first alone. */
  Facts add(String name, List<String> values) {
    for (int i = 0; i < values.size(); i++) {
      add(i == 0 ? name : "", values.get(i));
    }
    return this;
  }

  @Override
  public String toString() {
    int width = lines.stream().mapToInt(line -> line[0].length()).max().orElse(0);
    var text = new StringBuilder();
    for (String[] line : lines) {
      text.append(indent)
          .append(line[0])
          .append(" ".repeat(width - line[0].length() + 2))
          .append(line[1])
          .append('\n');
    }
    return text.toString();
  }
}
