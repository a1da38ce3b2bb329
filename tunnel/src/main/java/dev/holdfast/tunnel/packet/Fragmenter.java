package dev.holdfast.tunnel.packet;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;

/**
 * Cuts an IPv4 packet without Don't Fragment into fragments (RFC 791 section 3.2), as a router does
 * whose next link takes less. A fragment may be cut again.
 *
 * <p>Later fragments have only those options that are marked to be copied; the first has all. One
 * object is reused for packet after packet; nothing is allocated.
 */
public final class Fragmenter {
  private static final int HEADER = 20;
  private static final int LONGEST_HEADER = 60;
  private static final int UNIT = 8;
  private static final int MORE = 0x2000;
  private static final int OFFSET = 0x1fff;

  private static final int END_OF_OPTIONS = 0;
  private static final int NO_OPERATION = 1;
  private static final int COPIED = 0x80;

  /** The smallest MTU that fragments can be made for: the longest header and one unit. */
  public static final int SMALLEST_MTU = LONGEST_HEADER + UNIT;

  private final ByteBuf laterHeader = Unpooled.buffer(LONGEST_HEADER, LONGEST_HEADER);
  private ByteBuf buf = Unpooled.EMPTY_BUFFER;
  private int start;
  private int headerLength;
  private int dataStart;
  private int dataEnd;
  private int mtu;
  private int fragmentWord; // as the packet has it
  private int done; // bytes of data that are out

  /**
   * Starts on one packet, whose checksums are complete. The view may be laid over other bytes
   * afterwards; the bytes themselves must stay until the last fragment is out.
   *
   * @param view IPv4 without Don't Fragment, checked
   * @param longest bytes of a fragment at most
   * @throws IllegalArgumentException where there is no such fragment
   */
  public void begin(PacketView view, int longest) {
    if (!view.isV4() || view.dontFragment()) {
      throw new IllegalArgumentException("only IPv4 without Don't Fragment is fragmented");
    }
    if (longest < SMALLEST_MTU) {
      throw new IllegalArgumentException(
          longest + " bytes is less than " + SMALLEST_MTU + ", which every link takes");
    }
    buf = view.buffer();
    start = view.start();
    headerLength = (buf.getByte(start) & 0xf) * 4;
    dataStart = start + headerLength;
    dataEnd = view.end();
    mtu = longest;
    fragmentWord = buf.getUnsignedShort(start + 6);
    done = 0;
    copyHeader();
  }

  /** The header of all fragments but the first. */
  private void copyHeader() {
    laterHeader.clear().writeBytes(buf, start, HEADER);
    int at = start + HEADER;
    while (at < dataStart) {
      int kind = buf.getUnsignedByte(at);
      if (kind == END_OF_OPTIONS) {
        break;
      }
      int length = kind == NO_OPERATION || at + 1 == dataStart ? 1 : buf.getUnsignedByte(at + 1);
      if (length < 1 || at + length > dataStart) {
        break; // a broken option stays in the first fragment, for the receiver to judge
      }
      if ((kind & COPIED) != 0) {
        laterHeader.writeBytes(buf, at, length);
      }
      at += length;
    }
    while (laterHeader.writerIndex() % 4 != 0) {
      laterHeader.writeByte(END_OF_OPTIONS);
    }
    laterHeader.setByte(0, 0x40 | laterHeader.writerIndex() / 4);
  }

  /**
   * Appends the next fragment.
   *
   * @return false, with nothing written, when all are out
   */
  public boolean next(ByteBuf out) {
    int left = dataEnd - dataStart - done;
    if (left <= 0 && done > 0) {
      return false;
    }
    boolean first = done == 0;
    int header = first ? headerLength : laterHeader.writerIndex();
    int room = mtu - header;
    boolean last = left <= room;
    int data = last ? left : room / UNIT * UNIT;
    int at = out.writerIndex();
    out.writeBytes(first ? buf : laterHeader, first ? start : 0, header);
    out.writeBytes(buf, dataStart + done, data);
    int offset = (fragmentWord & OFFSET) + done / UNIT;
    boolean more = !last || (fragmentWord & MORE) != 0;
    out.setShort(at + 2, header + data);
    out.setShort(at + 6, fragmentWord & ~(OFFSET | MORE) | offset | (more ? MORE : 0));
    out.setShort(at + 10, Checksums.ipv4Header(out, at, header));
    done += Math.max(data, 1); // a packet without data is out once
    return true;
  }
}
