package dev.holdfast.redirector.capturefile;

/**
 * Where the headers of a captured IP packet are (RFC 791, RFC 8200). Nothing is copied; one object
 * serves packet after packet. All indexes are of the array.
 *
 * <p>It takes more than the packet path does: what no host may send but a loopback interface shows,
 * and packets whose end the capture does not have. {@link #end} is where the packet ended on the
 * wire, {@link #limit} where its captured bytes do; who reads must stay below the latter.
 */
public final class CapturedPacket {
  /** What {@link #lay} found. */
  public enum Shape {
    SOUND,
    /** The IP header, or an extension header, is not wholly in the capture. */
    CUT_OFF,
    /** A length in a header cannot be right. */
    MALFORMED
  }

  public static final int HOP_BY_HOP = 0;
  public static final int IPV4_INSIDE = 4;
  public static final int IPV6_INSIDE = 41;
  public static final int ROUTING = 43;
  public static final int FRAGMENT = 44;
  public static final int AUTHENTICATION = 51;
  public static final int DESTINATION_OPTIONS = 60;
  public static final int MOBILITY = 135;
  public static final int HIP = 139;
  public static final int SHIM6 = 140;

  public static final int ICMP = 1;
  public static final int TCP = 6;
  public static final int UDP = 17;
  public static final int ICMPV6 = 58;

  private static final int V4_HEADER = 20;
  private static final int V6_HEADER = 40;
  private static final int TCP_HEADER = 20;
  private static final int MOST_EXTENSIONS = 16;

  /** No super-packet is as long; a frame may claim to have been (see {@link LinkLayer}). */
  private static final int LONGEST = 1 << 20;

  private byte[] array = {};
  private int start;
  private int end;
  private int limit;
  private int version;
  private int protocol;
  private int transport;
  private int fragmentOffset;
  private boolean moreFragments;
  private int fragmentId;

  private int extensions;
  private final int[] extensionType = new int[MOST_EXTENSIONS];
  private final int[] extensionAt = new int[MOST_EXTENSIONS];
  private final int[] extensionSize = new int[MOST_EXTENSIONS];

  /**
   * Finds the headers.
   *
   * @param at index of the packet's first byte
   * @param captured how many bytes of it, and of padding behind it, are there
   * @param original how many there were on the wire
   */
  public Shape lay(byte[] bytes, int at, int captured, int original) {
    array = bytes;
    start = at;
    extensions = 0;
    fragmentOffset = 0;
    moreFragments = false;
    fragmentId = 0;
    version = captured > 0 ? bytes[at] >> 4 & 0xf : 0;
    if (version != 4 && version != 6) {
      return captured > 0 ? Shape.MALFORMED : Shape.CUT_OFF;
    }
    if (captured < (version == 4 ? V4_HEADER : V6_HEADER)) {
      return Shape.CUT_OFF;
    }
    int length = LinkLayer.packetLength(bytes, at, captured, original);
    int least = version == 4 ? Math.max(V4_HEADER, v4HeaderLength()) : V6_HEADER;
    if (length < least || length > LONGEST) {
      return Shape.MALFORMED;
    }
    end = at + length;
    limit = at + Math.min(length, captured);
    return version == 4 ? v4() : v6();
  }

  private Shape v4() {
    transport = start + v4HeaderLength();
    if (transport > limit) {
      return Shape.CUT_OFF;
    }
    int fragment = u16(start + 6);
    fragmentOffset = (fragment & 0x1fff) * 8;
    moreFragments = (fragment & 0x2000) != 0;
    fragmentId = u16(start + 4);
    protocol = u8(start + 9);
    return Shape.SOUND;
  }

  private int v4HeaderLength() {
    return (array[start] & 0xf) * 4;
  }

  private Shape v6() {
    int next = u8(start + 6);
    int at = start + V6_HEADER;
    while (isExtension(next) && fragmentOffset == 0) {
      if (extensions == MOST_EXTENSIONS) {
        return Shape.MALFORMED;
      }
      if (at + 8 > limit) {
        return at + 8 > end ? Shape.MALFORMED : Shape.CUT_OFF;
      }
      int size = extensionLength(next, at);
      if (at + size > limit) {
        return at + size > end ? Shape.MALFORMED : Shape.CUT_OFF;
      }
      if (next == FRAGMENT) {
        int fragment = u16(at + 2);
        fragmentOffset = fragment & 0xfff8;
        moreFragments = (fragment & 1) != 0;
        fragmentId = s32(at + 4);
      }
      extensionType[extensions] = next;
      extensionAt[extensions] = at;
      extensionSize[extensions++] = size;
      next = u8(at);
      at += size;
    }
    protocol = next;
    transport = at;
    return Shape.SOUND;
  }

  private static boolean isExtension(int type) {
    return switch (type) {
      case HOP_BY_HOP,
          ROUTING,
          FRAGMENT,
          AUTHENTICATION,
          DESTINATION_OPTIONS,
          MOBILITY,
          HIP,
          SHIM6 ->
          true;
      default -> false;
    };
  }

  private int extensionLength(int type, int at) {
    return switch (type) {
      case FRAGMENT -> 8;
      case AUTHENTICATION -> (u8(at + 1) + 2) * 4; // RFC 4302 section 2.2
      default -> (u8(at + 1) + 1) * 8;
    };
  }

  // ---- numbers ----

  public int u8(int at) {
    return array[at] & 0xff;
  }

  public int u16(int at) {
    return (array[at] & 0xff) << 8 | array[at + 1] & 0xff;
  }

  public int s32(int at) {
    return u16(at) << 16 | u16(at + 2);
  }

  public long s64(int at) {
    return (long) s32(at) << 32 | s32(at + 4) & 0xffff_ffffL;
  }

  // ---- where ----

  public byte[] array() {
    return array;
  }

  public int start() {
    return start;
  }

  /** Behind the packet's last byte on the wire; may be behind {@link #limit}. */
  public int end() {
    return end;
  }

  /** Behind the last byte of it that was captured. */
  public int limit() {
    return limit;
  }

  public int version() {
    return version;
  }

  public boolean isV4() {
    return version == 4;
  }

  /** Where the fixed header ends and options or extension headers begin. */
  public int fixedHeaderEnd() {
    return start + (version == 4 ? V4_HEADER : V6_HEADER);
  }

  /** Behind IPv4 options and IPv6 extension headers. */
  public int transport() {
    return transport;
  }

  /** What is at {@link #transport}; of a later fragment of IPv6, what its first header is. */
  public int protocol() {
    return protocol;
  }

  public boolean isFragment() {
    return moreFragments || fragmentOffset > 0;
  }

  /** Bytes. */
  public int fragmentOffset() {
    return fragmentOffset;
  }

  public boolean moreFragments() {
    return moreFragments;
  }

  /** 16 bits of IPv4, 32 of IPv6's fragment header, 0 where that has none. */
  public int fragmentId() {
    return fragmentId;
  }

  /** How many extension headers IPv6 has. */
  public int extensions() {
    return extensions;
  }

  public int extensionType(int index) {
    return extensionType[index];
  }

  public int extensionAt(int index) {
    return extensionAt[index];
  }

  public int extensionSize(int index) {
    return extensionSize[index];
  }

  // ---- addresses, as two halves; IPv4 in its mapped form ----

  public long sourceHigh() {
    return version == 4 ? 0 : s64(start + 8);
  }

  public long sourceLow() {
    return version == 4 ? mapped(start + 12) : s64(start + 16);
  }

  public long destinationHigh() {
    return version == 4 ? 0 : s64(start + 24);
  }

  public long destinationLow() {
    return version == 4 ? mapped(start + 16) : s64(start + 32);
  }

  private long mapped(int at) {
    return 0xffff_0000_0000L | s32(at) & 0xffff_ffffL;
  }

  // ---- transport header ----

  /** ICMP of the packet's own version. */
  public boolean isIcmp() {
    return protocol == (version == 4 ? ICMP : ICMPV6);
  }

  /**
   * How long the transport header says to be, bytes: TCP's with its options, 8 for UDP and ICMP, 0
   * for what has none that is known here, for later fragments, and where it cannot be right.
   */
  public int transportLength() {
    if (fragmentOffset > 0) {
      return 0;
    }
    int length =
        switch (protocol) {
          case TCP -> {
            int said = transport + 13 <= limit ? (u8(transport + 12) >> 4) * 4 : TCP_HEADER;
            yield said < TCP_HEADER ? 0 : said;
          }
          case UDP -> 8;
          default -> isIcmp() ? 8 : 0;
        };
    return transport + length <= end ? length : 0;
  }

  /** Whether the transport header was captured to its end; false where there is none. */
  public boolean hasTransport() {
    int length = transportLength();
    return length > 0 && transport + length <= limit;
  }

  /** Whether ports can be read. */
  public boolean hasPorts() {
    return (protocol == TCP || protocol == UDP) && fragmentOffset == 0 && transport + 4 <= limit;
  }

  /** 0 where there is none. */
  public int sourcePort() {
    return hasPorts() ? u16(transport) : 0;
  }

  /** 0 where there is none. */
  public int destinationPort() {
    return hasPorts() ? u16(transport + 2) : 0;
  }

  /** Behind the transport header; what has none has its payload at {@link #transport}. */
  public int payload() {
    return transport + transportLength();
  }
}
