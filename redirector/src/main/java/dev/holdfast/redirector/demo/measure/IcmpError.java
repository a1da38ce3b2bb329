package dev.holdfast.redirector.demo.measure;

import dev.holdfast.tunnel.packet.IpAddress;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * An ICMP or ICMPv6 error in a captured frame.
 *
 * @param source who sent it
 * @param destination who gets it
 * @param quotedSource source of the packet that it is about
 * @param quotedDestination its destination
 */
public record IcmpError(
    IpAddress source,
    IpAddress destination,
    int type,
    int code,
    IpAddress quotedSource,
    IpAddress quotedDestination) {

  private static final int ETHERNET = 14;
  private static final int ICMP_HEADER = 8;

  /**
   * Reads it from an Ethernet frame that is known to have one.
   *
   * @return null when the frame is cut off before the quoted addresses
   */
  public static @Nullable IcmpError of(byte[] frame) {
    if (frame.length < ETHERNET + 20) {
      return null;
    }
    boolean v4 = (frame[ETHERNET] >>> 4 & 0xf) == 4;
    int icmp = ETHERNET + (v4 ? (frame[ETHERNET] & 0xf) * 4 : 40);
    int quoted = icmp + ICMP_HEADER;
    int first = v4 ? 12 : 8;
    int length = v4 ? 4 : 16;
    if (frame.length < quoted + first + 2 * length) {
      return null;
    }
    return new IcmpError(
        address(frame, ETHERNET + first, length),
        address(frame, ETHERNET + first + length, length),
        frame[icmp] & 0xff,
        frame[icmp + 1] & 0xff,
        address(frame, quoted + first, length),
        address(frame, quoted + first + length, length));
  }

  private static IpAddress address(byte[] frame, int at, int length) {
    return IpAddress.ofBytes(Arrays.copyOfRange(frame, at, at + length));
  }

  /** Whether it is about a packet to or from {@code address}. */
  public boolean isAbout(IpAddress address) {
    return quotedSource.equals(address) || quotedDestination.equals(address);
  }

  @Override
  public String toString() {
    return "ICMP error %d/%d from %s to %s about %s > %s"
        .formatted(type, code, source, destination, quotedSource, quotedDestination);
  }
}
