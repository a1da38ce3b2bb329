package dev.holdfast.scenario;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Whether tests may make network namespaces here. */
public final class Root {
  private Root() {}

  public static boolean isRoot() throws IOException {
    return Files.readAllLines(Path.of("/proc/self/status")).stream()
        .anyMatch(line -> line.matches("Uid:\\s+\\d+\\s+0\\s.*"));
  }
}
