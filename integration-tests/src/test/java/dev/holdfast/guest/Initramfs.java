package dev.holdfast.guest;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;

/**
 * Writes the archive that a kernel unpacks as its first root file system: cpio in the "newc" form,
 * not compressed (kernel documentation, driver-api/early-userspace/buffer-format).
 */
final class Initramfs implements AutoCloseable {
  private static final int FOLDER = 0040755;
  private static final int PROGRAM = 0100755;
  private static final int LINK = 0120777;

  private final OutputStream out;
  private final Set<Path> folders = new HashSet<>();
  private int entries;

  Initramfs(OutputStream out) {
    this.out = out;
  }

  /** A file that may be executed, and the folders above it. */
  void file(Path path, byte[] content) throws IOException {
    foldersAbove(path);
    entry(path, PROGRAM, content);
  }

  /** A symbolic link. */
  void link(Path path, String target) throws IOException {
    foldersAbove(path);
    entry(path, LINK, target.getBytes(StandardCharsets.UTF_8));
  }

  private void foldersAbove(Path path) throws IOException {
    Path folder = path.getParent();
    if (folder != null && folder.getNameCount() > 0 && folders.add(folder)) {
      foldersAbove(folder);
      entry(folder, FOLDER, new byte[0]);
    }
  }

  private void entry(Path path, int mode, byte[] content) throws IOException {
    String name = path.isAbsolute() ? path.toString().substring(1) : path.toString();
    write(name, mode, content);
  }

  private void write(String name, int mode, byte[] content) throws IOException {
    byte[] named = (name + "\0").getBytes(StandardCharsets.UTF_8);
    int[] fields = {++entries, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, named.length, 0};
    var header = new StringBuilder("070701");
    for (int field : fields) {
      header.append("%08x".formatted(field));
    }
    out.write(header.toString().getBytes(StandardCharsets.US_ASCII));
    out.write(named);
    pad(header.length() + named.length);
    out.write(content);
    pad(content.length);
  }

  private void pad(int written) throws IOException {
    out.write(new byte[-written & 3]);
  }

  @Override
  public void close() throws IOException {
    write("TRAILER!!!", 0, new byte[0]);
    out.close();
  }
}
