package dev.holdfast.guest;

import dev.holdfast.redirector.demo.lab.Tool;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Where programs for a guest are taken from, with the libraries that they need.
 *
 * @param root the file system that they are in
 * @param lister the command that lists a program's libraries as {@code ldd} does; the program's
 *     path follows
 */
public record ProgramSource(Path root, List<String> lister) {
  private static final Pattern LIBRARY =
      Pattern.compile("^\\s*(?:(\\S+) => )?(/\\S+) \\(0x", Pattern.MULTILINE);

  /** What is installed here. */
  public static ProgramSource thisMachine() {
    return new ProgramSource(Path.of("/"), List.of("ldd"));
  }

  /**
   * A program's file.
   *
   * @param program its name, or its path below the root where it is in no folder for programs
   * @throws IOException in one sentence when it is not there
   */
  Path find(String program) throws IOException {
    for (String folder : List.of("", "usr/bin", "usr/sbin", "bin", "sbin")) {
      Path file = root.resolve(folder).resolve(program);
      if (Files.isRegularFile(file) && Files.isExecutable(file)) {
        return file;
      }
    }
    throw new IOException(
        "the guest needs %s, which is not %s"
            .formatted(program, root.getNameCount() == 0 ? "on this machine" : "in " + root));
  }

  /** The files that a program cannot start without, by their paths in a guest. */
  Map<Path, Path> libraries(Path program) throws IOException {
    List<String> command = new ArrayList<>(lister);
    command.add(program.toString());
    Map<Path, Path> found = new TreeMap<>();
    Matcher matcher = LIBRARY.matcher(Tool.run(command));
    while (matcher.find()) {
      String name = matcher.group(1);
      Path file = Path.of(matcher.group(2));
      // The loader is looked for by the path that is in the program, the others by their names.
      boolean isPath = name != null && name.startsWith("/");
      found.put(isPath ? Path.of(name) : Path.of("/").resolve(root.relativize(file)), file);
    }
    return found;
  }
}
