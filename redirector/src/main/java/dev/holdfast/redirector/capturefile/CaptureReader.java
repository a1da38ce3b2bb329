package dev.holdfast.redirector.capturefile;

import dev.holdfast.redirector.capturefile.CaptureFormat.Damage;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Reads a capture file from front to back. For one thread.
 *
 * <pre>
 * try (CaptureReader reader = CaptureReader.open(file)) {
 *   while (reader.next()) {
 *     use(reader.frame());
 *   }
 *   say(reader.problem());
 * }
 * </pre>
 */
public final class CaptureReader implements AutoCloseable {
  private static final int GZIP = 0x1f8b;
  private static final int GZIP_BUFFER = 1 << 16;

  private final String name;
  private final CaptureSource source;
  private final CaptureFormat format;
  private final boolean packed;
  private final Frame frame = new Frame();
  private @Nullable Problem problem;
  private long frames;
  private long backwards;
  private long newest = Long.MIN_VALUE;

  /**
   * Where and why reading ended before the file did.
   *
   * @param offset of what cannot be right, in bytes; in a packed file, of what is unpacked
   * @param text a sentence with the file's name
   */
  public record Problem(long offset, String text) {}

  private CaptureReader(String name, CaptureSource source, CaptureFormat format, boolean packed) {
    this.name = name;
    this.source = source;
    this.format = format;
    this.packed = packed;
  }

  /**
   * Opens a file and reads its header.
   *
   * @throws IOException with a sentence: there is no such file, or it is no capture file
   */
  public static CaptureReader open(Path file) throws IOException {
    if (!Files.exists(file)) {
      throw new IOException("There is no file " + file + ".");
    }
    if (Files.isDirectory(file)) {
      throw new IOException(file + " is a directory, and not a capture file.");
    }
    if (!Files.isReadable(file)) {
      throw new IOException("No permission to read " + file + ".");
    }
    return of(Files.newInputStream(file), file.toString());
  }

  /**
   * Reads the header of a capture.
   *
   * @param in is closed with the reader, or here where there is none
   * @param name for messages
   * @throws IOException with a sentence: it is no capture file
   */
  public static CaptureReader of(InputStream in, String name) throws IOException {
    try {
      var buffered = new BufferedInputStream(in, GZIP_BUFFER);
      buffered.mark(2);
      boolean packed = (buffered.read() << 8 | buffered.read()) == GZIP;
      buffered.reset();
      return begin(new CaptureSource(packed ? unpacked(buffered, name) : buffered), name, packed);
    } catch (IOException | RuntimeException e) {
      in.close();
      throw e;
    }
  }

  private static InputStream unpacked(InputStream in, String name) throws IOException {
    try {
      return new Unpacking(in, GZIP_BUFFER);
    } catch (IOException e) {
      throw new IOException(name + " cannot be read: its gzip stream is corrupt.", e);
    }
  }

  private static CaptureReader begin(CaptureSource source, String name, boolean packed)
      throws IOException {
    try {
      if (source.isAtEnd()) {
        throw new IOException(name + " is empty: it is no capture file.");
      }
      if (!source.has(4)) {
        throw new IOException(name + " has " + source.left() + " bytes: it is no capture file.");
      }
      int magic = source.s32(0);
      if (magic == PcapNgFormat.SECTION) {
        return new CaptureReader(name, source, new PcapNgFormat(), packed);
      }
      if (PcapFormat.isMagic(magic)) {
        return new CaptureReader(name, source, PcapFormat.begin(source, magic), packed);
      }
      throw new IOException(
          "%s is no capture file: it is neither pcap nor pcapng (it begins with %08x)."
              .formatted(name, magic));
    } catch (Damage e) {
      throw new IOException(name + " cannot be read: " + e.getMessage() + ".", e);
    } catch (CaptureSource.Corrupt e) {
      throw new IOException(name + " cannot be read: " + e.getMessage() + ".", e);
    }
  }

  /**
   * Goes to the next frame.
   *
   * @return false at the end of what can be read; {@link #problem} says whether that is the file's
   * @throws IOException when the file cannot be read any more
   */
  public boolean next() throws IOException {
    if (problem != null) {
      return false;
    }
    try {
      if (!format.next(source, frame)) {
        return false;
      }
    } catch (Damage e) {
      return endsAt(e.offset, e);
    } catch (CaptureSource.Corrupt e) {
      return endsAt(source.offset(), e);
    }
    frames++;
    if (frame.epochNanos < newest) {
      backwards++;
    } else {
      newest = frame.epochNanos;
    }
    return true;
  }

  private boolean endsAt(long offset, Exception why) {
    problem =
        new Problem(
            offset,
            "%s is damaged at byte %d%s (packets before it: %d): %s."
                .formatted(name, offset, packed ? " (unpacked)" : "", frames, why.getMessage()));
    return false;
  }

  /** The one that {@link #next} has gone to. */
  public Frame frame() {
    return frame;
  }

  /** How many frames have been read; the number of the present one, as Wireshark counts. */
  public long frames() {
    return frames;
  }

  /** How many frames were captured before one that stands before them in the file. */
  public long backwards() {
    return backwards;
  }

  /** Why reading ended before the file did; null while it has not. */
  public @Nullable Problem problem() {
    return problem;
  }

  /** How far reading has come, in bytes; in a packed file, of what is unpacked. */
  public long offset() {
    return source.offset();
  }

  /** Such as "pcap, microseconds, little-endian". */
  public String description() {
    return (packed ? "gzip, " : "") + format.description();
  }

  /** The name of the present frame's interface; "" where the file does not say. */
  public String interfaceName() {
    return format instanceof PcapNgFormat ng ? ng.name(frame.interfaceNumber) : "";
  }

  @Override
  public void close() throws IOException {
    source.close();
  }
}
