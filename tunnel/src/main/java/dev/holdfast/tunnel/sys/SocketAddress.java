package dev.holdfast.tunnel.sys;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** The {@code sockaddr} structures that bind and send take. */
public final class SocketAddress {
  /** {@code sockaddr_in} of netinet/in.h: family 2, port 2, address 4, padding 8. */
  public static final int INET_SIZE = 16;

  /** {@code sockaddr_in6} of netinet/in.h: family 2, port 2, flow 4, address 16, scope 4. */
  public static final int INET6_SIZE = 28;

  /**
   * {@code sockaddr_ll} of linux/if_packet.h: family 2, protocol 2, interface 4, hardware type 2,
   * packet type 1, address length 1, address 8.
   */
  public static final int LINK_SIZE = 20;

  static final int INET_ADDRESS = 4;
  static final int INET6_ADDRESS = 8;

  private static final int LINK_INTERFACE = 4;

  static final ValueLayout.OfInt NETWORK_INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
  static final ValueLayout.OfLong NETWORK_LONG =
      JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
  private static final ValueLayout.OfShort NETWORK_SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

  private SocketAddress() {}

  /** IPv4, port 0. */
  public static MemorySegment inet(Arena arena, int address) {
    MemorySegment segment = arena.allocate(INET_SIZE, 8);
    putInet(segment, 0, address);
    return segment;
  }

  /** IPv6, port 0, no scope. */
  public static MemorySegment inet6(Arena arena, long high, long low) {
    MemorySegment segment = arena.allocate(INET6_SIZE, 8);
    putInet6(segment, 0, high, low);
    return segment;
  }

  /**
   * A link-layer address to bind to.
   *
   * @param protocol an Ethernet type in host order
   */
  public static MemorySegment link(Arena arena, int protocol, int interfaceIndex) {
    MemorySegment segment = arena.allocate(LINK_SIZE, 8);
    segment.set(JAVA_SHORT, 0, (short) Sockets.AF_PACKET);
    segment.set(NETWORK_SHORT, 2, (short) protocol);
    segment.set(JAVA_INT, LINK_INTERFACE, interfaceIndex);
    return segment;
  }

  /** The interface that a packet socket is bound to; -1 once that interface is gone. */
  public static int linkInterface(int fd) throws SysException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment segment = arena.allocate(LINK_SIZE, 8);
      Sockets.getsockname(fd, segment);
      return segment.get(JAVA_INT, LINK_INTERFACE);
    }
  }

  static void putInet(MemorySegment segment, long at, int address) {
    segment.set(JAVA_SHORT, at, (short) Sockets.AF_INET);
    segment.set(JAVA_SHORT, at + 2, (short) 0);
    segment.set(JAVA_LONG_UNALIGNED, at + 8, 0);
    segment.set(NETWORK_INT, at + INET_ADDRESS, address);
  }

  static void putInet6(MemorySegment segment, long at, long high, long low) {
    segment.set(JAVA_SHORT, at, (short) Sockets.AF_INET6);
    segment.set(JAVA_SHORT, at + 2, (short) 0);
    segment.set(JAVA_INT, at + 4, 0);
    segment.set(NETWORK_LONG, at + INET6_ADDRESS, high);
    segment.set(NETWORK_LONG, at + INET6_ADDRESS + 8, low);
    segment.set(JAVA_INT, at + 24, 0);
  }

  static boolean isInet(MemorySegment segment, long at) {
    return segment.get(JAVA_SHORT, at) == Sockets.AF_INET;
  }

  static boolean isInet6(MemorySegment segment, long at) {
    return segment.get(JAVA_SHORT, at) == Sockets.AF_INET6;
  }
}
