package dev.holdfast.scenario;

import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.zip.CRC32C;

/**
 * One packet of each kind that there is on the Internet, from one address to another, each with
 * whatever checksums its protocol has right.
 *
 * @param what for who reads why a test has failed
 * @param bytes the IP packet
 */
record Crafted(String what, byte[] bytes) {
  static final int TTL = 64;

  private static final int SCTP = 132;
  private static final int UDP_LITE = 136;
  private static final int GRE = 47;
  private static final int ESP = 50;
  private static final int FRAGMENT = 44;

  /** How a hop sends it on: one less to live, and in IPv4 another header checksum. */
  byte[] after(int hops) {
    byte[] on = bytes.clone();
    if (isV4(on)) {
      on[8] -= (byte) hops;
      int header = (on[0] & 0xf) * 4;
      put16(on, 10, 0);
      put16(on, 10, ~sum(on, 0, header, 0));
    } else {
      on[7] -= (byte) hops;
    }
    return on;
  }

  /**
   * What is compared: all of it, or all but what every hop writes into (RFC 791 section 3.1: record
   * route, timestamp).
   */
  static String comparable(byte[] packet) {
    boolean records =
        isV4(packet) && (packet[0] & 0xf) > 5 && (packet[20] == 7 || packet[20] == 68);
    if (!records) {
      return ByteBufUtil.hexDump(packet);
    }
    byte[] rest = packet.clone();
    put16(rest, 10, 0);
    Arrays.fill(rest, 22, (rest[0] & 0xf) * 4, (byte) 0);
    return ByteBufUtil.hexDump(rest);
  }

  static boolean isV4(byte[] packet) {
    return packet[0] >> 4 == 4;
  }

  /**
   * All of them.
   *
   * @param run other runs have other ports and identifications
   */
  static List<Crafted> all(IpAddress from, IpAddress to, int run) {
    Kinds kinds = new Kinds(from, to, run * 200);
    kinds.udp();
    kinds.tcp();
    kinds.others();
    kinds.icmp();
    kinds.headers();
    kinds.fragments();
    return kinds.made;
  }

  private static final class Kinds {
    private final List<Crafted> made = new ArrayList<>();
    private final IpAddress from;
    private final IpAddress to;
    private final boolean v4;
    private int next;

    Kinds(IpAddress from, IpAddress to, int first) {
      this.from = from;
      this.to = to;
      this.v4 = from.isV4();
      this.next = first;
    }

    /** Each packet has ports of its own, so that none repeats another. */
    private PacketBuilder packet() {
      next++;
      return new PacketBuilder(from, to).ttl(TTL).identification(0x4000 + next);
    }

    private PacketBuilder udpPacket() {
      return packet().udp(20_000 + next, 30_000 + next);
    }

    private PacketBuilder tcpPacket(int flags, int window, int... options) {
      byte[] bytes = new byte[options.length];
      for (int i = 0; i < bytes.length; i++) {
        bytes[i] = (byte) options[i];
      }
      return packet().tcp(20_000 + next, 30_000 + next, 1_000_000L, 5_000, flags, window, bytes);
    }

    private void add(String what, PacketBuilder packet) {
      add(what, Crafted.bytes(packet));
    }

    private void add(String what, byte[] packet) {
      made.add(new Crafted(what, packet));
    }

    void udp() {
      add("UDP", udpPacket().payload(100));
      add("UDP without data", udpPacket());
      byte[] quic = pattern(1_200); // RFC 9000 section 14.1: no Initial is smaller
      quic[0] = (byte) 0xc3; // section 17.2: long header, fixed bit, Initial
      put16(quic, 1, 0);
      put16(quic, 3, 1);
      quic[5] = 8;
      add("QUIC's long header", udpPacket().payload(quic));
      add("UDP, marked", udpPacket().trafficClass(0xb8).payload(9));
      if (v4) {
        byte[] none = Crafted.bytes(udpPacket().payload(33));
        put16(none, 26, 0);
        add("UDP without a checksum (RFC 768)", none);
        add("UDP that may be fragmented", udpPacket().dontFragment(false).payload(50));
      } else {
        add("UDP with a flow label", udpPacket().flowLabel(0xabcde).payload(10));
      }
    }

    void tcp() {
      int ack = PacketView.ACK;
      int[] stamps = {1, 1, 8, 10, 0, 0, 1, 2, 0, 0, 3, 4};
      add("TCP with timestamps", tcpPacket(ack, 500, stamps).payload(100));
      add(
          "TCP with SACK blocks",
          tcpPacket(ack, 500, 1, 1, 5, 18, 0, 0, 9, 9, 0, 0, 9, 99, 0, 0, 10, 0, 0, 0, 10, 9));
      int[] signed = new int[20];
      Arrays.setAll(signed, i -> i == 18 || i == 19 ? 1 : i * 7 & 0xff);
      signed[0] = 19;
      signed[1] = 18;
      add("TCP with an MD5 signature (RFC 2385)", tcpPacket(ack, 500, signed).payload(20));
      int[] authenticated = new int[16];
      Arrays.setAll(authenticated, i -> i * 5 & 0xff);
      authenticated[0] = 29;
      authenticated[1] = 16;
      add("TCP with an AO (RFC 5925)", tcpPacket(ack, 500, authenticated).payload(20));
      add("TCP with an unknown option", tcpPacket(ack, 500, 253, 4, 0xf9, 0x89).payload(20));
      add(
          "TCP Fast Open (RFC 7413)",
          tcpPacket(PacketView.SYN, 500, 2, 4, 5, 180, 34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1)
              .payload(30));
      add("half-open: a SYN", tcpPacket(PacketView.SYN, 500, 2, 4, 5, 180, 1, 3, 3, 7, 4, 2, 1, 1));
      add("simultaneous open: SYN and ACK", tcpPacket(PacketView.SYN | ack, 500, 2, 4, 5, 180));
      add("zero window", tcpPacket(ack, 0));
      byte[] urgent = Crafted.bytes(tcpPacket(ack | PacketView.URG, 500).payload(20));
      int transport = v4 ? 20 : 40;
      put16(urgent, transport + 18, 5);
      setChecksum(urgent, transport, 16);
      add("urgent", urgent);
      add("simultaneous close: FIN", tcpPacket(ack | PacketView.FIN, 500));
      add("RST", tcpPacket(PacketView.RST, 0));
      add("RST and ACK", tcpPacket(PacketView.RST | ack, 0));
      add("keepalive with a byte", tcpPacket(ack, 500).payload(1));
      add("all flags at once", tcpPacket(0x3f, 500).payload(4));
      add("no flags at all", tcpPacket(0, 500).payload(4));
    }

    void others() {
      add("ESP", packet().raw(ESP).payload(120));
      byte[] inner = Crafted.bytes(packet().icmp(v4 ? 8 : 128, 0, 77).payload(16));
      byte[] gre = new byte[4 + inner.length]; // RFC 2784 section 2
      put16(gre, 2, v4 ? 0x0800 : 0x86dd);
      System.arraycopy(inner, 0, gre, 4, inner.length);
      add("GRE", packet().raw(GRE).payload(gre));
      add("SCTP's INIT", packet().raw(SCTP).payload(sctp()));
      byte[] lite = pattern(60); // RFC 3828 section 3.1
      put16(lite, 0, 20_000 + next);
      put16(lite, 4, 20);
      byte[] litePacket = Crafted.bytes(packet().raw(UDP_LITE).payload(lite));
      int transport = v4 ? 20 : 40;
      put16(litePacket, transport + 6, 0);
      int sum = pseudo(litePacket, transport, UDP_LITE);
      put16(litePacket, transport + 6, ~sum(litePacket, transport, 20, sum));
      add("UDP-Lite, partly covered", litePacket);
      add("a protocol that nobody knows", packet().raw(253).payload(40));
      add("no next header, no data", packet().raw(59));
    }

    /** RFC 9260 section 3.3.2, with appendix A's checksum. */
    private byte[] sctp() {
      ByteBuffer init = ByteBuffer.allocate(32);
      init.putShort((short) (20_000 + next)).putShort((short) 36412).putInt(0).putInt(0);
      init.put((byte) 1).put((byte) 0).putShort((short) 20).putInt(0x11223344).putInt(65_536);
      init.putShort((short) 10).putShort((short) 10).putInt(0x55667788);
      CRC32C crc = new CRC32C();
      crc.update(init.array());
      init.order(ByteOrder.LITTLE_ENDIAN).putInt(8, (int) crc.getValue());
      return init.array();
    }

    void icmp() {
      add("echo request", packet().icmp(v4 ? 8 : 128, 0, next << 16 | 1).payload(56));
      add("echo reply", packet().icmp(v4 ? 0 : 129, 0, next << 16 | 1).payload(56));
      if (v4) {
        add("timestamp request", packet().icmp(13, 0, next << 16 | 1).payload(12));
      }
      // About packets that went the other way: to whoever sent these.
      PacketBuilder tcp = new PacketBuilder(to, from).tcp(443, 50_000, 7, 8, PacketView.ACK, 9);
      PacketBuilder udp = new PacketBuilder(to, from).udp(53, 50_001);
      for (PacketBuilder other : List.of(tcp.payload(64), udp.payload(64))) {
        byte[] quoted = Crafted.bytes(other.ttl(1));
        for (int[] error : v4 ? ERRORS4 : ERRORS6) {
          int length = v4 ? 28 : quoted.length;
          add(
              "ICMP error %d/%d".formatted(error[0], error[1]),
              packet().icmp(error[0], error[1], error[2]).payload(Arrays.copyOf(quoted, length)));
        }
      }
    }

    /** Type, code, and what follows the checksum: a host, a port, an MTU, a hop, reassembly. */
    private static final int[][] ERRORS4 = {
      {3, 1, 0}, {3, 3, 0}, {3, 13, 0}, {3, 4, 1_400}, {11, 0, 0}, {11, 1, 0}, {12, 0, 0}
    };

    private static final int[][] ERRORS6 = {
      {1, 0, 0}, {1, 4, 0}, {2, 0, 1_400}, {3, 0, 0}, {3, 1, 0}, {4, 0, 6}
    };

    void headers() {
      if (v4) {
        byte[] route = new byte[12];
        route[0] = 7; // record route
        route[1] = 11;
        route[2] = 4;
        add("record route", udpPacket().ipOptions(route).payload(20));
        byte[] times = new byte[12];
        times[0] = 68; // timestamps alone
        times[1] = 12;
        times[2] = 5;
        add("timestamps", udpPacket().ipOptions(times).payload(20));
        add(
            "router alert (RFC 2113)",
            udpPacket().ipOptions((byte) 0x94, (byte) 4, (byte) 0, (byte) 0).payload(20));
        return;
      }
      byte[] alert = {5, 2, 0, 0, 1, 0};
      byte[] padding = {1, 4, 0, 0, 0, 0};
      byte[] routing = {(byte) 253, 0, 0, 0, 0, 0}; // RFC 4727: experimental, no segment left
      add("hop-by-hop options (RFC 2711)", udpPacket().extension(0, alert).payload(20));
      add("destination options", tcpPacket(PacketView.ACK, 5).extension(60, padding).payload(20));
      add("a routing header", udpPacket().extension(43, routing).payload(20));
      add(
          "a chain of them",
          udpPacket().extension(0, padding).extension(60, padding).extension(43, routing));
      add("an atomic fragment (RFC 6946)", udpPacket().fragment(0, false).payload(20));
    }

    void fragments() {
      int[][] inOrder = {{0, 512}, {512, 512}, {1_024, 9_999}};
      fragments("in order", inOrder);
      fragments("last first", new int[][] {{1_024, 9_999}, {512, 512}, {0, 512}});
      fragments("overlapping", new int[][] {{0, 512}, {256, 512}, {768, 9_999}});
      fragments("twice", new int[][] {{0, 512}, {0, 512}, {512, 9_999}});
      // RFC 7112: IPv6 has all headers in the first
      fragments("tiny", new int[][] {{0, v4 ? 8 : 24}, {v4 ? 8 : 24, 8}, {v4 ? 16 : 32, 9_999}});
    }

    private void fragments(String how, int[][] pieces) {
      byte[] udp = Crafted.bytes(udpPacket().dontFragment(!v4).payload(1_272));
      byte[] tcp = Crafted.bytes(tcpPacket(PacketView.ACK, 9).dontFragment(!v4).payload(1_260));
      for (byte[] whole : List.of(udp, tcp)) {
        next++;
        for (int[] piece : pieces) {
          String what =
              "fragment %d of protocol %d, %s".formatted(piece[0], whole[v4 ? 9 : 6], how);
          add(what, fragment(whole, piece[0], piece[1]));
        }
      }
    }

    /** RFC 791 section 3.2, RFC 8200 section 4.5. */
    private byte[] fragment(byte[] whole, int offset, int length) {
      int header = v4 ? 20 : 40;
      int size = Math.min(length, whole.length - header - offset);
      boolean more = header + offset + size < whole.length;
      byte[] part = new byte[header + (v4 ? 0 : 8) + size];
      System.arraycopy(whole, 0, part, 0, header);
      System.arraycopy(whole, header + offset, part, part.length - size, size);
      if (v4) {
        put16(part, 2, part.length);
        put16(part, 6, offset / 8 | (more ? 0x2000 : 0));
        put16(part, 10, 0);
        put16(part, 10, ~sum(part, 0, 20, 0));
      } else {
        put16(part, 4, part.length - 40);
        part[40] = part[6];
        part[6] = FRAGMENT;
        put16(part, 42, offset | (more ? 1 : 0));
        put16(part, 46, next);
      }
      return part;
    }
  }

  private static byte[] pattern(int length) {
    byte[] bytes = new byte[length];
    for (int i = 0; i < length; i++) {
      bytes[i] = (byte) (i * 31);
    }
    return bytes;
  }

  static byte[] bytes(PacketBuilder builder) {
    ByteBuf buffer = Unpooled.buffer();
    builder.write(buffer);
    return ByteBufUtil.getBytes(buffer);
  }

  private static void setChecksum(byte[] packet, int transport, int field) {
    put16(packet, transport + field, 0);
    int sum = pseudo(packet, transport, PacketView.TCP);
    put16(packet, transport + field, ~sum(packet, transport, packet.length - transport, sum));
  }

  private static int pseudo(byte[] packet, int transport, int protocol) {
    int addresses = isV4(packet) ? sum(packet, 12, 8, 0) : sum(packet, 8, 32, 0);
    return addresses + protocol + packet.length - transport;
  }

  /** RFC 1071, written once more: what is tested does not judge itself. */
  private static int sum(byte[] bytes, int at, int length, int seed) {
    int sum = seed;
    for (int i = 0; i < length; i++) {
      int value = bytes[at + i] & 0xff;
      sum += (i & 1) == 0 ? value << 8 : value;
    }
    while (sum >>> 16 != 0) {
      sum = (sum >>> 16) + (sum & 0xffff);
    }
    return sum;
  }

  private static void put16(byte[] bytes, int at, int value) {
    bytes[at] = (byte) (value >> 8);
    bytes[at + 1] = (byte) value;
  }
}
