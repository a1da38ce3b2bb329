package dev.holdfast.redirector.path;

import dev.holdfast.redirector.decide.Fit;
import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.decide.Verdict;
import dev.holdfast.redirector.flow.Direction;
import dev.holdfast.redirector.migration.Explanation;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.SegmentLength;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * What {@link InboundPath} would do with one live packet, in its order, and the kernel behind it.
 */
final class InboundExplanation {
  private final PathTable paths;
  private final Function<MigrationPath, MigrationFacts> facts;
  private final ByteBuf payload;
  private final @Nullable MigrationPath asked;
  private final long now;
  private final Judgement judged = new Judgement();
  private final PacketView view = judged.view;
  private final Account account = new Account("out-of-tunnel");

  InboundExplanation(
      PathTable paths,
      Function<MigrationPath, MigrationFacts> facts,
      ByteBuf payload,
      @Nullable MigrationPath asked,
      long now) {
    this.paths = paths;
    this.facts = facts;
    this.payload = payload;
    this.asked = asked;
    this.now = now;
  }

  Explanation explain() {
    int vnet = payload.readerIndex();
    int length = payload.readableBytes() - VirtioNetHeader.LENGTH;
    PacketFault fault = view.check(payload, vnet + VirtioNetHeader.LENGTH, length);
    MigrationPath path = fault != PacketFault.NONE ? null : asked == null ? byAddress() : asked;
    DropReason wrong =
        path == null ? null : InboundPath.fault(path, payload, view, isDescribed(path));
    if (!account.packet(fault, payload, vnet, view)) {
      return account.dropped(
          DropReason.MALFORMED, "It would be dropped: " + PacketText.fault(fault));
    }
    if (path == null) {
      account.step(
          "migration",
          "none",
          "neither is its destination the old address of a guest that comes here, nor its source"
              + " that of one that leaves");
      return account.dropped(
          DropReason.NOT_GRANTED, "It is dropped: no migration here has its inner address");
    }
    MigrationFacts known = facts.apply(path);
    account.migration(
        path,
        known,
        asked == null
            ? "its inner address is the guest's old one"
            : "it was named in the question");
    if (wrong != null) {
      account.step("tunnel", "unsound", wrong.text());
      return account.dropped(wrong, "It is dropped: " + wrong.text());
    }
    if (Probe.is(view, path.token)) {
      return probe();
    }
    boolean toGuest = path.role == Role.ENDPOINT;
    if (!InboundPath.isGranted(path, view, toGuest)) {
      account.step(
          "tunnel",
          "not granted",
          "%s may send %s %s alone through this tunnel"
              .formatted(
                  known.remote(), toGuest ? "packets to" : "packets from", Account.olds(path)));
      return account.dropped(
          DropReason.NOT_GRANTED, "It is dropped, because " + DropReason.NOT_GRANTED.text());
    }
    account.step(
        "tunnel",
        "granted",
        "%s may send packets %s %s"
            .formatted(known.remote(), toGuest ? "to" : "from", Account.olds(path)));
    if (toGuest && path.isSpent(view)) {
      return spent();
    }
    return judge(path, known, toGuest ? Direction.TO_GUEST : Direction.FROM_GUEST);
  }

  /** By IP-in-IP what was merged is cut to what the tunnel carries whole: nothing else is known. */
  private static boolean isDescribed(MigrationPath path) {
    return !Encapsulated.isIpInIp(path.lanes[0].live);
  }

  /** As {@link IpInIpDispatch} does; by TLS the data connection says it. */
  private @Nullable MigrationPath byAddress() {
    MigrationPath path = paths.served(view);
    return path == null ? paths.redirected(view) : path;
  }

  private Explanation probe() {
    boolean isRequest = Probe.isRequest(view);
    account.step("tunnel", "a probe", "it has the migration's token: the daemons test the tunnel");
    return account.end(
        "answered",
        isRequest
            ? "It is a probe of the tunnel, and is answered through it"
            : "It is the answer to a probe of the tunnel, and goes no further");
  }

  private Explanation judge(MigrationPath path, MigrationFacts known, Direction direction) {
    judged.inbound(path, direction, payload, now);
    account.flow(path, known, judged.known(), now);
    account.decide(judged.rule());
    if (direction == Direction.TO_GUEST
        && path.back.isPaused()
        && judged.verdict() == Verdict.PASS) {
      return account.end(
          "held", "It is kept or returned: the guest is paused here, on its way back perhaps");
    }
    String because = ", because " + judged.rule().reason();
    return switch (judged.verdict()) {
      case Verdict.Pass pass -> sized(path, known, direction);
      case Verdict.Drop(DropReason reason) -> account.dropped(reason, "It is dropped" + because);
      case Verdict.Hold hold -> account.dropped(DropReason.WRONG_STATE, "It is dropped" + because);
      case Verdict.Tunnel tunnel -> account.dropped(DropReason.LOOP, "It is dropped" + because);
      case Verdict.Leave leave -> account.dropped(DropReason.LOOP, "It is dropped" + because);
      case Verdict.Reject reject ->
          account.dropped(DropReason.STALE_SYN, "It is dropped" + because);
    };
  }

  private Explanation spent() {
    account.step(
        "delivery",
        "no",
        "its %s is %d, and would be used up at this host"
            .formatted(view.isV4() ? "TTL" : "hop limit", view.hopLimit()));
    return account.dropped(
        DropReason.TTL_EXCEEDED, "It ends at this host, which says nothing of it");
  }

  private Explanation sized(MigrationPath path, MigrationFacts known, Direction direction) {
    boolean toGuest = direction == Direction.TO_GUEST;
    Fit fit = judged.fit();
    Sizes.step(
        account,
        fit,
        payload,
        view,
        judged.limit(),
        toGuest ? "the guest's LAN" : "the way to its peer",
        false);
    boolean inSegments =
        fit.goesOnTooLong()
            && SegmentLength.mayShorten(payload, payload.readerIndex(), view, judged.limit());
    if (fit.isDropped() || (fit.goesOnTooLong() && !inSegments)) {
      return account.dropped(
          DropReason.TOO_BIG, "It is dropped: it does not fit, and may not be fragmented");
    }
    if (path.isSpent(view)) {
      return spent();
    }
    String lan = known.lan().isEmpty() ? "the LAN" : known.lan();
    account.step(
        "delivery",
        known.byPcap() ? "a frame on " + lan : "written to " + known.device(),
        (known.byPcap()
                ? toGuest ? "to the guest's MAC" : "to the MAC that its peer was heard from"
                : toGuest ? "the kernel routes it to " + lan : "the kernel routes it to its peer")
            + (known.keepsTtl() ? "; no hop is spent" : "; one hop is spent"));
    return account.end(
        "delivered",
        "It is delivered to %s%s, because %s"
            .formatted(
                toGuest ? "the guest" : "its peer " + view.destination(),
                fit == Fit.IN_FRAGMENTS ? " in fragments" : inSegments ? " in segments" : "",
                judged.rule().reason()));
  }
}
