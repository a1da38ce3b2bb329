package dev.holdfast.guest;

import dev.holdfast.redirector.demo.lab.Tool;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;

/**
 * Programs of another Debian release than this machine's, with all the libraries that they need,
 * down to the C library: unpacked into the cache of {@link DebianPackage} and not installed.
 *
 * <p>This machine's apt fetches it, with lists of its own, from the mirror that it uses anyway and
 * checked by the same keys. What it has installed is not asked: nothing is, so that it fetches
 * everything.
 */
public final class DebianRelease {
  private static final String KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg";
  private static final String MIRRORS = "$(LABEL)|$(COMPONENT)|$(REPO_URI)";
  private static final String MAIN = "Debian|main|";

  private DebianRelease() {}

  /**
   * The command that runs a program with its own release's libraries; arguments follow.
   *
   * @param release codename: forky
   * @param name of the package
   * @param program its path in the package, without a slash before it: usr/sbin/criu
   * @throws IOException in one sentence when the release or the package cannot be loaded
   */
  public static List<String> program(String release, String name, String program)
      throws IOException {
    Path root = unpacked(release, List.of(name));
    List<String> command = new ArrayList<>(loader(root));
    command.add(root.resolve(program).toString());
    return command;
  }

  /**
   * Packages whose programs a guest may have, all with the same libraries.
   *
   * @param release codename: trixie
   * @param names of the packages
   * @throws IOException in one sentence when the release or a package cannot be loaded
   */
  public static ProgramSource programs(String release, List<String> names) throws IOException {
    Path root = unpacked(release, names);
    List<String> lister = new ArrayList<>(loader(root));
    lister.add("--list");
    return new ProgramSource(root, lister);
  }

  private static Path unpacked(String release, List<String> names) throws IOException {
    return DebianPackage.cached(
        () -> release + "-" + String.join("-", names), folder -> load(release, names, folder));
  }

  private static List<String> loader(Path root) throws IOException {
    // Debian has them by architecture, and this machine's is the only one that can run here.
    Path loader = only(root.resolve("usr/lib64"), "ld-linux-.*[.]so[.][0-9]+", root);
    Path libraries = only(root.resolve("usr/lib"), ".*-linux-gnu.*", root);
    return List.of(loader.toString(), "--library-path", libraries + ":" + root.resolve("usr/lib"));
  }

  private static Path only(Path folder, String pattern, Path root) throws IOException {
    File[] found = folder.toFile().listFiles((parent, name) -> name.matches(pattern));
    if (found == null || found.length != 1) {
      throw new IOException(
          "%s has no single %s: delete %s, and it is loaded again"
              .formatted(folder, pattern, root));
    }
    return found[0].toPath();
  }

  private static void load(String release, List<String> names, Path folder) throws IOException {
    Path making = Files.createTempDirectory(folder.getParent(), "making-");
    Path files = Files.createDirectory(making.resolve("files"));
    try {
      Files.createDirectories(making.resolve("lists/partial"));
      Path archives = Files.createDirectories(making.resolve("cache/archives"));
      Files.createDirectories(archives.resolve("partial"));
      Files.writeString(making.resolve("status"), "");
      Files.writeString(
          making.resolve("sources.list"),
          "deb [signed-by=%s] %s %s main%n".formatted(KEYS, mirror(), release));
      Tool.run(apt(making, List.of("update")));
      List<String> install =
          new ArrayList<>(List.of("--no-install-recommends", "--download-only", "-y", "install"));
      install.addAll(names);
      Tool.run(apt(making, install));
      File[] loaded = archives.toFile().listFiles((parent, file) -> file.endsWith(".deb"));
      if (loaded == null || loaded.length == 0) {
        throw new IOException("apt-get install gave no file");
      }
      for (File each : loaded) {
        Tool.run(List.of("dpkg", "-x", each.toString(), files.toString()));
      }
      Files.move(files, folder, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw new IOException(
          String.join(" and ", names) + " of Debian " + release + " cannot be loaded", e);
    } finally {
      Tool.run(List.of("rm", "-rf", making.toString()));
    }
  }

  /** The mirror from which this machine has its own packages. */
  private static String mirror() throws IOException {
    return Tool.run(List.of("apt-get", "indextargets", "--format", MIRRORS))
        .lines()
        .filter(line -> line.startsWith(MAIN))
        .findFirst()
        .map(line -> line.substring(MAIN.length()))
        .orElseThrow(
            () -> new IOException("apt knows no mirror of Debian: run 'apt-get update' as root"));
  }

  private static List<String> apt(Path making, List<String> arguments) {
    List<String> command = new ArrayList<>(List.of("apt-get", "-qq"));
    for (String option :
        List.of(
            "Dir::Etc::sourcelist=" + making.resolve("sources.list"),
            "Dir::Etc::sourceparts=-",
            "Dir::State::lists=" + making.resolve("lists"),
            "Dir::State::status=" + making.resolve("status"),
            "Dir::Cache=" + making.resolve("cache"),
            "APT::Sandbox::User=root",
            "Debug::NoLocking=1")) {
      command.addAll(List.of("-o", option));
    }
    command.addAll(arguments);
    return command;
  }
}
