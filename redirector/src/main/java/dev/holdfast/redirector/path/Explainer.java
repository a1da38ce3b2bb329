package dev.holdfast.redirector.path;

import dev.holdfast.redirector.migration.Explanation;
import dev.holdfast.tunnel.packet.InferredOffload;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.List;
import java.util.function.Function;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;

/**
 * Says what would become of a packet, and why: by the {@link Judgement} that the two paths act on,
 * and what they ask beside it. Nothing is changed, counted or sent. Data loop only.
 */
public final class Explainer {
  /** What is longer and TCP was merged from several frames when it was received. */
  private static final int LAN_MTU = InboundPath.ETHERNET;

  private final PathTable paths;
  private final Function<MigrationPath, MigrationFacts> facts;

  private final List<MappedGuest> mapped;

  public Explainer(PathTable paths, Function<MigrationPath, MigrationFacts> facts) {
    this(paths, facts, List.of());
  }

  /**
   * @param mapped guests whose packets the kernel maps, before the paths or instead of them
   */
  public Explainer(
      PathTable paths, Function<MigrationPath, MigrationFacts> facts, List<MappedGuest> mapped) {
    this.paths = paths;
    this.facts = facts;
    this.mapped = List.copyOf(mapped);
  }

  /** What would become of a packet that a neighbour, or the guest, has sent to this host's LAN. */
  public Explanation fromLan(byte[] packet, long nowNanos) {
    ByteBuf described = described(packet, this::cutToOnLan);
    for (MappedGuest each : mapped) {
      Explanation explained = each.explain(described);
      if (explained != null) {
        return explained;
      }
    }
    Explanation explained = outbound(described, nowNanos);
    for (MappedGuest each : mapped) {
      explained = each.with(explained, described);
    }
    return explained;
  }

  /**
   * What would become of a packet that a remote host has sent through the tunnel.
   *
   * @param of by whose tunnel; null to find that by its addresses, as for IP-in-IP
   */
  public Explanation fromTunnel(byte[] packet, @Nullable MigrationPath of, long nowNanos) {
    return inbound(described(packet, view -> LAN_MTU), of, nowNanos);
  }

  /**
   * The packet behind the offload header that a capture of it would get.
   *
   * @param cutTo bytes of the packets that a super-packet is to be cut to
   */
  private static ByteBuf described(byte[] packet, ToIntFunction<PacketView> cutTo) {
    ByteBuf bytes = Unpooled.buffer(VirtioNetHeader.LENGTH + packet.length);
    bytes.writeZero(VirtioNetHeader.LENGTH).writeBytes(packet);
    PacketView view = new PacketView();
    if (view.check(bytes, VirtioNetHeader.LENGTH, packet.length) == PacketFault.NONE) {
      InferredOffload.write(bytes, 0, view, LAN_MTU, cutTo.applyAsInt(view));
    }
    return bytes;
  }

  /** As {@code capture.LanDevice} cuts it; on a TUN the kernel knows how its sender did. */
  private int cutToOnLan(PacketView view) {
    MigrationPath path = paths.ofLan(view);
    return path != null && facts.apply(path).byPcap()
        ? Math.min(LAN_MTU, path.tunnelMtu())
        : LAN_MTU;
  }

  /**
   * @param packet readable bytes are {@code [virtio_net_hdr][packet]}; stays the caller's
   */
  Explanation outbound(ByteBuf packet, long nowNanos) {
    return new OutboundExplanation(paths, facts, packet, nowNanos).explain();
  }

  /** As {@link #outbound}, for what comes out of the tunnel. */
  Explanation inbound(ByteBuf payload, @Nullable MigrationPath of, long nowNanos) {
    return new InboundExplanation(paths, facts, payload, of, nowNanos).explain();
  }
}
