package dev.holdfast.redirector.capture;

import dev.holdfast.tunnel.device.FrameFilter;
import dev.holdfast.tunnel.device.PacketDevice;
import dev.holdfast.tunnel.device.PacketSocket;
import dev.holdfast.tunnel.observe.DropCounters;
import dev.holdfast.tunnel.packet.Ethernet;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.time.Clock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.util.List;

/**
 * Captures some hundred frames on the loopback, and carries some hundred packets over a LAN in
 * memory, so that the way of a frame is loaded and compiled when the first one of a guest takes it.
 *
 * <p>The frames on the loopback are of a type and to a MAC that no stack takes.
 */
final class TapRehearsal {
  private static final String LOOPBACK = "lo";
  private static final int TYPE = 0x88b5; // IEEE 802, local experimental

  // locally administered, in use nowhere
  private static final MacAddress FROM = MacAddress.parse("02:00:5e:00:53:06");
  private static final MacAddress TO = MacAddress.parse("02:00:5e:00:53:07");

  private static final int BUFFER_BYTES = 8 << 20;
  private static final int ROUNDS = 16;
  private static final int FRAMES = 32;
  private static final int LENGTH = 200;
  private static final long ROUND_NANOS = 50_000_000L;

  private static final int PACKETS = 400; // the compiler wants 200
  private static final int MTU = 1500;
  private static final int SUPER_PAYLOAD = 4_000;

  // RFC 5737 and RFC 3849: addresses for documentation, in no network
  private static final List<IpAddress> GUEST =
      List.of(IpAddress.parse("192.0.2.1"), IpAddress.parse("2001:db8::1"));
  private static final List<IpAddress> PEER =
      List.of(IpAddress.parse("198.51.100.1"), IpAddress.parse("2001:db8:1::1"));

  private TapRehearsal() {}

  /**
   * Takes some tens of milliseconds.
   *
   * @throws IOException when the loopback cannot be captured on, as nothing else can be then
   */
  static void play(Clock clock) throws IOException {
    capture(clock);
    carry(clock);
  }

  private static void capture(Clock clock) throws IOException {
    ByteBuf frame = Unpooled.directBuffer(LENGTH);
    Ethernet.writeHeader(frame, TO, FROM, TYPE);
    frame.writeZero(LENGTH - Ethernet.HEADER);
    try (PacketSocket socket = PacketSocket.open(LOOPBACK, FrameFilter.NONE);
        FrameTap tap = FrameTap.open(LOOPBACK, BUFFER_BYTES, clock, task -> {}, () -> {})) {
      tap.filter("ether src " + FROM + " and ether proto " + TYPE);
      for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < FRAMES; i++) {
          boolean unused = socket.send(frame);
        }
        long end = clock.nanoTime() + ROUND_NANOS;
        for (int heard = 0; heard < FRAMES && clock.nanoTime() - end < 0; ) {
          heard += tap.poll() == null ? 0 : 1;
        }
      }
    } finally {
      frame.release();
    }
  }

  /** Each packet is captured, and one to the guest and an answer to the peer are sent as frames. */
  private static void carry(Clock clock) throws IOException {
    var lan = new LanInterface("rehearsal", TO, MTU, List.of(), List.of());
    ByteBuf packet = Unpooled.directBuffer(PacketDevice.READ_SIZE);
    try (var memory = new MemoryLan(lan, clock, new DropCounters())) {
      GUEST.forEach(guest -> memory.pin(guest, FROM));
      for (int i = 0; i < PACKETS; i++) {
        IpAddress guest = GUEST.get(i & 1);
        IpAddress peer = PEER.get(i & 1);
        memory.arrive(TO, FROM, packet(peer, guest, i));
        int unused = memory.device().read(packet.clear());
        for (PacketBuilder each : List.of(packet(peer, guest, i), packet(guest, peer, i))) {
          packet.clear();
          each.writeWithVnet(packet);
          boolean written = memory.device().write(packet);
          ByteBuf sent = written ? memory.take() : null;
          if (sent != null) {
            sent.release();
          }
        }
      }
    } finally {
      packet.release();
    }
  }

  /** Of the kinds that are frequent. */
  private static PacketBuilder packet(IpAddress from, IpAddress to, int i) {
    PacketBuilder packet = new PacketBuilder(from, to).tcp(1, 2, i, i, PacketView.ACK, 500);
    return i % 8 == 0
        ? packet.payload(SUPER_PAYLOAD).gso(MTU - 100)
        : i % 3 == 0 ? packet.payload(0) : packet.payload(i % 200).checksumLeft();
  }
}
