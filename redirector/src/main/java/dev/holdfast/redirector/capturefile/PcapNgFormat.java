package dev.holdfast.redirector.capturefile;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * pcapng: sections of blocks (draft-ietf-opsawg-pcapng section 3 and 4). Packets are in enhanced,
 * simple and the obsolete packet blocks; what other blocks say (names, statistics, secrets, what is
 * not known here) is passed over.
 */
final class PcapNgFormat implements CaptureFormat {
  static final int SECTION = 0x0a0d0d0a;

  private static final int INTERFACE = 1;
  private static final int OBSOLETE_PACKET = 2;
  private static final int SIMPLE_PACKET = 3;
  private static final int ENHANCED_PACKET = 6;

  private static final int ORDER_MAGIC = 0x1a2b3c4d;

  /** Type and length before, the length again behind. */
  private static final int HEAD = 8;

  private static final int TAIL = 4;
  private static final int SMALLEST = HEAD + TAIL;

  private static final int OPTION_END = 0;
  private static final int OPTION_NAME = 2;
  private static final int OPTION_TICK = 9;
  private static final int OPTION_OFFSET = 14;

  /** Descriptions of interfaces are kept, so there is an end to them. */
  private static final int MOST_INTERFACES = 4_096;

  private static final int LONGEST_DESCRIPTION = 65_536;
  private static final int LONGEST_NAME = 256;

  /** What the frames of one interface have in common. */
  private record Description(
      int linkType, long snapLength, TickLength tick, long offsetNanos, String name) {}

  private final List<Description> interfaces = new ArrayList<>();
  private boolean bigEndian;
  private long lastNanos;

  /** The length of the block whose packet is shown; 0 for none. */
  private long shown;

  /** Begins before the first block, which is a section's header. */
  PcapNgFormat() {}

  @Override
  public String description() {
    return "pcapng, " + (bigEndian ? "big-endian" : "little-endian");
  }

  /** The name of an interface, as its description says; "" where it has none. */
  String name(int interfaceNumber) {
    return interfaces.get(interfaceNumber).name;
  }

  @Override
  public boolean next(CaptureSource source, Frame frame) throws IOException, Damage {
    if (shown != 0) {
      long length = shown;
      shown = 0;
      pass(source, length);
    }
    while (true) {
      if (!source.has(HEAD)) {
        if (source.left() == 0) {
          return false;
        }
        throw new Damage(source.offset(), "it ends within the header of a block");
      }
      int type = source.s32(0);
      if (type == SECTION) { // reads the same in both orders
        section(source);
        continue;
      }
      long length = length(source);
      switch (type) {
        case INTERFACE -> describe(source, length);
        case ENHANCED_PACKET -> {
          enhanced(source, length, frame);
          return true;
        }
        case SIMPLE_PACKET -> {
          simple(source, length, frame);
          return true;
        }
        case OBSOLETE_PACKET -> {
          obsolete(source, length, frame);
          return true;
        }
        default -> pass(source, length);
      }
    }
  }

  private static long length(CaptureSource source) throws Damage {
    long length = source.u32(4);
    if (length < SMALLEST || length % 4 != 0) {
      throw new Damage(source.offset(), "its next block is said to have " + length + " bytes");
    }
    return length;
  }

  // ---- sections and interfaces ----

  private void section(CaptureSource source) throws IOException, Damage {
    long at = source.offset();
    if (!source.has(28)) {
      throw new Damage(at, "it ends within the header of a section");
    }
    source.order(true);
    int magic = source.s32(8);
    if (magic != ORDER_MAGIC && magic != Integer.reverseBytes(ORDER_MAGIC)) {
      throw new Damage(at + 8, "a section of it does not say in which byte order it is");
    }
    bigEndian = magic == ORDER_MAGIC;
    source.order(bigEndian);
    long length = length(source);
    if (length < 28) {
      throw new Damage(at, "the header of a section is said to have " + length + " bytes");
    }
    int major = source.u16(12);
    if (major != 1) {
      throw new Damage(
          at + 12, "a section of it is of pcapng's version " + major + ", and only 1 is known");
    }
    interfaces.clear();
    pass(source, length);
  }

  private void describe(CaptureSource source, long length) throws IOException, Damage {
    long at = source.offset();
    if (length < 20 || length > LONGEST_DESCRIPTION) {
      throw new Damage(at, "the description of an interface is said to have " + length + " bytes");
    }
    if (interfaces.size() == MOST_INTERFACES) {
      throw new Damage(at, "it describes more than " + MOST_INTERFACES + " interfaces");
    }
    requireWhole(source, length);
    int linkType = source.u16(8);
    long snapLength = source.u32(12);
    TickLength tick = TickLength.MICROSECOND;
    long offsetSeconds = 0;
    String name = "";
    int end = (int) length - TAIL;
    for (int option = 16; option + 4 <= end; ) {
      int code = source.u16(option);
      int size = source.u16(option + 2);
      int value = option + 4;
      if (code == OPTION_END) {
        break;
      }
      if (value + size > end) {
        throw new Damage(at + option, "an option of an interface does not fit into its block");
      }
      switch (code) {
        case OPTION_NAME ->
            name =
                new String(
                    source.array(),
                    source.position() + value,
                    Math.min(size, LONGEST_NAME),
                    StandardCharsets.UTF_8);
        case OPTION_TICK -> {
          if (size >= 1) {
            tick = TickLength.of(source.array()[source.position() + value] & 0xff);
          }
        }
        case OPTION_OFFSET -> {
          if (size >= 8) {
            offsetSeconds = u64(source, value);
          }
        }
        default -> {}
      }
      option = value + (size + 3 & ~3);
    }
    if (!tick.isKnown()) {
      throw new Damage(at, "the time stamps of an interface have an unknown unit");
    }
    long offsetNanos;
    try {
      offsetNanos = Math.multiplyExact(offsetSeconds, 1_000_000_000L);
    } catch (ArithmeticException e) {
      throw new Damage(at, "the time stamps of an interface begin in an impossible year");
    }
    interfaces.add(new Description(linkType, snapLength, tick, offsetNanos, name));
    pass(source, length);
  }

  private long u64(CaptureSource source, int at) {
    long first = source.u32(at);
    long second = source.u32(at + 4);
    return bigEndian ? first << 32 | second : second << 32 | first;
  }

  // ---- packets ----

  private void enhanced(CaptureSource source, long length, Frame frame) throws IOException, Damage {
    requireHeader(source, length, 28);
    Description from = from(source, source.u32(8), frame);
    frame.epochNanos = time(from, source.u32(12), source.u32(16));
    packet(source, length, 28, source.u32(20), source.u32(24), frame);
  }

  private void obsolete(CaptureSource source, long length, Frame frame) throws IOException, Damage {
    requireHeader(source, length, 28);
    Description from = from(source, source.u16(8), frame);
    frame.epochNanos = time(from, source.u32(12), source.u32(16));
    packet(source, length, 28, source.u32(20), source.u32(24), frame);
  }

  private void simple(CaptureSource source, long length, Frame frame) throws IOException, Damage {
    requireHeader(source, length, 12);
    Description from = from(source, 0, frame);
    frame.epochNanos = lastNanos;
    long original = source.u32(8);
    long most = from.snapLength == 0 ? original : Math.min(original, from.snapLength);
    packet(source, length, 12, Math.min(most, length - 12 - TAIL), original, frame);
  }

  private Description from(CaptureSource source, long number, Frame frame) throws Damage {
    if (number >= interfaces.size()) {
      throw new Damage(
          source.offset(), "a packet of it is of interface " + number + ", which is not described");
    }
    Description from = interfaces.get((int) number);
    frame.interfaceNumber = (int) number;
    frame.linkType = from.linkType;
    return from;
  }

  private static long time(Description from, long high, long low) {
    long nanos = from.tick.nanos(high << 32 | low);
    long sum = nanos + from.offsetNanos;
    return from.offsetNanos > 0 && sum < nanos ? Long.MAX_VALUE : sum;
  }

  private void packet(
      CaptureSource source, long length, int header, long captured, long original, Frame frame)
      throws IOException, Damage {
    if (captured > length - header - TAIL) {
      throw new Damage(
          source.offset(),
          "a packet of %d bytes is said to be in a block of %d".formatted(captured, length));
    }
    if (captured > LONGEST_FRAME) {
      throw new Damage(
          source.offset(),
          "a packet is said to have " + captured + " bytes, more than any capture has");
    }
    int there = (int) captured;
    if (!source.has(header + there)) {
      throw cutOff(source, length);
    }
    frame.fileOffset = source.offset();
    frame.array = source.array();
    frame.offset = source.position() + header;
    frame.length = there;
    frame.originalLength = (int) Math.min(Integer.MAX_VALUE, Math.max(original, captured));
    lastNanos = frame.epochNanos;
    shown = length; // its bytes stay where they are until the next one is wanted
  }

  private static void requireHeader(CaptureSource source, long length, int header)
      throws IOException, Damage {
    if (length < header + TAIL) {
      throw new Damage(
          source.offset(), "a packet is said to be in a block of " + length + " bytes");
    }
    if (!source.has(header)) {
      throw cutOff(source, length);
    }
  }

  private static void requireWhole(CaptureSource source, long length) throws IOException, Damage {
    if (!source.has((int) length)) {
      throw cutOff(source, length);
    }
  }

  private static Damage cutOff(CaptureSource source, long length) {
    return new Damage(
        source.offset(), "it ends within a block: %d of %d bytes".formatted(source.left(), length));
  }

  /** Goes behind a block, which says its length once more at its end. */
  private static void pass(CaptureSource source, long length) throws IOException, Damage {
    long at = source.offset();
    if (!source.pass(length - TAIL) || !source.has(TAIL)) {
      throw new Damage(at, "it ends within a block of " + length + " bytes");
    }
    long again = source.u32(0);
    if (again != length) {
      throw new Damage(
          at,
          "a block is said to have %d bytes at its begin, and %d at its end"
              .formatted(length, again));
    }
    source.skip(TAIL);
  }
}
