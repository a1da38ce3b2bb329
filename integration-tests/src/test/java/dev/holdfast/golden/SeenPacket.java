package dev.holdfast.golden;

import dev.holdfast.redirector.capturefile.Frame;
import dev.holdfast.redirector.capturefile.LinkLayer;
import dev.holdfast.tunnel.packet.IpAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * One packet of a capture, with the fields by which the cases are told apart. What is not in the
 * packet is 0, or empty. The captures are this project's own, so what cannot be read is a failure.
 */
final class SeenPacket {
  static final int FIN = 1;
  static final int SYN = 2;
  static final int RST = 4;
  static final int ACK = 16;

  static final int TCP = 6;
  static final int UDP = 17;

  static final int HOP_BY_HOP = 0;
  static final int DESTINATION_OPTIONS = 60;

  /** TCP options' kinds. */
  static final int WINDOW_SCALE = 3;

  static final int SACK = 5;
  static final int TIMESTAMPS = 8;
  static final int FAST_OPEN = 34;

  private static final int ROUTING = 43;
  private static final int FRAGMENT = 44;
  private static final IpAddress NOBODY = IpAddress.parse("::");

  /** As Wireshark counts: the first one is 1. */
  final long number;

  final long epochNanos;
  final int interfaceNumber;
  final int linkType;

  /** Whether it has an 802.1Q tag. */
  final boolean isTagged;

  /** 4 or 6; 0: not IP. */
  int version;

  IpAddress source = NOBODY;
  IpAddress destination = NOBODY;

  /** The number of what is behind all of IPv6's extension headers. */
  int protocol;

  /** Types of IPv6 extension headers, in order; a fragment header too. */
  final List<Integer> extensions = new ArrayList<>();

  boolean hasIpv4Options;
  boolean isFragment;
  int fragmentOffset;
  boolean hasMoreFragments;
  long identification;
  int sourcePort;
  int destinationPort;
  int sequence;
  int acknowledgement;
  int flags;
  int window;
  int sackBlocks;
  final Set<Integer> tcpOptions = new HashSet<>();

  /** Of TCP and UDP; of a fragment that is not the first, all that it carries. */
  byte[] payload = {};

  /** Of TCP, UDP and ICMP, where it is all there. */
  boolean isSumRight;

  private final byte[] bytes;

  SeenPacket(long number, Frame frame) {
    this.number = number;
    epochNanos = frame.epochNanos();
    interfaceNumber = frame.interfaceNumber();
    linkType = frame.linkType();
    bytes = Arrays.copyOfRange(frame.array(), frame.offset(), frame.offset() + frame.length());
    if (bytes.length != frame.originalLength()) {
      throw new AssertionError("packet " + number + " is cut off");
    }
    isTagged = linkType == LinkLayer.ETHERNET && bytes.length > 14 && u16(12) == 0x8100;
    int ip = LinkLayer.ip(linkType, bytes, 0, bytes.length);
    if (ip >= 0) {
      version = bytes[ip] >> 4 & 0xf;
      if (version == 4) {
        v4(ip);
      } else {
        v6(ip);
      }
    }
  }

  private void v4(int at) {
    int header = (bytes[at] & 0xf) * 4;
    hasIpv4Options = header > 20;
    identification = u16(at + 4);
    hasMoreFragments = (u16(at + 6) & 0x2000) != 0;
    fragmentOffset = (u16(at + 6) & 0x1fff) * 8;
    isFragment = hasMoreFragments || fragmentOffset > 0;
    protocol = bytes[at + 9] & 0xff;
    source = address(at + 12, 4);
    destination = address(at + 16, 4);
    transport(at + header, at + u16(at + 2));
  }

  private void v6(int at) {
    source = address(at + 8, 16);
    destination = address(at + 24, 16);
    int end = at + 40 + u16(at + 4);
    int next = bytes[at + 6] & 0xff;
    int header = at + 40;
    while (next == HOP_BY_HOP
        || next == ROUTING
        || next == FRAGMENT
        || next == DESTINATION_OPTIONS) {
      extensions.add(next);
      int length = 8;
      if (next == FRAGMENT) {
        isFragment = true;
        fragmentOffset = u16(header + 2) & 0xfff8;
        hasMoreFragments = (u16(header + 2) & 1) != 0;
        identification = u32(header + 4) & 0xffff_ffffL;
      } else {
        length = ((bytes[header + 1] & 0xff) + 1) * 8;
      }
      next = bytes[header] & 0xff;
      header += length;
    }
    protocol = next;
    transport(header, end);
  }

  private void transport(int at, int end) {
    int data = at;
    if (fragmentOffset == 0 && (protocol == TCP || protocol == UDP)) {
      sourcePort = u16(at);
      destinationPort = u16(at + 2);
      data = protocol == TCP ? tcp(at) : at + 8;
    }
    payload = Arrays.copyOfRange(bytes, data, end);
    isSumRight = !isFragment && sum(at, end) == 0xffff;
  }

  private int tcp(int at) {
    sequence = u32(at + 4);
    acknowledgement = u32(at + 8);
    flags = bytes[at + 13] & 0xff;
    window = u16(at + 14);
    int end = at + (bytes[at + 12] >> 4 & 0xf) * 4;
    for (int option = at + 20; option < end && bytes[option] != 0; ) {
      int kind = bytes[option];
      tcpOptions.add(kind);
      int length = kind == 1 ? 1 : bytes[option + 1];
      if (kind == SACK) {
        sackBlocks = (length - 2) / 8;
      }
      option += length;
    }
    return end;
  }

  /** 0xffff when the checksum is right (RFC 1071). */
  private int sum(int at, int end) {
    boolean hasPseudoHeader = protocol != 1;
    long sum = 0;
    if (hasPseudoHeader) {
      sum = protocol + (long) (end - at);
      for (IpAddress each : List.of(source, destination)) {
        byte[] address = each.toBytes();
        for (int i = 0; i < address.length; i += 2) {
          sum += (address[i] & 0xff) << 8 | address[i + 1] & 0xff;
        }
      }
    }
    for (int i = at; i < end; i += 2) {
      sum += i + 1 < end ? u16(i) : (bytes[i] & 0xff) << 8;
    }
    while (sum > 0xffff) {
      sum = (sum & 0xffff) + (sum >> 16);
    }
    return (int) sum;
  }

  boolean isTcp() {
    return protocol == TCP;
  }

  boolean isUdp() {
    return protocol == UDP;
  }

  /** Of a datagram that was cut, not the first part. */
  boolean isLaterFragment() {
    return protocol == UDP && fragmentOffset > 0;
  }

  boolean has(int flag) {
    return (flags & flag) != 0;
  }

  boolean hasBytes() {
    return payload.length > 0;
  }

  /** The payload, a character for each byte. */
  String text() {
    return new String(payload, StandardCharsets.ISO_8859_1);
  }

  private IpAddress address(int at, int length) {
    return IpAddress.ofBytes(Arrays.copyOfRange(bytes, at, at + length));
  }

  private int u16(int at) {
    return (bytes[at] & 0xff) << 8 | bytes[at + 1] & 0xff;
  }

  private int u32(int at) {
    return u16(at) << 16 | u16(at + 2);
  }

  @Override
  public String toString() {
    return "packet " + number;
  }
}
