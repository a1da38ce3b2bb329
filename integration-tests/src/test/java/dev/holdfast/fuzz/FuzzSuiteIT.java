package dev.holdfast.fuzz;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.fail;

import com.code_intelligence.jazzer.Jazzer;
import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.holdfast.rules.SourceTree;
import java.io.IOException;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Fuzzes every target for a minute ({@code -Dholdfast.fuzz.seconds=N} says another time, {@code
 * -Dholdfast.fuzz.only=TEXT} which), each in a JVM of its own, since libFuzzer runs once in a
 * process. The seeds are those of the everyday run.
 *
 * <p>Whatever is found is kept in {@code target/fuzz/CLASS.METHOD} with the fuzzer's whole output;
 * copied to where the failure says, it is an input of the everyday run from then on.
 */
@Tag("suite-fuzz")
class FuzzSuiteIT {
  private static final int SECONDS = Integer.getInteger("holdfast.fuzz.seconds", 60);

  /** A part of the names of those that are wanted. */
  private static final String ONLY = System.getProperty("holdfast.fuzz.only", "");

  /** The corpora of earlier runs stay, so that a run begins where the last one ended. */
  private static final Path FOLDER = SourceTree.root().resolve("target").resolve("fuzz");

  private static final String SUFFIX = "FuzzTest";
  private static final Pattern DONE =
      Pattern.compile(
          "#(\\d+)\\s+DONE +cov: (\\d+) ft: (\\d+) corp: (\\d+)/(\\S+).* exec/s: (\\d+)");
  private static final Pattern FOUND = Pattern.compile("Test unit written to (\\S+)");

  /** All {@code @FuzzTest} methods of this module. */
  static Stream<Method> targets() {
    Path sources = SourceTree.root().resolve("integration-tests/src/test/java");
    return SourceTree.javaFiles("integration-tests", "test").stream()
        .map(file -> sources.relativize(file).toString())
        .filter(file -> file.endsWith(SUFFIX + ".java"))
        .map(file -> file.substring(0, file.length() - ".java".length()).replace('/', '.'))
        .flatMap(name -> Arrays.stream(loaded(name).getDeclaredMethods()))
        .filter(method -> method.isAnnotationPresent(FuzzTest.class))
        .filter(method -> name(method).contains(ONLY))
        .sorted(Comparator.comparing(FuzzSuiteIT::name));
  }

  private static Class<?> loaded(String name) {
    try {
      return Class.forName(name);
    } catch (ClassNotFoundException e) {
      throw new IllegalStateException("the file's name is not the class's", e);
    }
  }

  private static String name(Method target) {
    return target.getDeclaringClass().getSimpleName() + "." + target.getName();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("targets")
  void nothingIsFound(Method target) throws Exception {
    Path folder = Files.createDirectories(FOLDER.resolve(name(target)));
    Path log = folder.resolve("output.txt");
    deleteFindings(folder);
    Process fuzzer =
        new ProcessBuilder(command(target))
            .directory(folder.toFile())
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start();
    try {
      if (!fuzzer.waitFor(SECONDS + 120L, TimeUnit.SECONDS)) {
        fail(name(target) + " did not end: its output is in " + log);
      }
    } finally {
      fuzzer.destroyForcibly();
    }
    String output = Files.readString(log, StandardCharsets.ISO_8859_1);
    Matcher found = FOUND.matcher(output);
    if (found.find()) {
      fail(finding(target, Path.of(found.group(1)), output, log));
    }
    assertThat(fuzzer.exitValue()).as("its output is in %s", log).isZero();
    Matcher done = DONE.matcher(output);
    assertThat(done.find()).as("an end in %s", log).isTrue();
    System.out.printf(
        Locale.ROOT,
        "fuzz %-40s %9s runs, %7s/s; coverage %s edges, %s features; corpus %s inputs, %s; nothing"
            + " found%n",
        name(target),
        done.group(1),
        done.group(6),
        done.group(2),
        done.group(3),
        done.group(4),
        done.group(5));
    assertThat(Long.parseLong(done.group(1))).as("runs: nothing was tried").isGreaterThan(1000);
  }

  /** The same JVM arguments as the tests; only our own classes are instrumented. */
  private static List<String> command(Method target) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(
            "-XX:+EnableDynamicAgentLoading", // the agent comes in the JVM's own process, JEP 451
            "--enable-native-access=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=allow",
            "-XX:+UseSerialGC",
            "-Xmx1g",
            "-cp",
            System.getProperty("java.class.path"),
            "-Djazzer.hooks=true",
            Jazzer.class.getName(),
            "--target_class=" + target.getDeclaringClass().getName(),
            "--target_method=" + target.getName(),
            "--instrument=dev.holdfast.**",
            "-max_total_time=" + SECONDS,
            "-timeout=10",
            "-rss_limit_mb=3000"));
    return command;
  }

  private static void deleteFindings(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.filter(FuzzSuiteIT::isFinding).toList()) {
        Files.delete(file);
      }
    }
  }

  private static boolean isFinding(Path file) {
    return file.getFileName().toString().matches("(crash|timeout|oom)-.*");
  }

  private static String finding(Method target, Path input, String output, Path log) {
    String resources =
        "integration-tests/src/test/resources/%s/%sInputs/%s"
            .formatted(
                target.getDeclaringClass().getPackageName().replace('.', '/'),
                target.getDeclaringClass().getSimpleName(),
                target.getName());
    int exception = output.indexOf("== Java Exception: ");
    String what =
        exception < 0
            ? "no exception: a timeout or too much memory"
            : output.substring(exception, Math.min(output.length(), exception + 600));
    return """
    %s has found an input: %s
    %s
    The whole output is in %s. To see it again, and in every run from now on:
      mkdir -p %s && cp %s %s/
      mvn -pl integration-tests -am test -Dtest=%s -Dsurefire.failIfNoSpecifiedTests=false\
    """
        .formatted(
            name(target),
            input,
            what,
            log,
            resources,
            input,
            resources,
            target.getDeclaringClass().getSimpleName());
  }
}
