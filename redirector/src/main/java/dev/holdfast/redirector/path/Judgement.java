package dev.holdfast.redirector.path;

import dev.holdfast.redirector.decide.Fit;
import dev.holdfast.redirector.decide.Rule;
import dev.holdfast.redirector.decide.Verdict;
import dev.holdfast.redirector.flow.Direction;
import dev.holdfast.redirector.flow.Flow;
import dev.holdfast.tunnel.link.Link;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What is found out about one packet before anything is done with it: by the two paths for every
 * packet that they carry, and by whoever asks what would happen to one. Nothing is changed by it,
 * and nothing allocated; one object serves for packet after packet. Data loop only.
 */
final class Judgement {
  final PacketView view = new PacketView();
  private PacketFault fault = PacketFault.TRUNCATED;
  private @Nullable MigrationPath path;
  private Direction direction = Direction.TO_GUEST;
  private @Nullable Flow known;
  private @Nullable Rule rule;
  private @Nullable Lane lane;
  private boolean waits;
  private int limit;
  private Fit fit = Fit.WHOLE;

  /**
   * Judges what came from a LAN.
   *
   * @param packet readable bytes are {@code [virtio_net_hdr][packet]}
   */
  void outbound(PathTable paths, ByteBuf packet, long nowNanos) {
    begin();
    int vnet = packet.readerIndex();
    int length = packet.readableBytes() - VirtioNetHeader.LENGTH;
    fault = view.check(packet, vnet + VirtioNetHeader.LENGTH, length);
    if (fault != PacketFault.NONE) {
      return;
    }
    MigrationPath of = paths.redirecting(view);
    direction = Direction.TO_GUEST;
    if (of == null) {
      of = paths.serving(view);
      direction = Direction.FROM_GUEST;
    }
    if (of == null) {
      return;
    }
    decide(of);
    if (rule == Rule.ANSWER_GOES_DIRECT && paths.served(view) != null) {
      rule = Rule.ANSWER_GOES_BACK; // to another guest who comes here: its own migration knows when
    }
    if (verdict() != Verdict.TUNNEL) {
      return;
    }
    Lane taken = of.lane(view);
    lane = taken;
    waits = direction == Direction.TO_GUEST && taken.mustWait();
    Link live = taken.live;
    if (!waits && live != null) {
      limit = live.innerMtu(view);
      fit = Sizing.fit(of, packet, vnet, view, direction, limit, nowNanos);
    }
  }

  /**
   * Judges what came out of a tunnel, for its migration; {@link #view} has been laid over it, and
   * it is granted.
   *
   * @param packet readable bytes are {@code [virtio_net_hdr][packet]}
   */
  void inbound(MigrationPath of, Direction way, ByteBuf packet, long nowNanos) {
    begin();
    fault = PacketFault.NONE;
    direction = way;
    decide(of);
    if (verdict() == Verdict.PASS) {
      limit = of.deliveryMtu();
      fit = Sizing.fit(of, packet, packet.readerIndex(), view, way, limit, nowNanos);
    }
  }

  private void begin() {
    path = null;
    known = null;
    rule = null;
    lane = null;
    waits = false;
    limit = 0;
    fit = Fit.WHOLE;
  }

  private void decide(MigrationPath of) {
    path = of;
    Flow flow = of.flows.find(view, direction);
    known = flow;
    rule = of.decision.rule(of.state, direction, view, flow);
  }

  /** What is wrong with the packet's bytes; if anything is, nothing else is known of it. */
  PacketFault fault() {
    return fault;
  }

  /** Whose packet it is; null where it is no migration's, and nothing more is known. */
  @Nullable MigrationPath path() {
    return path;
  }

  Direction direction() {
    return direction;
  }

  /** Its flow as it was before this packet; null for one that is new. */
  @Nullable Flow known() {
    return known;
  }

  Rule rule() {
    return Objects.requireNonNull(rule);
  }

  Verdict verdict() {
    return rule().verdict();
  }

  /** Which data connection it takes into the tunnel. */
  Lane lane() {
    return Objects.requireNonNull(lane);
  }

  /** It would go into the tunnel, but something older is to go first. */
  boolean waits() {
    return waits;
  }

  /** Bytes that pass whole where it goes; 0 where it goes nowhere. */
  int limit() {
    return limit;
  }

  Fit fit() {
    return fit;
  }
}
