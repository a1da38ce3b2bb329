package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.rules.SourceTree;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;

/**
 * What a long suite has come to so far, a line for each part, in a file under target/: a run that
 * was cut off is gone on with. {@code ./verify} takes the folder away when the suite has passed,
 * and with {@code --fresh}.
 */
final class SuiteState {
  private final Path file;

  private SuiteState(Path file) {
    this.file = file;
  }

  /**
   * The state of one part of a suite.
   *
   * @param part a file's name
   */
  static SuiteState of(String suite, String part) throws IOException {
    Path folder = SourceTree.root().resolve("target").resolve("suites").resolve(suite);
    return new SuiteState(Files.createDirectories(folder).resolve(part));
  }

  /** In the order in which they were added, by this run and those before. */
  List<String> lines() throws IOException {
    return Files.exists(file) ? Files.readAllLines(file) : List.of();
  }

  /** Between two parts of the work: fails when the suite has had its time. */
  static void requireTime(String done) {
    long until = Long.getLong("holdfast.until", Long.MAX_VALUE / 1000);
    assertThat(System.currentTimeMillis() / 1000)
        .as("time is over with %s: run the suite again, and it goes on", done)
        .isLessThan(until);
  }

  void add(String line) throws IOException {
    Files.writeString(file, line + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
  }
}
