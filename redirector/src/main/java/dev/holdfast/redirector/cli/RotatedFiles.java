package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.capturefile.PcapNgBlocks;
import dev.holdfast.tunnel.time.Clock;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Where the blocks of a capture go: one file, or one after the other, each of which can be read by
 * itself; or standard output.
 */
final class RotatedFiles implements AutoCloseable {
  private static final int BUFFER = 1 << 16;

  /**
   * When the next file begins.
   *
   * @param bytes after which; {@code Long.MAX_VALUE} for never
   * @param nanos likewise
   * @param keep how many files are kept; the oldest goes
   */
  record Rotation(long bytes, long nanos, int keep) {
    static final Rotation NONE = new Rotation(Long.MAX_VALUE, Long.MAX_VALUE, Integer.MAX_VALUE);

    boolean isOn() {
      return bytes != Long.MAX_VALUE || nanos != Long.MAX_VALUE;
    }
  }

  /** What cannot be written any more; the message says where, and why. */
  static final class Unwritable extends IOException {
    private static final long serialVersionUID = 1L;

    Unwritable(String where, IOException why) {
      super(where + " cannot be written: " + reason(why), why);
    }

    private static String reason(IOException why) {
      return switch (why) {
        case FileAlreadyExistsException e -> "it is there already, and --force was not given";
        case AccessDeniedException e -> "no permission";
        case NoSuchFileException e -> "its folder is not there any more";
        case FileSystemException e when e.getReason() != null -> e.getReason();
        default -> String.valueOf(why.getMessage());
      };
    }
  }

  private final @Nullable Path path;
  private final @Nullable OutputStream stream;
  private final Rotation rotation;
  private final boolean force;
  private final Clock clock;
  private final List<byte[]> heads = new ArrayList<>();
  private final Map<Integer, byte[]> statistics = new TreeMap<>();
  private final Deque<Path> kept = new ArrayDeque<>();
  private @Nullable OutputStream out;
  private @Nullable Path current;
  private int number;
  private long bytes;
  private long packets;
  private long opened;
  private long total;

  private RotatedFiles(
      @Nullable Path path,
      @Nullable OutputStream stream,
      Rotation rotation,
      boolean force,
      Clock clock) {
    this.path = path;
    this.stream = stream;
    this.rotation = rotation;
    this.force = force;
    this.clock = clock;
  }

  /**
   * @param force files that are there are written over
   * @throws CommandFailed where one is there, or can never be
   */
  static RotatedFiles to(Path path, Rotation rotation, boolean force, Clock clock)
      throws CommandFailed {
    RotatedFiles files = new RotatedFiles(path, null, rotation, force, clock);
    OutputFile.check(files.name(1), force, List.of());
    return files;
  }

  static RotatedFiles toStream(OutputStream stream, Clock clock) {
    return new RotatedFiles(null, stream, Rotation.NONE, false, clock);
  }

  /** {@code trace.pcapng}, or with rotation {@code trace-00001.pcapng}. */
  private Path name(int index) {
    Path whole = Objects.requireNonNull(path);
    if (!rotation.isOn()) {
      return whole;
    }
    String last = String.valueOf(whole.getFileName());
    int dot = last.lastIndexOf('.');
    String stem = dot > 0 ? last.substring(0, dot) : last;
    String suffix = dot > 0 ? last.substring(dot) : "";
    return whole.resolveSibling("%s-%05d%s".formatted(stem, index, suffix));
  }

  /** Takes one block of the capture. */
  void write(PcapNgBlocks block) throws Unwritable {
    try {
      switch (block.kind()) {
        case SECTION, INTERFACE -> {
          heads.add(copy(block));
          put(block.array(), block.length());
        }
        case STATISTICS -> {
          statistics.put(block.interfaceNumber(), copy(block));
          put(block.array(), block.length());
        }
        case PACKET -> {
          if (isFull(block.length())) {
            rotate();
          }
          put(block.array(), block.length());
          packets++;
        }
        case OTHER -> put(block.array(), block.length());
      }
    } catch (IOException e) {
      throw new Unwritable(where(), e);
    }
  }

  private static byte[] copy(PcapNgBlocks block) {
    return Arrays.copyOf(block.array(), block.length());
  }

  private void put(byte[] block, int length) throws IOException {
    OutputStream to = out;
    if (to == null) {
      to = open();
      out = to;
    }
    to.write(block, 0, length);
    bytes += length;
    total += length;
  }

  private OutputStream open() throws IOException {
    bytes = 0;
    packets = 0;
    opened = clock.nanoTime();
    if (stream != null) {
      return new BufferedOutputStream(stream, BUFFER);
    }
    Path file = name(++number);
    current = file;
    OpenOption[] how =
        force
            ? new OpenOption[] {
              StandardOpenOption.CREATE,
              StandardOpenOption.TRUNCATE_EXISTING,
              StandardOpenOption.WRITE
            }
            : new OpenOption[] {StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE};
    OutputStream made = new BufferedOutputStream(Files.newOutputStream(file, how), BUFFER);
    kept.add(file);
    while (kept.size() > rotation.keep) {
      Files.deleteIfExists(kept.remove());
    }
    return made;
  }

  private boolean isFull(int more) {
    return packets > 0
        && (bytes + more > rotation.bytes || clock.nanoTime() - opened >= rotation.nanos);
  }

  /** What was counted until then is told in the file that ends, too. */
  private void rotate() throws IOException {
    for (byte[] block : statistics.values()) {
      put(block, block.length);
    }
    closeFile();
    for (byte[] block : heads) {
      put(block, block.length);
    }
  }

  /** Whoever reads sees all that was written. */
  void flush() throws Unwritable {
    try {
      if (out != null) {
        out.flush();
      }
    } catch (IOException e) {
      throw new Unwritable(where(), e);
    }
  }

  private String where() {
    return current == null ? "standard output" : current.toString();
  }

  /** The files that are there, oldest first. */
  List<Path> files() {
    return List.copyOf(kept);
  }

  /** Bytes written in all. */
  long total() {
    return total;
  }

  private void closeFile() throws IOException {
    OutputStream open = out;
    out = null;
    if (open != null) {
      open.flush();
      if (stream == null) {
        open.close();
      }
    }
  }

  @Override
  public void close() throws Unwritable {
    try {
      closeFile();
    } catch (IOException e) {
      throw new Unwritable(where(), e);
    }
  }
}
