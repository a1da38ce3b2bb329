package dev.holdfast.rules;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** The checkout that the tests run in. */
public final class SourceTree {

  public static final List<String> MODULES = List.of("tunnel", "redirector", "integration-tests");

  private SourceTree() {}

  /** The folder with the launcher and the parent pom. */
  public static Path root() {
    Path folder = Path.of("").toAbsolutePath();
    while (!Files.exists(folder.resolve("holdfast")) || !Files.exists(folder.resolve(".mvn"))) {
      Path parent = folder.getParent();
      if (parent == null) {
        throw new IllegalStateException("not started within the source tree");
      }
      folder = parent;
    }
    return folder;
  }

  /** All Java files of one module's source set, {@code main} or {@code test}. */
  public static List<Path> javaFiles(String module, String sourceSet) {
    Path sources = root().resolve(module).resolve("src").resolve(sourceSet).resolve("java");
    if (!Files.isDirectory(sources)) {
      return List.of();
    }
    try (Stream<Path> files = Files.walk(sources)) {
      return files.filter(file -> file.toString().endsWith(".java")).sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
