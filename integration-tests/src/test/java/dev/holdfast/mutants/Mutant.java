package dev.holdfast.mutants;

import dev.holdfast.rules.SourceTree;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A rule that is broken on purpose, by one small change of one source file.
 *
 * @param rule with its section
 * @param file within {@code src/main/java/dev/holdfast} of its module
 * @param before stands in that file exactly once
 */
public record Mutant(String rule, String file, String before, String after) {

  /** The source file. */
  Path source() {
    String module = file.substring(0, file.indexOf('/'));
    return SourceTree.root().resolve(module).resolve("src/main/java/dev/holdfast").resolve(file);
  }

  /**
   * The file with the change.
   *
   * @throws AssertionError where the code has changed, and the mutant with it must
   */
  String broken() throws IOException {
    String text = Files.readString(source());
    int at = text.indexOf(before);
    if (at < 0 || text.indexOf(before, at + 1) >= 0) {
      throw new AssertionError(
          "%s must have exactly once: %s (write the mutant anew)".formatted(file, before));
    }
    return text.substring(0, at) + after + text.substring(at + before.length());
  }

  @Override
  public String toString() {
    return rule;
  }
}
