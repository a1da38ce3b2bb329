package dev.holdfast.golden;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.rules.SourceTree;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Makes every golden capture anew, in {@code target/golden-made}, and finds in it what it is for.
 * With {@code -Dholdfast.golden.keep=true} ({@code ./verify --suite golden --keep}) they take the
 * place of those in the tree; {@code -Dholdfast.golden.only=TEXT} says which.
 */
@Tag("suite-golden")
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
class GoldenSuiteIT {
  private static final boolean KEEP = Boolean.getBoolean("holdfast.golden.keep");

  /** A part of the names of those that are wanted. */
  private static final String ONLY = System.getProperty("holdfast.golden.only", "");

  private static final Path MADE = SourceTree.root().resolve("target").resolve("golden-made");

  @TempDir private Path folder;

  static Stream<GoldenCase> cases() {
    return GoldenCases.all().stream().filter(each -> each.name().contains(ONLY));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void itIsMadeAnew(GoldenCase wanted) throws Exception {
    var cleanup = new Cleanup();
    List<Recording> recordings;
    try {
      recordings = wanted.make(GoldenLab.build(wanted, folder, cleanup));
      for (Recording each : recordings) {
        each.stop();
      }
    } finally {
      cleanup.close();
    }
    assertThat(cleanup.problems()).isEmpty();
    var made = new CaseFolder(MADE.resolve(wanted.name()));
    made.write(wanted, recordings);
    System.out.printf(
        Locale.ROOT, "golden %-22s %7d bytes%n", wanted.name(), Files.size(made.capture()));
    if (KEEP) {
      made.copyTo(new CaseFolder(GoldenCases.FOLDER.resolve(wanted.name())));
    }
  }
}
