package dev.holdfast.redirector.steer;

import java.io.Closeable;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A file that grows by whole lines: what could not be written whole is taken back, so that the next
 * line never follows a part of one. No interrupt of a thread that writes closes it for the others,
 * as it would a {@link java.nio.channels.FileChannel}.
 */
public final class AppendFile implements Closeable {
  private final Path file;
  private final FileOutputStream out;
  private long length;

  public AppendFile(Path file) throws IOException {
    this.file = file;
    this.out = new FileOutputStream(file.toFile(), true);
    this.length = Files.size(file);
  }

  /**
   * Writes {@code lines}; they are on the disk after {@link #sync}.
   *
   * @throws IOException when the disk does not take them; the file is as it was
   */
  public synchronized void append(byte[] lines) throws IOException {
    try {
      out.write(lines);
      length += lines.length;
    } catch (IOException e) {
      try (var whole = new RandomAccessFile(file.toFile(), "rw")) {
        whole.setLength(length);
      }
      throw e;
    }
  }

  /** Returns when everything that was written before is on the disk. */
  public void sync() throws IOException {
    out.getFD().sync();
  }

  @Override
  public void close() throws IOException {
    out.close();
  }
}
