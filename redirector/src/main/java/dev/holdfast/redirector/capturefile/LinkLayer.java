package dev.holdfast.redirector.capturefile;

/**
 * Where the IP packet begins in a frame, by the link type that a capture names
 * (https://www.tcpdump.org/linktypes.html). Nothing is copied.
 */
public final class LinkLayer {
  public static final int NULL = 0;
  public static final int ETHERNET = 1;
  public static final int RAW_BSD = 12;
  public static final int RAW_OPENBSD = 14;
  public static final int RAW = 101;
  public static final int LOOP = 108;
  public static final int LINUX_SLL = 113;
  public static final int IPV4 = 228;
  public static final int IPV6 = 229;
  public static final int LINUX_SLL2 = 276;

  /** Something else than IP is in the frame, such as ARP. */
  public static final int NOT_IP = -1;

  /** The frame ends within its link-layer header. */
  public static final int CUT_OFF = -2;

  /** The link type is none of those above. */
  public static final int UNKNOWN = -3;

  private static final int ETHERNET_HEADER = 14;
  private static final int ETHERNET_TYPE = 12;
  private static final int TAG = 4;
  private static final int TYPE_IPV4 = 0x0800;
  private static final int TYPE_IPV6 = 0x86dd;
  private static final int TYPE_VLAN = 0x8100; // IEEE 802.1Q
  private static final int TYPE_PROVIDER_VLAN = 0x88a8; // IEEE 802.1ad
  private static final int TYPE_OLD_PROVIDER_VLAN = 0x9100; // what many switches had before that
  private static final int V4_HEADER = 20;
  private static final int V6_HEADER = 40;
  private static final int NO_NEXT_HEADER = 59;

  private LinkLayer() {}

  /**
   * Finds the IP packet.
   *
   * @param array the frame's bytes are in there
   * @param from its first one's index
   * @param length how many there are
   * @return the index of the packet's first byte, or one of the negative numbers above
   */
  public static int ip(int linkType, byte[] array, int from, int length) {
    return switch (linkType) {
      case ETHERNET -> behind(array, from, length, ETHERNET_HEADER, ETHERNET_TYPE);
      case LINUX_SLL -> behind(array, from, length, 16, 14);
      case LINUX_SLL2 -> behind(array, from, length, 20, 0);
      // 2 for IPv4, one of several for IPv6, in the byte order of whoever wrote it: the packet says
      case NULL, LOOP -> version(array, from + 4, length - 4);
      case RAW, RAW_BSD, RAW_OPENBSD, IPV4, IPV6 -> version(array, from, length);
      default -> UNKNOWN;
    };
  }

  /** As {@link #ip(int, byte[], int, int)}, of a frame that was read. */
  public static int ip(Frame frame) {
    return ip(frame.linkType, frame.array, frame.offset, frame.length);
  }

  /**
   * How many bytes the packet at {@code at} has by its own header, without padding behind it.
   *
   * <p>A super-packet that was too long for the header says 0 there (Linux' BIG TCP, and other
   * systems' captures of what their network cards cut up): it is all that is in the frame.
   *
   * @param there how many bytes of it there are
   * @param original how many there were on the wire
   * @return 0 where the header cannot be read
   */
  public static int packetLength(byte[] array, int at, int there, int original) {
    int version = there > 0 ? array[at] >> 4 & 0xf : 0;
    if (version == 4 && there >= V4_HEADER && (array[at] & 0xf) >= V4_HEADER / 4) {
      int length = shortAt(array, at + 2);
      return length == 0 ? original : length;
    }
    if (version == 6 && there >= V6_HEADER) {
      int length = shortAt(array, at + 4);
      return length == 0 && array[at + 6] != NO_NEXT_HEADER ? original : V6_HEADER + length;
    }
    return 0;
  }

  /**
   * What is in a frame that is {@link #NOT_IP}, such as ": its type is 0x0806"; "" where the link
   * type has no such number.
   */
  public static String typeClause(int linkType, byte[] frame) {
    int at =
        switch (linkType) {
          case ETHERNET -> ETHERNET_TYPE;
          case LINUX_SLL -> 14;
          case LINUX_SLL2 -> 0;
          default -> -1;
        };
    if (at < 0) {
      return "";
    }
    int header = linkType == ETHERNET ? ETHERNET_HEADER : linkType == LINUX_SLL ? 16 : 20;
    int type = shortAt(frame, at);
    for (int tag = header; isTag(type); tag += TAG) {
      type = shortAt(frame, tag + 2);
    }
    return ": its type is 0x%04x".formatted(type);
  }

  private static boolean isTag(int type) {
    return type == TYPE_VLAN || type == TYPE_PROVIDER_VLAN || type == TYPE_OLD_PROVIDER_VLAN;
  }

  private static int version(byte[] array, int at, int there) {
    if (there < 1) {
      return CUT_OFF;
    }
    int version = array[at] >> 4 & 0xf;
    return version == 4 || version == 6 ? at : NOT_IP;
  }

  private static int behind(byte[] array, int from, int length, int header, int typeAt) {
    if (length < header) {
      return CUT_OFF;
    }
    int type = shortAt(array, from + typeAt);
    int payload = header;
    while (isTag(type)) {
      if (length < payload + TAG) {
        return CUT_OFF;
      }
      type = shortAt(array, from + payload + 2);
      payload += TAG;
    }
    return type == TYPE_IPV4 || type == TYPE_IPV6 ? from + payload : NOT_IP;
  }

  private static int shortAt(byte[] array, int at) {
    return (array[at] & 0xff) << 8 | array[at + 1] & 0xff;
  }
}
