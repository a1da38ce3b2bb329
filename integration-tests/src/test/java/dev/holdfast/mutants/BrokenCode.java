package dev.holdfast.mutants;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.rules.SourceTree;
import java.io.File;
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
import javax.tools.JavaCompiler;
import javax.tools.ToolProvider;

/** Compiles a mutant, and runs tests with it in place of the code that it breaks. */
public final class BrokenCode {
  private BrokenCode() {}

  /** The broken class, into a folder that comes first on the class path. */
  public static void compile(Mutant mutant, Path folder) throws IOException {
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
                      String.join(File.pathSeparator, path)),
                  null,
                  files.getJavaFileObjects(source))
              .call();
      assertThat(compiled).as("%s compiles: %s", mutant.file(), messages).isTrue();
    }
  }

  /**
   * Calls a static method without arguments, which gives a list, where the classes in {@code
   * overlay} come before all others.
   *
   * @param more folders of classes beside the product's and its tests'
   * @return the list's elements as text
   */
  public static List<String> ask(Path overlay, List<Path> more, String type, String method)
      throws Exception {
    List<Path> first = new ArrayList<>(List.of(overlay));
    first.addAll(ours());
    first.addAll(more);
    try (var libraries =
            new URLClassLoader(urls(dependencies()), ClassLoader.getPlatformClassLoader());
        var classes = new URLClassLoader(urls(first), libraries)) {
      Object answer = classes.loadClass(type).getMethod(method).invoke(null);
      return ((List<?>) answer).stream().map(Object::toString).toList();
    }
  }

  /** The code and its unit tests, as they were built. */
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
    Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
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
}
