package dev.holdfast.redirector.edge;

import dev.holdfast.redirector.decide.Rule;
import dev.holdfast.redirector.decide.Verdict;
import dev.holdfast.tunnel.observe.DropReason;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One packet in, a verdict, and everything that comes out: what is not said does not come out, and
 * what is not said to be dropped is not counted as dropped.
 */
final class PacketRow implements Row {
  /** How the packet comes to this host. */
  enum Way {
    CAPTURED,
    RECEIVED,
    STAGED,
    ARRIVED,
    ENTERS
  }

  private final Scene scene;
  private final Way way;
  private final Packet in;
  private final List<Outgoing> expected = new ArrayList<>();
  private @Nullable Rule rule;
  private @Nullable DropReason reason;

  PacketRow(Scene scene, Way way, Packet in) {
    this.scene = scene;
    this.way = way;
    this.in = in;
  }

  // ---- verdicts ----

  /** This rule of {@code Decision} decides, and where it drops, that is counted once. */
  PacketRow by(Rule decides) {
    rule = decides;
    if (decides.verdict() instanceof Verdict.Drop(DropReason why)) {
      reason = why;
    } else if (decides.verdict() instanceof Verdict.Reject) {
      reason = DropReason.STALE_SYN;
    }
    return this;
  }

  /** It is dropped, and counted once under this reason. */
  PacketRow drops(DropReason why) {
    reason = why;
    return this;
  }

  // ---- what comes out ----

  /** Into the tunnel goes, for TLS, this inner packet. */
  PacketRow tunnels(Packet... packets) {
    return out(Outgoing.Where.TUNNEL, packets);
  }

  /** Ahead to the new host's stage goes this packet. */
  PacketRow stages(Packet... packets) {
    return out(Outgoing.Where.STAGE, packets);
  }

  /** Into the tunnel goes, for IP-in-IP, this outer packet. */
  PacketRow sends(Packet... outerPackets) {
    return out(Outgoing.Where.WIRE, outerPackets);
  }

  /** To this host's kernel, or as a frame into the LAN, goes this packet. */
  PacketRow delivers(Packet... packets) {
    return out(Outgoing.Where.DEVICE, packets);
  }

  private PacketRow out(Outgoing.Where where, Packet... packets) {
    for (Packet packet : packets) {
      expected.add(
          where == Outgoing.Where.DEVICE && scene.isPcap
              ? Outgoing.frame(packet)
              : Outgoing.packet(where, packet));
    }
    return this;
  }

  // ---- the check ----

  @Override
  public void check() throws Exception {
    try (Host host = new Host(scene)) {
      Rule asked = rule == null ? null : host.rule(way, in);
      host.take(way, in);
      var wrong = new StringBuilder();
      if (asked != rule) {
        wrong.append("  verdict: expected %s, was %s%n".formatted(rule, asked));
      }
      Map<String, Long> drops = reason == null ? Map.of() : Map.of(reason.label(), 1L);
      if (!host.dropped().equals(drops)) {
        wrong.append("  dropped: expected %s, was %s%n".formatted(drops, host.dropped()));
      }
      compare(host.sent(), wrong);
      if (!wrong.isEmpty()) {
        throw new AssertionError("at %s, in: %s%n%s".formatted(scene, in, wrong));
      }
    }
  }

  private void compare(List<Outgoing> was, StringBuilder wrong) {
    for (int i = 0; i < Math.max(was.size(), expected.size()); i++) {
      if (i >= was.size()) {
        wrong.append("  out %d: expected %s, was nothing%n".formatted(i + 1, expected.get(i)));
      } else if (i >= expected.size()) {
        wrong.append("  out %d: expected nothing, was %s%n".formatted(i + 1, was.get(i)));
      } else if (!was.get(i).equals(expected.get(i))) {
        wrong.append("  out %d:%n%s%n".formatted(i + 1, expected.get(i).difference(was.get(i))));
      }
    }
  }
}
