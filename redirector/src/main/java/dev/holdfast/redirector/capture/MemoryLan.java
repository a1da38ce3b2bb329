package dev.holdfast.redirector.capture;

import dev.holdfast.tunnel.device.PacketDevice;
import dev.holdfast.tunnel.observe.DropCounters;
import dev.holdfast.tunnel.packet.Ethernet;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import dev.holdfast.tunnel.time.Clock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.ArrayDeque;
import java.util.HashSet;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A LAN without a kernel, for tests and for whoever rehearses: what {@link #arrive} is given is
 * read from its device as if it had been captured, and what is written to the device is taken out
 * with {@link #take}. One thread.
 */
public final class MemoryLan implements AutoCloseable {
  private static final int LONGEST = 70_000;

  private final ArrayDeque<byte[]> arriving = new ArrayDeque<>();
  private final ArrayDeque<ByteBuf> arrivingLong = new ArrayDeque<>();
  private final ArrayDeque<ByteBuf> sent = new ArrayDeque<>();
  private final ByteBuf scratch = Unpooled.directBuffer(LONGEST, LONGEST);
  private final LanDevice device;
  private final Set<IpAddress> pinned = new HashSet<>();
  private long lost;

  public MemoryLan(LanInterface lan, Clock clock, DropCounters drops) {
    FrameSource source =
        new FrameSource() {
          @Override
          public byte @Nullable [] poll() {
            return arriving.poll();
          }

          @Override
          public int pollLongUdp(ByteBuf into) {
            ByteBuf next = arrivingLong.poll();
            if (next == null) {
              return 0;
            }
            int length = next.readableBytes();
            into.writeBytes(next);
            next.release();
            return length;
          }

          @Override
          public long lost() {
            return lost;
          }
        };
    LanDevice.Wanted olds = (to, from, packet) -> pinned.stream().anyMatch(packet::isTo);
    device = new LanDevice(lan, source, olds, frame -> sent.add(frame.copy()), clock, drops);
  }

  public PacketDevice device() {
    return device;
  }

  LanDevice lanDevice() {
    return device;
  }

  /** The guest with this address is at {@code mac}. */
  public void pin(IpAddress guest, MacAddress mac) {
    pinned.add(guest);
    device.pin(guest, mac);
  }

  /** Longer packets than this do not fit into the tunnel. */
  public void limit(int mtu) {
    device.cutTo(packet -> mtu);
  }

  /**
   * What passes keeps its TTL.
   *
   * @param onSpent counts a packet that has none left
   */
  public void keepTtl(Consumer<PacketView> onSpent) {
    device.hops(true, onSpent);
  }

  /** A frame of UDP comes whose offload header the kernel tells. */
  void arriveLong(MacAddress to, MacAddress from, PacketBuilder packet) {
    ByteBuf plain = Unpooled.directBuffer(LONGEST);
    packet.writeWithVnet(plain);
    ByteBuf frame = Unpooled.directBuffer(LONGEST);
    frame.writeBytes(plain, VirtioNetHeader.LENGTH);
    frame.setShortLE(
        VirtioNetHeader.HEADER_LENGTH, VirtioNetHeader.headerLength(frame, 0) + Ethernet.HEADER);
    if (VirtioNetHeader.needsChecksum(frame, 0)) {
      frame.setShortLE(
          VirtioNetHeader.CHECKSUM_START,
          VirtioNetHeader.checksumStart(frame, 0) + Ethernet.HEADER);
    }
    boolean isV6 = plain.getUnsignedByte(plain.readerIndex()) >>> 4 == 6;
    Ethernet.writeHeader(frame, to, from, isV6 ? Ethernet.TYPE_IPV6 : Ethernet.TYPE_IPV4);
    frame.writeBytes(plain);
    plain.release();
    arrivingLong.add(frame);
  }

  /** A frame comes, whole. */
  public void arrive(byte[] frame) {
    arriving.add(frame);
  }

  /** A packet comes in a frame of its own, without a tag. */
  public void arrive(MacAddress to, MacAddress from, PacketBuilder packet) {
    scratch.clear();
    Ethernet.writeHeader(scratch, to, from, Ethernet.TYPE_IPV4);
    packet.write(scratch);
    if (scratch.getUnsignedByte(Ethernet.HEADER) >>> 4 == 6) {
      scratch.setShort(Ethernet.TYPE, Ethernet.TYPE_IPV6);
    }
    byte[] frame = new byte[scratch.readableBytes()];
    scratch.getBytes(0, frame);
    arrive(frame);
  }

  /** Frames that never came, in all. */
  void lose(long frames) {
    lost = frames;
  }

  /** The oldest {@code [virtio_net_hdr][frame]} that was sent; the caller releases it. */
  public @Nullable ByteBuf take() {
    return sent.poll();
  }

  @Override
  public void close() {
    device.close();
    arrivingLong.forEach(ByteBuf::release);
    arrivingLong.clear();
    sent.forEach(ByteBuf::release);
    sent.clear();
    scratch.release();
  }
}
