package dev.holdfast.redirector.replay;

import dev.holdfast.tunnel.packet.Checksums;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Gives what reaches the guests and their peers to the connection that it belongs to. */
final class Arriving implements TwoSites.Arrivals {
  private static final int UNREACHABLE = 3;
  private static final int FRAGMENTATION_NEEDED = 4;
  private static final int PACKET_TOO_BIG = 2;
  private static final int ICMP_HEADER = 8;

  private final Connections connections;
  private final VirtualTime time;
  private final Supplier<List<Machine>> machines;
  private final PacketView view = new PacketView();
  private final PacketView quoted = new PacketView();
  private final TcpOptions options = new TcpOptions();
  private final Ipv4Reassembly fragments = new Ipv4Reassembly();
  private long strays;
  private long malformed;

  Arriving(Connections connections, VirtualTime time, Supplier<List<Machine>> machines) {
    this.connections = connections;
    this.time = time;
    this.machines = machines;
  }

  @Override
  public void arrived(ByteBuf packet, @Nullable Machine at) {
    int vnet = packet.readerIndex();
    int start = vnet + VirtioNetHeader.LENGTH;
    if (view.check(packet, start, packet.readableBytes() - VirtioNetHeader.LENGTH)
        != PacketFault.NONE) {
      malformed++;
      return;
    }
    boolean fromGuest = isFromGuest(view, at);
    if (view.isFragment()) {
      DatagramFlow flow = connections.datagrams(view, fromGuest);
      if (flow == null || !flow.fragment(view, fromGuest, time.nanoTime())) {
        fragment(packet, start, at);
      }
    } else if (view.isTcp()) {
      segment(packet, vnet, fromGuest);
    } else if (isTooBig()) {
      tooBig();
    } else {
      datagram(fromGuest);
    }
  }

  private void segment(ByteBuf packet, int vnet, boolean fromGuest) {
    TcpConnection connection = connections.played(view, fromGuest);
    if (connection == null) {
      strays++;
      return;
    }
    options.read(view);
    connection.arrived(view, options, fromGuest, isSound(packet, vnet));
  }

  private void datagram(boolean fromGuest) {
    DatagramFlow flow = connections.datagrams(view, fromGuest);
    if (flow == null) {
      strays++;
    } else {
      flow.arrived(view, fromGuest, time.nanoTime());
    }
  }

  /**
   * Whether the flow's first side has sent it: the guest, or of two guests the one with the lower
   * number.
   */
  private boolean isFromGuest(PacketView packet, @Nullable Machine at) {
    if (at == null) {
      return true;
    }
    Machine from = Players.from(machines.get(), packet);
    return from != null && from.number < at.number;
  }

  /** As a kernel does before it looks at a segment. */
  private boolean isSound(ByteBuf packet, int vnet) {
    if (view.isV4()
        && !Checksums.verifyIpv4Header(
            packet, view.start(), view.transportStart() - view.start())) {
      return false;
    }
    return VirtioNetHeader.needsChecksum(packet, vnet) || Checksums.verifyTransport(view);
  }

  /** Something on the way has cut a packet up. */
  private void fragment(ByteBuf packet, int start, @Nullable Machine at) {
    if (!view.isV4()) {
      strays++;
      return;
    }
    ByteBuf whole = fragments.whole(packet.copy(start, view.length()));
    if (whole != null) {
      try {
        ByteBuf again = whole.alloc().directBuffer(whole.readableBytes() + VirtioNetHeader.LENGTH);
        again.writeZero(VirtioNetHeader.LENGTH).writeBytes(whole);
        try {
          arrived(again, at);
        } finally {
          again.release();
        }
      } finally {
        whole.release();
      }
    }
  }

  private boolean isTooBig() {
    return view.isIcmp()
        && (view.isV4()
            ? view.icmpType() == UNREACHABLE && view.icmpCode() == FRAGMENTATION_NEEDED
            : view.icmpType() == PACKET_TOO_BIG);
  }

  /** RFC 1191, RFC 8201: the message quotes the packet, and says what passes. */
  private void tooBig() {
    ByteBuf buf = view.buffer();
    int at = view.transportStart();
    int mtu = view.isV4() ? buf.getUnsignedShort(at + 6) : buf.getInt(at + 4);
    int inner = at + ICMP_HEADER;
    if (quoted.checkHeaders(buf, inner, view.end() - inner) != PacketFault.NONE) {
      strays++;
      return;
    }
    Machine from = Players.from(machines.get(), quoted);
    Machine to = Players.to(machines.get(), quoted);
    boolean byGuest = from != null && (to == null || from.number < to.number);
    TcpConnection connection =
        quoted.isTcp() && !quoted.isFragment() ? connections.played(quoted, byGuest) : null;
    DatagramFlow flow = connections.datagrams(quoted, byGuest);
    if (connection != null) {
      connection.tooBig(byGuest, mtu);
    } else if (flow != null) {
      flow.tooBig(byGuest, mtu);
    } else {
      strays++;
    }
  }

  /** Packets that belong to nothing that was sent. */
  long strays() {
    return strays;
  }

  long malformed() {
    return malformed;
  }

  void close() {
    fragments.close();
  }
}
