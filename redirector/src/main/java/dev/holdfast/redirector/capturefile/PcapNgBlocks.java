package dev.holdfast.redirector.capturefile;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The blocks of a pcapng stream that {@link PcapNgWriter} writes, whole and one after the other:
 * for who puts them into other files. {@link CaptureReader} reads what anybody has written.
 */
public final class PcapNgBlocks {
  private static final int OVERHEAD = 12;
  private static final int LONGEST = 1 << 20;
  private static final int FIRST_OPTION_OF_INTERFACE = 16;
  private static final int FIRST_OPTION_OF_PACKET = 28;
  private static final int FIRST_OPTION_OF_STATISTICS = 20;

  /** What a block is. */
  public enum Kind {
    SECTION,
    INTERFACE,
    PACKET,
    STATISTICS,
    OTHER
  }

  private final InputStream in;
  private byte[] bytes = new byte[4096];
  private ByteBuffer block = wrap(0);

  public PcapNgBlocks(InputStream in) {
    this.in = in;
  }

  /**
   * Goes to the next block.
   *
   * @return false at the end of the stream
   * @throws IOException when it ends within a block, or is no such stream
   */
  public boolean next() throws IOException {
    int there = in.readNBytes(bytes, 0, 8);
    if (there == 0) {
      return false;
    }
    if (there < 8) {
      throw new EOFException("the capture ends within a block");
    }
    int length = wrap(8).getInt(4);
    if (length < OVERHEAD || length > LONGEST || length % 4 != 0) {
      throw new IOException("the capture has a block of " + length + " bytes");
    }
    if (bytes.length < length) {
      bytes = Arrays.copyOf(bytes, length);
    }
    if (in.readNBytes(bytes, 8, length - 8) < length - 8) {
      throw new EOFException("the capture ends within a block");
    }
    block = wrap(length);
    if (block.getInt(length - 4) != length || block.limit() < shortest()) {
      throw new IOException("the capture has a block that does not fit its length");
    }
    return true;
  }

  private ByteBuffer wrap(int length) {
    return ByteBuffer.wrap(bytes, 0, length).order(ByteOrder.LITTLE_ENDIAN);
  }

  private int shortest() {
    return switch (kind()) {
      case SECTION -> 28;
      case INTERFACE -> 20;
      case PACKET -> 32;
      case STATISTICS -> 24;
      case OTHER -> OVERHEAD;
    };
  }

  public Kind kind() {
    return switch (block.getInt(0)) {
      case PcapNgFormat.SECTION -> Kind.SECTION;
      case 1 -> Kind.INTERFACE;
      case 6 -> Kind.PACKET;
      case 5 -> Kind.STATISTICS;
      default -> Kind.OTHER;
    };
  }

  /** The block's bytes are the first {@link #length} of it; valid until the next block. */
  public byte[] array() {
    return bytes;
  }

  public int length() {
    return block.limit();
  }

  /** Of a packet or of statistics: the interface's number. */
  public int interfaceNumber() {
    return block.getInt(8);
  }

  /** Of a packet: how many bytes of it there are. */
  public int captured() {
    return block.getInt(20);
  }

  /** Of an interface's description; "" where it has none. */
  public String interfaceName() {
    ByteBuffer value = option(FIRST_OPTION_OF_INTERFACE, PcapNgWriter.INTERFACE_NAME);
    return value == null ? "" : StandardCharsets.UTF_8.decode(value).toString();
  }

  /** Of a packet; "" where it has none. */
  public String comment() {
    int options = FIRST_OPTION_OF_PACKET + (captured() + 3 & ~3);
    ByteBuffer value = options < 0 ? null : option(options, PcapNgWriter.OPTION_COMMENT);
    return value == null ? "" : StandardCharsets.UTF_8.decode(value).toString();
  }

  /** Of statistics: packets that are not in the capture; 0 where it does not say. */
  public long dropped() {
    ByteBuffer value = option(FIRST_OPTION_OF_STATISTICS, PcapNgWriter.STATISTICS_DROPPED);
    return value == null || value.remaining() < 8
        ? 0
        : value.order(ByteOrder.LITTLE_ENDIAN).getLong();
  }

  private @Nullable ByteBuffer option(int first, int wanted) {
    int end = block.limit() - 4;
    for (int at = first; at + 4 <= end; ) {
      int code = block.getShort(at) & 0xffff;
      int size = block.getShort(at + 2) & 0xffff;
      if (code == 0 || at + 4 + size > end) {
        return null;
      }
      if (code == wanted) {
        return block.slice(at + 4, size);
      }
      at += 4 + (size + 3 & ~3);
    }
    return null;
  }
}
