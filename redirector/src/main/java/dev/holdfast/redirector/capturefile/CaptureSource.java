package dev.holdfast.redirector.capturefile;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.zip.ZipException;

/**
 * The bytes of a capture file in order, through one buffer. Numbers are read in the byte order that
 * the file's writer had.
 */
final class CaptureSource implements AutoCloseable {
  /** No more than that can be asked for at once. */
  static final int WINDOW = 1 << 19;

  private static final VarHandle BIG_INT =
      MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.BIG_ENDIAN);
  private static final VarHandle LITTLE_INT =
      MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);

  private final InputStream in;
  private final byte[] bytes = new byte[WINDOW];
  private int start;
  private int end;

  /** The file's offset of {@code start}. */
  private long offset;

  private boolean bigEndian = true;
  private boolean over;

  CaptureSource(InputStream in) {
    this.in = in;
  }

  void order(boolean isBigEndian) {
    bigEndian = isBigEndian;
  }

  /** Of the next byte; in a packed file, of what is unpacked. */
  long offset() {
    return offset;
  }

  byte[] array() {
    return bytes;
  }

  /** Where the next byte is in {@link #array()}. */
  int position() {
    return start;
  }

  /**
   * Makes the next bytes available.
   *
   * @param count at most {@link #WINDOW}
   * @return false where the file has fewer
   */
  boolean has(int count) throws IOException {
    if (end - start >= count) {
      return true;
    }
    System.arraycopy(bytes, start, bytes, 0, end - start);
    end -= start;
    start = 0;
    while (end < count && !over) {
      int read = read();
      if (read < 0) {
        over = true;
      } else {
        end += read;
      }
    }
    return end >= count;
  }

  private int read() throws IOException {
    try {
      return in.read(bytes, end, bytes.length - end);
    } catch (EOFException e) {
      throw new Corrupt("its gzip stream is cut off");
    } catch (ZipException e) {
      throw new Corrupt("its gzip stream is corrupt (" + e.getMessage() + ")");
    }
  }

  /** What was packed cannot be unpacked from here on. */
  static final class Corrupt extends IOException {
    private static final long serialVersionUID = 1L;

    Corrupt(String message) {
      super(message);
    }
  }

  /** True at the end of the file. */
  boolean isAtEnd() throws IOException {
    return !has(1);
  }

  /** How many bytes are left of a file that has fewer than were asked for. */
  int left() {
    return end - start;
  }

  /** Unsigned, of bytes that are available. */
  int u16(int at) {
    int first = bytes[start + at] & 0xff;
    int second = bytes[start + at + 1] & 0xff;
    return bigEndian ? first << 8 | second : second << 8 | first;
  }

  int s32(int at) {
    return (int) (bigEndian ? BIG_INT : LITTLE_INT).get(bytes, start + at);
  }

  /** Unsigned. */
  long u32(int at) {
    return s32(at) & 0xffff_ffffL;
  }

  /** Goes on behind bytes that are available. */
  void skip(int count) {
    start += count;
    offset += count;
  }

  /**
   * Goes on behind bytes that need not be available.
   *
   * @return false where the file has fewer
   */
  boolean pass(long count) throws IOException {
    long rest = count;
    while (rest > 0) {
      int step = (int) Math.min(rest, WINDOW);
      if (!has(step)) {
        skip(left());
        return false;
      }
      skip(step);
      rest -= step;
    }
    return true;
  }

  @Override
  public void close() throws IOException {
    in.close();
  }
}
