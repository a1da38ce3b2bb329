package dev.holdfast.redirector.replay;

import dev.holdfast.tunnel.packet.Checksums;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Puts other addresses in place of a capture's, in whole packets, with their checksums. */
public final class AddressTranslation {
  public static final AddressTranslation NONE = new AddressTranslation(Map.of());

  private static final int V4_SOURCE = 12;
  private static final int V4_DESTINATION = 16;
  private static final int V4_CHECKSUM = 10;
  private static final int V6_SOURCE = 8;
  private static final int V6_DESTINATION = 24;
  private static final int NO_FIELD = -1;

  private final List<IpAddress> from;
  private final List<IpAddress> to;

  /**
   * @throws IllegalArgumentException where the two of a pair are not of one family, or two
   *     addresses would become one; the message is a clause
   */
  public AddressTranslation(Map<IpAddress, IpAddress> pairs) {
    Set<IpAddress> taken = new HashSet<>();
    pairs.forEach((captured, played) -> {
      if (captured.isV4() != played.isV4()) {
        throw new IllegalArgumentException(
            captured + " and " + played + " are not of one address family");
      }
      if (!taken.add(played)) {
        throw new IllegalArgumentException("two addresses would both be " + played);
      }
    });
    from = List.copyOf(pairs.keySet());
    to = from.stream().map(pairs::get).toList();
  }

  /** What stands for an address of the capture: itself, where nothing else does. */
  public IpAddress of(IpAddress captured) {
    int at = from.indexOf(captured);
    return at < 0 ? captured : to.get(at);
  }

  /** Changes the packet under a view, which sees what it has become. */
  void apply(PacketView view) {
    if (from.isEmpty()) {
      return;
    }
    replace(view, true, view.sourceHigh(), view.sourceLow());
    replace(view, false, view.destinationHigh(), view.destinationLow());
  }

  private void replace(PacketView view, boolean isSource, long high, long low) {
    for (int i = 0; i < from.size(); i++) {
      if (from.get(i).low() == low && from.get(i).high() == high) {
        write(view, isSource, to.get(i));
        return;
      }
    }
  }

  private static void write(PacketView view, boolean isSource, IpAddress address) {
    ByteBuf buf = view.buffer();
    int field = checksumField(view);
    if (view.isV4()) {
      int at = view.start() + (isSource ? V4_SOURCE : V4_DESTINATION);
      int before = buf.getInt(at);
      buf.setInt(at, address.v4Bits());
      update(buf, view.start() + V4_CHECKSUM, before, address.v4Bits());
      updateTransport(view, field, before, address.v4Bits());
      return;
    }
    int at = view.start() + (isSource ? V6_SOURCE : V6_DESTINATION);
    byte[] after = address.toBytes();
    for (int i = 0; i < after.length; i += 4) {
      int before = buf.getInt(at + i);
      buf.setBytes(at + i, after, i, 4);
      updateTransport(view, field, before, buf.getInt(at + i));
    }
  }

  private static void update(ByteBuf buf, int field, int before, int after) {
    buf.setShort(field, Checksums.update32(buf.getUnsignedShort(field), before, after));
  }

  private static void updateTransport(PacketView view, int field, int before, int after) {
    if (field == NO_FIELD) {
      return;
    }
    update(view.buffer(), field, before, after);
    if (view.isUdp() && view.buffer().getShort(field) == 0) {
      view.buffer().setShort(field, 0xffff); // RFC 768: 0 would say that there is none
    }
  }

  /** Of the checksum over the pseudo-header, where there is one that is used. */
  private static int checksumField(PacketView view) {
    if (!view.hasTransportHeader()) {
      return NO_FIELD;
    }
    int at = view.transportStart();
    return switch (view.protocol()) {
      case PacketView.TCP -> at + 16;
      case PacketView.UDP -> view.buffer().getShort(at + 6) == 0 ? NO_FIELD : at + 6;
      case PacketView.ICMPV6 -> at + 2;
      default -> NO_FIELD;
    };
  }

  /**
   * Finishes a checksum that the sender's kernel had left to its network card when the packet was
   * captured; before its addresses change.
   *
   * @param view over a whole packet
   */
  static void complete(PacketView view) {
    if (!view.isUdp() || view.isFragment() || Checksums.verifyTransport(view)) {
      return;
    }
    int field = view.transportStart() + 6;
    int left = Checksums.pseudoHeader(view, PacketView.UDP, view.udpLength());
    if (view.buffer().getUnsignedShort(field) == left) {
      Checksums.setTransport(view);
    }
  }
}
