package dev.holdfast.redirector.path;

import dev.holdfast.redirector.migration.Explanation;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A guest of this host whose new addresses are mapped to its old ones, for who asks what would
 * become of a packet. It is the kernel that maps, by what it knows of connections; that is not
 * looked at here, and the explanation says so.
 *
 * @param name of its migration
 * @param pairs new addresses by old ones
 * @param oldLans what is there is behind the tunnel
 * @param tunnelled whether the tunnel is still there
 */
public record MappedGuest(
    String name, Map<IpAddress, IpAddress> pairs, List<IpPrefix> oldLans, boolean tunnelled) {
  private static final String STEP = "mapping";

  public MappedGuest {
    pairs = Map.copyOf(pairs);
    oldLans = List.copyOf(oldLans);
  }

  /** Of a packet from this host's LAN; null where the tunnel's path says what becomes of it. */
  @Nullable Explanation explain(ByteBuf packet) {
    PacketView view = view(packet);
    if (view == null) {
      return null;
    }
    IpAddress fresh = pairs.get(view.source());
    for (Map.Entry<IpAddress, IpAddress> pair : pairs.entrySet()) {
      if (view.isTo(pair.getValue()) && fresh == null) {
        return arrives(packet, view, pair.getKey());
      }
    }
    if (fresh == null) {
      return null;
    }
    if (begins(view) && !isBehindTunnel(view)) {
      Account account = account(packet, view);
      account.step(
          STEP,
          "its source becomes " + fresh,
          "it begins a connection; one that connection tracking knows from before the move is not mapped"
              + (tunnelled ? ", and takes the tunnel" : ""));
      return account.end("passed", "It leaves at this site as " + fresh);
    }
    if (tunnelled) {
      return null;
    }
    Account account = account(packet, view);
    account.step(
        STEP,
        "no",
        "it begins no connection; one that began with " + fresh + " would go on as that");
    return account.end(
        "dropped",
        "It is dropped, since the tunnel is gone, unless its connection began with " + fresh);
  }

  /** The tunnel's explanation, with a word of what comes before it. */
  Explanation with(Explanation tunnel, ByteBuf packet) {
    PacketView view = view(packet);
    IpAddress fresh = view == null ? null : pairs.get(view.source());
    if (fresh == null) {
      return tunnel;
    }
    List<Explanation.Step> steps = new ArrayList<>(tunnel.steps());
    steps.add(
        Math.min(1, steps.size()),
        new Explanation.Step(
            STEP,
            "no",
            "what follows is so unless its connection began with "
                + fresh
                + ": then it leaves here as that"));
    return new Explanation(
        tunnel.schema(),
        tunnel.way(),
        tunnel.verdict(),
        tunnel.dropReason(),
        tunnel.migration(),
        steps,
        tunnel.outcome());
  }

  private Explanation arrives(ByteBuf packet, PacketView view, IpAddress old) {
    Account account = account(packet, view);
    account.step(
        STEP,
        "its destination becomes " + old,
        "the guest of migration "
            + name
            + " does not know its new address; if the sender has another connection with the same"
            + " ports, its source port becomes another too");
    return account.end("delivered", "It is delivered to the guest, whose address is " + old);
  }

  private static Account account(ByteBuf packet, PacketView view) {
    Account account = new Account("from-lan");
    boolean unused = account.packet(PacketFault.NONE, packet, packet.readerIndex(), view);
    return account;
  }

  private static @Nullable PacketView view(ByteBuf packet) {
    PacketView view = new PacketView();
    int at = packet.readerIndex() + VirtioNetHeader.LENGTH;
    int length = packet.readableBytes() - VirtioNetHeader.LENGTH;
    return view.check(packet, at, length) == PacketFault.NONE ? view : null;
  }

  /** As the kernel's rules have it. */
  private static boolean begins(PacketView view) {
    if (view.isTcp()) {
      int ends = PacketView.FIN | PacketView.RST | PacketView.ACK;
      return (view.tcpFlags() & (PacketView.SYN | ends)) == PacketView.SYN;
    }
    if (view.isUdp()) {
      return view.destinationPort() != 67 && view.destinationPort() != 547;
    }
    return view.isIcmp() && view.icmpType() == (view.isV4() ? 8 : 128);
  }

  private boolean isBehindTunnel(PacketView view) {
    return tunnelled && oldLans.stream().anyMatch(lan -> lan.contains(view.destination()));
  }
}
