package dev.holdfast.redirector.path;

import dev.holdfast.redirector.decide.Rule;
import dev.holdfast.redirector.decide.Verdict;
import dev.holdfast.redirector.flow.Flow;
import dev.holdfast.redirector.flow.FlowEnd;
import dev.holdfast.redirector.flow.TcpState;
import dev.holdfast.redirector.migration.Explanation;
import dev.holdfast.redirector.migration.Explanation.Step;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** The steps of one explanation, as they are written down, and those that both ways share. */
final class Account {
  private final String way;
  private final List<Step> steps = new ArrayList<>();
  private @Nullable String migration;

  /**
   * @param way as in {@link Explanation}
   */
  Account(String way) {
    this.way = way;
  }

  void step(String step, String result, String why) {
    steps.add(new Step(step, result, why));
  }

  /** The end, where the packet is not dropped. */
  Explanation end(String verdict, String outcome) {
    return end(verdict, null, outcome);
  }

  Explanation dropped(DropReason reason, String outcome) {
    return end("dropped", reason, outcome + " (counted as " + reason.label() + ")");
  }

  Explanation end(String verdict, @Nullable DropReason reason, String outcome) {
    return new Explanation(
        Explanation.SCHEMA,
        way,
        verdict,
        reason == null ? null : reason.label(),
        migration,
        List.copyOf(steps),
        outcome + ".");
  }

  // ---- steps of both ways ----

  /** Returns whether the packet can be read at all. */
  boolean packet(PacketFault fault, ByteBuf packet, int vnet, PacketView view) {
    if (fault != PacketFault.NONE) {
      step("packet", "not a well-formed IP packet", PacketText.fault(fault));
      return false;
    }
    step("packet", PacketText.of(view), pieces(packet, vnet, view));
    return true;
  }

  private static String pieces(ByteBuf packet, int vnet, PacketView view) {
    return VirtioNetHeader.isGso(packet, vnet)
        ? "longer than a frame: judged as segments of up to "
            + VirtioNetHeader.longestPiece(packet, vnet, view)
            + " bytes that were merged when they were received"
        : "";
  }

  void migration(MigrationPath path, MigrationFacts facts, String why) {
    migration = facts.name();
    step(
        "migration",
        "%s: this host is its %s, and it is %s"
            .formatted(facts.name(), path.role.label(), path.state.label()),
        why);
  }

  void flow(MigrationPath path, MigrationFacts facts, @Nullable Flow flow, long nowNanos) {
    if (facts.assumed()) {
      step("flow", "not known", "no daemon was asked, so it is taken to be a new connection");
      return;
    }
    if (flow == null) {
      step(
          "flow",
          "new",
          path.state == MigrationState.ARMED
              ? "until hold the guest's connections are learnt apart: see holdfast flow list"
              : "no connection with these addresses and ports is known");
      return;
    }
    String state =
        flow.end() != FlowEnd.OPEN
            ? "ended: " + flow.end().label()
            : flow.isTcp() ? tcp(flow.tcpState()) : flow.stateLabel();
    step(
        "flow",
        "known, " + state,
        "%s; known for %d ms, silent for %d ms"
            .formatted(
                origin(flow),
                flow.ageNanos(nowNanos) / 1_000_000,
                flow.idleNanos(nowNanos) / 1_000_000));
  }

  private static String tcp(TcpState state) {
    return "TCP state " + state.label();
  }

  private static String origin(Flow flow) {
    return switch (flow.origin()) {
      case CAPTURED -> "it was captured on the guest's port before hold";
      case LISTED -> "the guest listed it";
      case SNAPSHOT -> "the remote host named it";
      case SEEN -> "its packets were seen here";
      case CONNTRACK -> "this host's connection tracking had it";
    };
  }

  void decide(Rule rule) {
    step("decide", word(rule.verdict()) + ", by rule " + name(rule), rule.reason());
  }

  /** As in the source, but for people: {@code guest-is-paused}. */
  static String name(Rule rule) {
    return rule.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  private static String word(Verdict verdict) {
    return switch (verdict) {
      case Verdict.Tunnel tunnel -> "tunnel";
      case Verdict.Hold hold -> "hold";
      case Verdict.Leave leave -> "leave";
      case Verdict.Pass pass -> "pass";
      case Verdict.Reject reject -> "reject";
      case Verdict.Drop(DropReason reason) -> "drop as " + reason.label();
    };
  }

  static String olds(MigrationPath path) {
    return path.olds.stream().map(Object::toString).collect(Collectors.joining(", "));
  }

  /** {@code 1 byte}, {@code 2 bytes}. */
  static String bytes(long count) {
    return count == 1 ? "1 byte" : count + " bytes";
  }
}
