package dev.holdfast.redirector.demo.measure;

import dev.holdfast.tunnel.packet.IpAddress;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The TCP header of a captured frame.
 *
 * @param sequence of the first payload byte (of SYN, where that is set), 32 bits
 * @param acknowledgement 32 bits; meaningless without ACK
 * @param payload bytes; a super-packet has more than a segment's
 */
public record TcpHeader(
    IpAddress source,
    int sourcePort,
    IpAddress destination,
    int destinationPort,
    int sequence,
    int acknowledgement,
    int flags,
    int payload) {

  public static final int FIN = 0x01;
  public static final int SYN = 0x02;
  public static final int RST = 0x04;
  public static final int ACK = 0x10;

  private static final int ETHERNET = 14;
  private static final int PROTOCOL_TCP = 6;

  /**
   * Reads it from an Ethernet frame, of which only the headers need be there.
   *
   * @return null when the frame is not TCP, or is cut off before the end of the TCP header's first
   *     20 bytes
   */
  public static @Nullable TcpHeader of(byte[] frame) {
    if (frame.length < ETHERNET + 20) {
      return null;
    }
    int type = u16(frame, 12);
    int addressLength;
    int firstAddress;
    int tcp;
    int end;
    if (type == 0x0800 && frame[ETHERNET + 9] == PROTOCOL_TCP) {
      addressLength = 4;
      firstAddress = ETHERNET + 12;
      tcp = ETHERNET + (frame[ETHERNET] & 0xf) * 4;
      end = ETHERNET + u16(frame, ETHERNET + 2);
    } else if (type == 0x86dd && frame[ETHERNET + 6] == PROTOCOL_TCP) {
      addressLength = 16;
      firstAddress = ETHERNET + 8;
      tcp = ETHERNET + 40;
      end = tcp + u16(frame, ETHERNET + 4);
    } else {
      return null;
    }
    if (frame.length < tcp + 20) {
      return null;
    }
    int headerLength = (frame[tcp + 12] >>> 4 & 0xf) * 4;
    return new TcpHeader(
        address(frame, firstAddress, addressLength),
        u16(frame, tcp),
        address(frame, firstAddress + addressLength, addressLength),
        u16(frame, tcp + 2),
        i32(frame, tcp + 4),
        i32(frame, tcp + 8),
        frame[tcp + 13] & 0xff,
        Math.max(0, end - tcp - headerLength));
  }

  public boolean has(int flag) {
    return (flags & flag) != 0;
  }

  /** The sequence number after this segment's last one; SYN and FIN take one each. */
  public int end() {
    return sequence + payload + (has(SYN) ? 1 : 0) + (has(FIN) ? 1 : 0);
  }

  private static IpAddress address(byte[] frame, int at, int length) {
    return IpAddress.ofBytes(Arrays.copyOfRange(frame, at, at + length));
  }

  private static int u16(byte[] bytes, int at) {
    return (bytes[at] & 0xff) << 8 | (bytes[at + 1] & 0xff);
  }

  private static int i32(byte[] bytes, int at) {
    return (u16(bytes, at) << 16) | u16(bytes, at + 2);
  }
}
