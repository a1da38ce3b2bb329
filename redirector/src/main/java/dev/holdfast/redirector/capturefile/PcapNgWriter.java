package dev.holdfast.redirector.capturefile;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * Writes pcapng (draft-ietf-opsawg-pcapng): one section, little-endian, times in nanoseconds. For
 * one thread. What was written is with the stream as soon as {@link #flush} has returned, so that
 * who reads a pipe sees each packet.
 */
public final class PcapNgWriter implements AutoCloseable {
  private static final int OPTION_END = 0;
  static final int OPTION_COMMENT = 1;
  private static final int SECTION_PROGRAM = 4; // shb_userappl
  static final int INTERFACE_NAME = 2;
  private static final int INTERFACE_DESCRIPTION = 3;
  private static final int INTERFACE_TICK = 9;
  private static final int STATISTICS_RECEIVED = 4;
  static final int STATISTICS_DROPPED = 5;

  private static final int STATISTICS = 5;
  private static final int ENHANCED_PACKET = 6;

  private static final int LONGEST_TEXT = 4_096;

  /** Of a packet block, without its packet and comment. */
  private static final int OVERHEAD = 64;

  private final OutputStream out;
  private final ByteBuffer block;
  private int interfaces;
  private long written;

  /**
   * Writes the section's header.
   *
   * @param program who writes, such as "holdfast 0.1.0"
   */
  public PcapNgWriter(OutputStream out, String program) throws IOException {
    this.out = out;
    this.block =
        ByteBuffer.allocate(CaptureFormat.LONGEST_FRAME + LONGEST_TEXT + OVERHEAD)
            .order(ByteOrder.LITTLE_ENDIAN);
    begin(PcapNgFormat.SECTION);
    block.putInt(0x1a2b3c4d).putShort((short) 1).putShort((short) 0).putLong(-1);
    option(SECTION_PROGRAM, program);
    end(true);
  }

  /**
   * Describes an interface.
   *
   * @param linkType LINKTYPE_ value
   * @param snapLength bytes of a packet that are kept at most; 0 for all
   * @return its number, for {@link #packet}
   */
  public int describe(String name, String description, int linkType, int snapLength)
      throws IOException {
    begin(1);
    block.putShort((short) linkType).putShort((short) 0).putInt(snapLength);
    option(INTERFACE_NAME, name);
    option(INTERFACE_DESCRIPTION, description);
    block.putShort((short) INTERFACE_TICK).putShort((short) 1).putInt(9);
    end(true);
    return interfaces++;
  }

  /**
   * Writes a packet.
   *
   * @param epochNanos nanoseconds since 1970, UTC
   * @param packet its remaining bytes, at most 262,144; they are read and not moved
   * @param originalLength how many bytes it had
   * @param comment is shown with it; "" for none
   */
  public void packet(
      int interfaceNumber, long epochNanos, ByteBuffer packet, int originalLength, String comment)
      throws IOException {
    int length = packet.remaining();
    if (length > CaptureFormat.LONGEST_FRAME) {
      throw new IllegalArgumentException(
          "a packet of " + length + " bytes is too long for a capture");
    }
    begin(ENHANCED_PACKET);
    block.putInt(interfaceNumber).putInt((int) (epochNanos >>> 32)).putInt((int) epochNanos);
    block.putInt(length).putInt(originalLength);
    block.put(packet.duplicate());
    pad();
    option(OPTION_COMMENT, comment);
    end(!comment.isEmpty());
  }

  /**
   * What an interface has counted until then.
   *
   * @param received packets that were to be captured
   * @param dropped those of them that are not in the file
   */
  public void statistics(int interfaceNumber, long epochNanos, long received, long dropped)
      throws IOException {
    begin(STATISTICS);
    block.putInt(interfaceNumber).putInt((int) (epochNanos >>> 32)).putInt((int) epochNanos);
    block.putShort((short) STATISTICS_RECEIVED).putShort((short) 8).putLong(received);
    block.putShort((short) STATISTICS_DROPPED).putShort((short) 8).putLong(dropped);
    end(true);
  }

  private void begin(int type) {
    block.clear().putInt(type).putInt(0);
  }

  /** Texts that are empty are left out; of long ones the begin is written. */
  private void option(int code, String text) {
    if (text.isEmpty()) {
      return;
    }
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    int length = Math.min(bytes.length, LONGEST_TEXT / 2);
    while (length < bytes.length && (bytes[length] & 0xc0) == 0x80) {
      length--; // not within a character
    }
    block.putShort((short) code).putShort((short) length).put(bytes, 0, length);
    pad();
  }

  private void pad() {
    while (block.position() % 4 != 0) {
      block.put((byte) 0);
    }
  }

  private void end(boolean hasOptions) throws IOException {
    if (hasOptions) {
      block.putShort((short) OPTION_END).putShort((short) 0);
    }
    int length = block.position() + 4;
    block.putInt(length).putInt(4, length);
    out.write(block.array(), 0, length);
    written += length;
  }

  /** How many bytes the file has. */
  public long written() {
    return written;
  }

  public void flush() throws IOException {
    out.flush();
  }

  @Override
  public void close() throws IOException {
    out.close();
  }
}
