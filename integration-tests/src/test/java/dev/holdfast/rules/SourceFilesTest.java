package dev.holdfast.rules;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Rules that only the source files show. */
class SourceFilesTest {

  private static final int LONGEST_FILE = 500;

  @Test
  void everyPackageSaysHowItWorks() throws IOException {
    var folders = new TreeSet<Path>();
    for (String module : SourceTree.MODULES) {
      SourceTree.javaFiles(module, "main").forEach(file -> folders.add(file.resolveSibling("")));
    }
    assertThat(folders).isNotEmpty();
    for (Path folder : folders) {
      Path info = folder.resolve("package-info.java");
      assertThat(info).isRegularFile();
      assertThat(Files.readString(info)).as("%s", info).startsWith("/**").contains("@NullMarked");
    }
  }

  @Test
  void noFileIsTooLongToBeReadInOneGo() throws IOException {
    List<String> tooLong = new ArrayList<>();
    for (String module : SourceTree.MODULES) {
      for (String sourceSet : List.of("main", "test")) {
        for (Path file : SourceTree.javaFiles(module, sourceSet)) {
          try (Stream<String> lines = Files.lines(file)) {
            long count = lines.count();
            if (count > LONGEST_FILE) {
              tooLong.add(SourceTree.root().relativize(file) + ": " + count + " lines");
            }
          }
        }
      }
    }
    assertThat(tooLong).isEmpty();
  }
}
