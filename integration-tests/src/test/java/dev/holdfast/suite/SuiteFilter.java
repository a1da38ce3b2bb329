package dev.holdfast.suite;

import java.util.Set;
import java.util.stream.Collectors;
import org.junit.platform.engine.FilterResult;
import org.junit.platform.engine.TestDescriptor;
import org.junit.platform.engine.TestTag;
import org.junit.platform.launcher.PostDiscoveryFilter;

/**
 * Keeps the long suites out of the everyday run.
 *
 * <p>A test tagged {@code suite-NAME} runs only when the system property {@code holdfast.suite} is
 * NAME, and then nothing else runs. Tag expressions of the build tool have no wildcard, so they
 * would need a list of all suites; here a new suite is a new tag. Suites run in Failsafe, so the
 * class's name ends in {@code IT}.
 */
public final class SuiteFilter implements PostDiscoveryFilter {

  private static final String PREFIX = "suite-";

  private final String wanted = System.getProperty("holdfast.suite", "");

  @Override
  public FilterResult apply(TestDescriptor test) {
    if (!test.isTest() && !test.mayRegisterTests()) {
      return FilterResult.included("a container; it goes when it is left empty");
    }
    Set<String> suites =
        test.getTags().stream()
            .map(TestTag::getName)
            .filter(tag -> tag.startsWith(PREFIX))
            .map(tag -> tag.substring(PREFIX.length()))
            .collect(Collectors.toSet());
    boolean runs = wanted.isEmpty() ? suites.isEmpty() : suites.contains(wanted);
    return FilterResult.includedIf(
        runs,
        () -> "asked for",
        () -> "suites of the test: " + suites + ", asked for: '" + wanted + "'");
  }
}
