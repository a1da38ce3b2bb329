package dev.holdfast.redirector.capturefile;

import java.io.IOException;

/**
 * pcap: a header, then records (draft-ietf-opsawg-pcap). Also with nanoseconds, and as Kuznetzov's
 * patch of old Linux distributions wrote it, whose records have 8 bytes more.
 */
final class PcapFormat implements CaptureFormat {
  private static final int MICROS = 0xa1b2c3d4;
  private static final int NANOS = 0xa1b23c4d;
  private static final int KUZNETZOV = 0xa1b2cd34;

  private static final int FILE_HEADER = 24;
  private static final int RECORD_HEADER = 16;
  private static final int KUZNETZOV_HEADER = 24;

  private final int linkType;
  private final int header;
  private final long nanosPerTick;
  private final String description;

  private PcapFormat(int linkType, int header, long nanosPerTick, String description) {
    this.linkType = linkType;
    this.header = header;
    this.nanosPerTick = nanosPerTick;
    this.description = description;
  }

  /**
   * Whether a file that begins so is a pcap file.
   *
   * @param magic its first four bytes, big-endian
   */
  static boolean isMagic(int magic) {
    return isBigEndian(magic) || isBigEndian(Integer.reverseBytes(magic));
  }

  private static boolean isBigEndian(int magic) {
    return magic == MICROS || magic == NANOS || magic == KUZNETZOV;
  }

  /** Reads the header of a file that {@link #isMagic}. */
  static PcapFormat begin(CaptureSource source, int magic) throws IOException, Damage {
    boolean bigEndian = isBigEndian(magic);
    source.order(bigEndian);
    if (!source.has(FILE_HEADER)) {
      throw new Damage(
          source.left(), "it ends within its header, which has " + FILE_HEADER + " bytes");
    }
    int sort = source.s32(0);
    int major = source.u16(4);
    if (major != 2) {
      throw new Damage(4, "it is of pcap's version " + major + ", and only version 2 is known");
    }
    int linkType =
        source.u16(bigEndian ? 22 : 20); // the upper half says whether a checksum follows
    source.skip(FILE_HEADER);
    return new PcapFormat(
        linkType,
        sort == KUZNETZOV ? KUZNETZOV_HEADER : RECORD_HEADER,
        sort == NANOS ? 1 : 1_000,
        "pcap, "
            + (sort == NANOS ? "nanoseconds, " : "microseconds, ")
            + (bigEndian ? "big-endian" : "little-endian"));
  }

  @Override
  public boolean next(CaptureSource source, Frame frame) throws IOException, Damage {
    if (!source.has(header)) {
      if (source.left() == 0) {
        return false;
      }
      throw new Damage(source.offset(), "it ends within the header of a packet");
    }
    long length = source.u32(8);
    long original = source.u32(12);
    if (length > LONGEST_FRAME) {
      throw new Damage(
          source.offset(),
          "its next packet is said to have " + length + " bytes, more than any capture has");
    }
    int there = (int) length;
    if (!source.has(header + there)) {
      throw new Damage(
          source.offset(),
          "it ends within a packet: %d of %d bytes"
              .formatted(Math.max(0, source.left() - header), there));
    }
    frame.fileOffset = source.offset();
    frame.epochNanos = source.u32(0) * 1_000_000_000L + source.u32(4) * nanosPerTick;
    frame.array = source.array();
    frame.offset = source.position() + header;
    frame.length = there;
    frame.originalLength = (int) Math.min(Integer.MAX_VALUE, Math.max(original, length));
    frame.linkType = linkType;
    frame.interfaceNumber = 0;
    source.skip(header + there);
    return true;
  }

  @Override
  public String description() {
    return description;
  }
}
