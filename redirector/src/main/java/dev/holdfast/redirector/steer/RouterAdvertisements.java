package dev.holdfast.redirector.steer;

import dev.holdfast.tunnel.device.FrameFilter;
import dev.holdfast.tunnel.device.PacketSocket;
import dev.holdfast.tunnel.packet.Ethernet;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.time.Clock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What the routers of the old LAN advertise (RFC 4861 section 4.2), for a guest that is not
 * touched: its IPv6 default route and prefix last as long as it is told of them, and where it runs
 * afterwards nobody else would. They are asked at arm, and repeated to the guest alone.
 */
public final class RouterAdvertisements {
  /** From so many routers. */
  public static final int MOST = 4;

  private static final int SOLICITATION = 133;
  private static final int ADVERTISEMENT = 134;
  private static final int IPV6_HEADER = 40;
  private static final int SHORTEST = IPV6_HEADER + 16;
  private static final int LONGEST = 1280;
  private static final int HOP_LIMIT = 255;
  private static final int LONGEST_FRAME = 2048;
  private static final IpAddress ALL_NODES = IpAddress.parse("ff02::1");
  private static final IpAddress ALL_ROUTERS = IpAddress.parse("ff02::2");
  private static final IpAddress NOBODY = IpAddress.parse("::");

  /** A router waits for up to half a second with its answer (RFC 4861 section 6.2.6). */
  private static final long ROUND_NANOS = 800_000_000;

  private static final int ROUNDS = 2;

  private RouterAdvertisements() {}

  /**
   * The advertisements of each router on {@code device}, as IPv6 packets to all nodes. Takes up to
   * 1.6 s where nobody answers.
   *
   * @throws IOException when there is no such interface, or privilege is missing
   */
  public static List<byte[]> ask(String device, Clock clock) throws IOException {
    Map<IpAddress, byte[]> heard = new LinkedHashMap<>();
    ByteBuf frame = Unpooled.directBuffer(LONGEST_FRAME, LONGEST_FRAME);
    try (PacketSocket socket = PacketSocket.open(device, FrameFilter.ARP_AND_NEIGHBOR_DISCOVERY)) {
      socket.ignoreOutgoing();
      socket.joinAllMulticast();
      for (int round = 0; round < ROUNDS && heard.isEmpty(); round++) {
        Ethernet.writeHeader(
            frame.clear(),
            MacAddress.parse("33:33:00:00:00:02"),
            socket.macAddress(),
            Ethernet.TYPE_IPV6);
        new PacketBuilder(NOBODY, ALL_ROUTERS).ttl(HOP_LIMIT).icmp(SOLICITATION, 0, 0).write(frame);
        boolean unused = socket.send(frame); // one that is lost is asked again
        long end = clock.nanoTime() + ROUND_NANOS;
        while (clock.nanoTime() - end < 0) {
          int length = socket.receive(frame.clear());
          if (length == 0) {
            Thread.sleep(1);
          } else {
            note(frame, length, heard);
          }
        }
      }
      return List.copyOf(heard.values());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while routers were asked on " + device, e);
    } finally {
      frame.release();
    }
  }

  private static void note(ByteBuf frame, int length, Map<IpAddress, byte[]> heard) {
    if (length <= Ethernet.HEADER || Ethernet.type(frame, 0) != Ethernet.TYPE_IPV6) {
      return;
    }
    PacketView view = new PacketView();
    byte[] packet = forAll(view, frame, Ethernet.HEADER, length - Ethernet.HEADER);
    if (packet != null && (heard.size() < MOST || heard.containsKey(view.source()))) {
      heard.put(view.source(), packet);
    }
  }

  /** The checks of RFC 4861 section 6.1.2, by those who had it from somebody else. */
  public static boolean isSound(byte[] packet) {
    ByteBuf bytes = Unpooled.wrappedBuffer(packet);
    return forAll(new PacketView(), bytes, 0, packet.length) != null;
  }

  /** What is said in it, to all nodes: one router may answer who has asked alone. */
  private static byte @Nullable [] forAll(PacketView view, ByteBuf in, int index, int length) {
    if (length < SHORTEST
        || length > LONGEST
        || view.check(in, index, length) != PacketFault.NONE
        || view.isV4()
        || view.hasOptionsOrExtensions()
        || !view.isIcmp()
        || view.icmpType() != ADVERTISEMENT
        || view.icmpCode() != 0
        || view.hopLimit() != HOP_LIMIT
        || !HostFacts.isLinkLocal(view.source())) {
      return null;
    }
    int icmp = index + IPV6_HEADER;
    byte[] rest = new byte[length - IPV6_HEADER - 8];
    in.getBytes(icmp + 8, rest);
    ByteBuf out = Unpooled.buffer(length);
    new PacketBuilder(view.source(), ALL_NODES)
        .ttl(HOP_LIMIT)
        .icmp(ADVERTISEMENT, 0, in.getInt(icmp + 4))
        .payload(rest)
        .write(out);
    byte[] packet = new byte[out.readableBytes()];
    out.readBytes(packet);
    return packet;
  }

  /** How soon the first of them is to be repeated: a third of a router's lifetime, in seconds. */
  public static int secondsBetween(List<byte[]> packets) {
    int shortest = 180;
    for (byte[] packet : packets) {
      int lifetime = Unpooled.wrappedBuffer(packet).getUnsignedShort(IPV6_HEADER + 6);
      if (lifetime > 0) {
        shortest = Math.min(shortest, lifetime);
      }
    }
    return Math.max(1, shortest / 3);
  }

  /**
   * Says them to {@code guest} and nobody else.
   *
   * @throws IOException when there is no such interface, or privilege is missing
   */
  public static void repeat(String device, MacAddress guest, List<byte[]> packets)
      throws IOException {
    ByteBuf frame = Unpooled.directBuffer(LONGEST_FRAME, LONGEST_FRAME);
    try (PacketSocket socket = PacketSocket.open(device, FrameFilter.NONE)) {
      for (byte[] packet : new ArrayList<>(packets)) {
        Ethernet.writeHeader(frame.clear(), guest, socket.macAddress(), Ethernet.TYPE_IPV6);
        frame.writeBytes(packet);
        boolean unused = socket.send(frame); // it is said again
      }
    } finally {
      frame.release();
    }
  }
}
