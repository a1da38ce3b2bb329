package dev.holdfast.redirector.path;

import dev.holdfast.redirector.decide.Role;
import dev.holdfast.tunnel.link.IpInIpReceiver;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import org.jspecify.annotations.Nullable;

/** Shows outer packets that have come in to whoever records them. Data loop only. */
final class ReceivedPackets implements IpInIpReceiver.OuterPackets {
  private static final int V6_HEADER = 40;

  private final PathTable paths;
  private @Nullable ByteBuf whole;

  ReceivedPackets(PathTable paths) {
    this.paths = paths;
  }

  @Override
  public void received(
      IpAddress local,
      ByteBuf packet,
      long high,
      long low,
      int protocol,
      int trafficClass,
      @Nullable PacketView inner,
      @Nullable DropReason drop) {
    if (!paths.isTapped()) {
      return;
    }
    MigrationPath path = inner == null ? null : owner(inner);
    Tap tap = paths.tap(path);
    if (tap == null) {
      return;
    }
    DropReason why = drop == null && path == null ? DropReason.NOT_GRANTED : drop;
    int at = packet.readerIndex();
    int length = packet.readableBytes();
    if (local.isV4()) {
      int innerAt = inner == null ? -1 : inner.start() - at;
      tap.packet(Tap.Place.OUTER_IP_RECEIVED, path, packet, at, length, innerAt, why);
    } else {
      ByteBuf made = withHeader(local, packet, high, low, protocol, trafficClass);
      int innerAt = inner == null ? -1 : V6_HEADER;
      tap.packet(Tap.Place.OUTER_IP_RECEIVED, path, made, 0, made.readableBytes(), innerAt, why);
    }
  }

  private @Nullable MigrationPath owner(PacketView inner) {
    MigrationPath served = paths.served(inner);
    return served != null && served.role == Role.ENDPOINT ? served : paths.redirected(inner);
  }

  /**
   * The header is made up of what the kernel says of it beside the packet (RFC 3542 section 3); its
   * flow label and hop limit nobody knows, and they are 0.
   */
  private ByteBuf withHeader(
      IpAddress local, ByteBuf packet, long high, long low, int protocol, int trafficClass) {
    ByteBuf room = whole;
    if (room == null) {
      room = Unpooled.buffer(V6_HEADER + 2048);
      whole = room;
    }
    room.clear();
    room.writeInt(6 << 28 | trafficClass << 20);
    room.writeShort(packet.readableBytes()).writeByte(protocol).writeByte(0);
    room.writeLong(high).writeLong(low);
    room.writeLong(local.high()).writeLong(local.low());
    room.writeBytes(packet, packet.readerIndex(), packet.readableBytes());
    return room;
  }
}
