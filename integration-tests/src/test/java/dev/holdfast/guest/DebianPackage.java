package dev.holdfast.guest;

import dev.holdfast.redirector.demo.lab.Tool;
import java.io.File;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Files of a Debian package that is unpacked and not installed: a kernel for a guest must not
 * become this machine's.
 *
 * <p>They are kept in the user's cache folder ({@code $XDG_CACHE_HOME/holdfast-tests}, else {@code
 * ~/.cache/holdfast-tests}), a folder for each version, so that a clean build downloads nothing
 * again; whoever deletes it gets it back with the next test.
 */
final class DebianPackage {
  private static final Pattern FILE = Pattern.compile("^'\\S+' (\\S+)\\.deb ", Pattern.MULTILINE);
  private static final Pattern DEPENDS = Pattern.compile("(?m)^ *Depends: (linux-image-\\S+)");

  /** What is done once to the unpacked files. */
  interface Step {
    void run(Path unpacked) throws IOException;
  }

  private DebianPackage() {}

  /**
   * The folder with the files of the version that apt would install.
   *
   * @param first done with the files before anyone else sees them
   * @throws IOException in one sentence when apt does not know the package or cannot load it
   */
  static Path unpacked(String name, Step first) throws IOException {
    return cached(() -> version(name), folder -> load(name, folder, first));
  }

  /** Finds out what a folder of the cache is called. */
  interface Name {
    String get() throws IOException;
  }

  /**
   * A folder of the cache, which is made where it is not there yet. Processes take turns.
   *
   * @param make leaves the folder there, or nothing
   */
  static Path cached(Name name, Step make) throws IOException {
    Path cache = cache();
    Files.createDirectories(cache);
    try (var channel =
            FileChannel.open(
                cache.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        FileLock unused = channel.lock()) {
      Path folder = cache.resolve(name.get());
      if (!Files.isDirectory(folder)) {
        make.run(folder);
      }
      return folder;
    }
  }

  /** The package of the kernel that Debian's {@code linux-image-amd64} stands for at present. */
  static String kernel() throws IOException {
    Matcher matcher =
        DEPENDS.matcher(Tool.run(List.of("apt-cache", "depends", "linux-image-amd64")));
    if (!matcher.find()) {
      throw new IOException("apt knows no linux-image-amd64: run 'apt-get update' as root");
    }
    return matcher.group(1);
  }

  private static Path cache() {
    String given = System.getenv("XDG_CACHE_HOME");
    Path base =
        given == null || given.isEmpty()
            ? Path.of(System.getProperty("user.home"), ".cache")
            : Path.of(given);
    return base.resolve("holdfast-tests");
  }

  private static String version(String name) throws IOException {
    Matcher matcher;
    try {
      matcher = FILE.matcher(Tool.run(List.of("apt-get", "download", "--print-uris", name)));
    } catch (IOException e) {
      throw new IOException("apt does not know " + name + ": run 'apt-get update' as root", e);
    }
    if (!matcher.find()) {
      throw new IOException("apt has no file for " + name);
    }
    return matcher.group(1);
  }

  private static void load(String name, Path folder, Step first) throws IOException {
    Path making = Files.createTempDirectory(folder.getParent(), "making-");
    Path archives = Files.createDirectory(making.resolve("archives"));
    Path files = making.resolve("files");
    try {
      // apt-get writes to the folder that it is started in
      Tool.run(List.of("env", "-C", archives.toString(), "apt-get", "-qq", "download", name));
      File[] archive = archives.toFile().listFiles();
      if (archive == null || archive.length != 1) {
        throw new IOException("apt-get download " + name + " gave no file");
      }
      Tool.run(List.of("dpkg", "-x", archive[0].toString(), files.toString()));
      first.run(files);
      Files.move(files, folder, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw new IOException(
          name + " cannot be loaded (if its version is no longer offered, 'apt-get update' helps)",
          e);
    } finally {
      Tool.run(List.of("rm", "-rf", making.toString()));
    }
  }
}
