package dev.holdfast.edge;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.rules.SourceTree;
import java.io.IOException;
import java.io.StringWriter;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import javax.tools.JavaCompiler;
import javax.tools.ToolProvider;
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
    return Mutant.ALL;
  }

  @Test
  void unbrokenCodePassesEveryRow() throws Exception {
    assertThat(failing(folder)).isEmpty();
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("mutants")
  @Timeout(value = 2, unit = java.util.concurrent.TimeUnit.MINUTES)
  void aRowFailsWhereARuleIsBroken(Mutant mutant) throws Exception {
    compile(mutant);
    List<String> rows = failing(folder);
    caught.put(mutant.rule(), rows);

    assertThat(rows).as("rows that fail where this is broken: %s", mutant).isNotEmpty();
  }

  /** The broken class, into the folder that comes first on the class path. */
  private void compile(Mutant mutant) throws IOException {
    Path source = folder.resolve("broken").resolve(mutant.source().getFileName());
    Files.createDirectories(source.getParent());
    Files.writeString(source, mutant.broken());
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    List<String> path = new ArrayList<>();
    ours().forEach(each -> path.add(each.toString()));
    dependencies().forEach(each -> path.add(each.toString()));
    var messages = new StringWriter();
    try (var files = compiler.getStandardFileManager(null, null, null)) {
      boolean compiled =
          compiler
              .getTask(
                  messages,
                  files,
                  null,
                  List.of(
                      "-proc:none",
                      "-nowarn",
                      "-d",
                      folder.toString(),
                      "-cp",
                      String.join(java.io.File.pathSeparator, path)),
                  null,
                  files.getJavaFileObjects(source))
              .call();
      assertThat(compiled).as("%s compiles: %s", mutant.file(), messages).isTrue();
    }
  }

  /** The names of the rows that fail with the classes in {@code overlay} before all others. */
  private static List<String> failing(Path overlay) throws Exception {
    List<Path> first = new ArrayList<>(List.of(overlay));
    first.addAll(ours());
    try (var libraries =
            new URLClassLoader(urls(dependencies()), ClassLoader.getPlatformClassLoader());
        var classes = new URLClassLoader(urls(first), libraries)) {
      Object failing = classes.loadClass(TABLES).getMethod("failing").invoke(null);
      return ((List<?>) failing)
          .stream().map(row -> row.toString().lines().findFirst().orElse("")).toList();
    }
  }

  /** The code and the tables, as they were built. */
  private static List<Path> ours() {
    Path root = SourceTree.root();
    return List.of(
        root.resolve("redirector/target/test-classes"),
        root.resolve("redirector/target/classes"),
        root.resolve("tunnel/target/classes"));
  }

  /** What they need of others; and how much is logged. */
  private static List<Path> dependencies() {
    List<Path> paths = new ArrayList<>();
    paths.add(SourceTree.root().resolve("integration-tests/src/test/resources"));
    Arrays.stream(System.getProperty("java.class.path").split(java.io.File.pathSeparator))
        .map(Path::of)
        .filter(path -> path.toString().endsWith(".jar"))
        .filter(path -> !path.toAbsolutePath().startsWith(SourceTree.root()))
        .forEach(paths::add);
    return paths;
  }

  private static URL[] urls(List<Path> paths) throws MalformedURLException {
    URL[] urls = new URL[paths.size()];
    for (int i = 0; i < urls.length; i++) {
      urls[i] = paths.get(i).toUri().toURL();
    }
    return urls;
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
