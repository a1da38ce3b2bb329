package dev.holdfast.tunnel.sys;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.MemorySegment;

/**
 * A {@code struct sock_extended_err} (linux/errqueue.h; ip(7), IP_RECVERR) with the address of
 * whoever reported the error: errno 4 bytes, origin 1, type 1, code 1, padding 1, info 4, data 4,
 * and then a {@code sockaddr}.
 *
 * @param origin {@link #ORIGIN_ICMP}, {@link #ORIGIN_ICMP6}, or something else that is not an ICMP
 *     message
 * @param type of the ICMP message, 0 to 255
 * @param code of the ICMP message, 0 to 255
 * @param info the MTU that the message tells, if it tells one
 * @param offenderHigh who sent the message, IPv4 in its mapped form: the first 64 bits; 0 with
 *     {@code offenderLow} where that is not known
 * @param offenderLow the last 64 bits
 */
public record ExtendedError(
    int origin, int type, int code, int info, long offenderHigh, long offenderLow) {
  public static final int ORIGIN_ICMP = 2;
  public static final int ORIGIN_ICMP6 = 3;

  /** Without the address. */
  static final int SIZE = 16;

  /** With an address of either family, in whole words. */
  static final int ROOM = 48;

  private static final int ORIGIN = 4;
  private static final int TYPE = 5;
  private static final int CODE = 6;
  private static final int INFO = 8;
  private static final long MAPPED = 0xffff_0000_0000L;

  /**
   * @param from {@link #SIZE} bytes or more
   */
  static ExtendedError read(MemorySegment from) {
    long high = 0;
    long low = 0;
    if (from.byteSize() >= SIZE + SocketAddress.INET6_SIZE && SocketAddress.isInet6(from, SIZE)) {
      high = from.get(SocketAddress.NETWORK_LONG, SIZE + SocketAddress.INET6_ADDRESS);
      low = from.get(SocketAddress.NETWORK_LONG, SIZE + SocketAddress.INET6_ADDRESS + 8);
    } else if (from.byteSize() >= SIZE + SocketAddress.INET_SIZE
        && SocketAddress.isInet(from, SIZE)) {
      low =
          MAPPED
              | (from.get(SocketAddress.NETWORK_INT, SIZE + SocketAddress.INET_ADDRESS)
                  & 0xffff_ffffL);
    }
    return new ExtendedError(
        from.get(JAVA_BYTE, ORIGIN) & 0xff,
        from.get(JAVA_BYTE, TYPE) & 0xff,
        from.get(JAVA_BYTE, CODE) & 0xff,
        from.get(JAVA_INT, INFO),
        high,
        low);
  }
}
