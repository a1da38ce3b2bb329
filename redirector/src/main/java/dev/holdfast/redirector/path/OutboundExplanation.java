package dev.holdfast.redirector.path;

import dev.holdfast.redirector.decide.Fit;
import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.decide.Verdict;
import dev.holdfast.redirector.flow.Direction;
import dev.holdfast.redirector.migration.Explanation;
import dev.holdfast.tunnel.link.Link;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import java.util.Arrays;
import java.util.function.Function;

/**
 * What {@link OutboundPath} would do with one packet, in its order.
 *
 * <p>Before it stands what the kernel, or {@code capture.LanDevice}, does with a packet on the LAN:
 * whether it comes to the path at all.
 */
final class OutboundExplanation {
  private static final int ROUTER_SOLICITATION = 133;
  private static final int REDIRECT = 137;

  private final Function<MigrationPath, MigrationFacts> facts;
  private final ByteBuf packet;
  private final long now;
  private final Judgement judged = new Judgement();
  private final PacketView view = judged.view;
  private final Account account = new Account("from-lan");

  OutboundExplanation(
      PathTable paths, Function<MigrationPath, MigrationFacts> facts, ByteBuf packet, long now) {
    this.facts = facts;
    this.packet = packet;
    this.now = now;
    judged.outbound(paths, packet, now);
  }

  Explanation explain() {
    if (!account.packet(judged.fault(), packet, packet.readerIndex(), view)) {
      return account.dropped(
          DropReason.MALFORMED, "It would be dropped: " + PacketText.fault(judged.fault()));
    }
    MigrationPath path = judged.path();
    if (path == null) {
      return ofNone();
    }
    MigrationFacts known = facts.apply(path);
    boolean captured = isCaptured(path);
    capture(path, known, captured);
    boolean toGuest = judged.direction() == Direction.TO_GUEST;
    account.migration(
        path,
        known,
        toGuest
            ? "its destination is an old address of this migration's guest"
            : "its source is an old address of this migration's guest");
    if (captured && isNeighbourDiscovery()) {
      return account.end("not-captured", "It stays in its LAN: neighbour discovery is answered");
    }
    if (captured && path.isSpent(view)) {
      return account.dropped(
          DropReason.TTL_EXCEEDED,
          "It ends at this host, which says nothing of it: it has no hop left");
    }
    account.flow(path, known, judged.known(), now);
    account.decide(judged.rule());
    return switch (judged.verdict()) {
      case Verdict.Drop(DropReason reason) -> {
        String outcome = "It is dropped, because " + judged.rule().reason();
        yield captured ? account.dropped(reason, outcome) : untouched(path);
      }
      case Verdict.Hold hold -> held(path, known);
      case Verdict.Tunnel tunnel -> tunnelled(path, known);
      case Verdict.Leave leave ->
          account.end("leave", "It leaves at this site, because " + judged.rule().reason());
      case Verdict.Pass pass -> captured ? passed() : untouched(path);
      case Verdict.Reject reject -> rejected();
    };
  }

  // ---- before the path ----

  private Explanation ofNone() {
    account.step(
        "capture",
        "no",
        "neither its destination nor its source is an old address of a migration here");
    account.step("migration", "none", "so this host's kernel deals with it as it always does");
    return account.end(
        "not-captured",
        view.destination().isMulticast()
            ? "Holdfast does not touch it: what is for a group stays in its LAN"
            : "Holdfast does not touch it");
  }

  /** Whether what neighbours send to the old address, or the guest from it, is taken now. */
  private static boolean isCaptured(MigrationPath path) {
    return switch (path.state) {
      case PLANNED, DONE, ROLLED_BACK -> false;
      case ARMED -> path.role == Role.ENDPOINT;
      case HOLDING, REDIRECTING, DRAINING -> true;
    };
  }

  private void capture(MigrationPath path, MigrationFacts known, boolean captured) {
    if (!captured) {
      account.step(
          "capture",
          "no",
          switch (path.state) {
            case PLANNED -> "nothing is set up yet";
            case ARMED -> "before hold nothing is switched on: the guest gets it as ever";
            default -> "the migration is " + path.state.label() + ", and capture is off";
          });
    } else if (isNeighbourDiscovery()) {
      account.step("capture", "no", "neighbour discovery never enters the tunnel (RFC 4861)");
    } else if (path.isSpent(view)) {
      account.step(
          "capture",
          "no",
          "its %s is %d, and would be used up at this host (RFC 1812 section 5.3.1)"
              .formatted(view.isV4() ? "TTL" : "hop limit", view.hopLimit()));
    } else {
      account.step("capture", "yes", how(known));
    }
  }

  private String how(MigrationFacts known) {
    String what =
        judged.direction() == Direction.TO_GUEST
            ? "what is for the old address"
            : "what the guest's MAC sends from the old address";
    String lan = known.lan().isEmpty() ? "the guest's LAN" : known.lan();
    String way =
        known.byPcap()
            ? what + " is captured on " + lan + " by pcap, and kept from the kernel"
            : what + " on " + lan + " is marked and routed to " + known.device();
    return way
        + (known.keepsTtl() ? "; no hop is spent: " : "; one hop is spent: ")
        + (view.isV4() ? "TTL " : "hop limit ")
        + (view.hopLimit() - (known.keepsTtl() ? 0 : 1));
  }

  private boolean isNeighbourDiscovery() {
    return !view.isV4()
        && view.isIcmp()
        && !view.isFragment()
        && view.icmpType() >= ROUTER_SOLICITATION
        && view.icmpType() <= REDIRECT;
  }

  // ---- the path ----

  private Explanation untouched(MigrationPath path) {
    return account.end(
        "not-captured",
        path.role == Role.REDIRECTOR
            ? "The guest on this host gets it as ever: Holdfast does not touch it"
            : "Holdfast does not touch it");
  }

  private Explanation passed() {
    return account.end(
        "passed", "This host's kernel is given it back, and routes it to the guest here");
  }

  private Explanation rejected() {
    return view.isTcp()
        ? account.end(
            "rejected",
            DropReason.STALE_SYN,
            "Its sender gets a reset, as of a closed port; it is counted as "
                + DropReason.STALE_SYN.label())
        : account.dropped(DropReason.STALE_SYN, "It is dropped: only TCP is answered with a reset");
  }

  private Explanation held(MigrationPath path, MigrationFacts known) {
    Lane lane = path.lane(view);
    Link stage = lane.stage;
    boolean up = stage != null && stage.isUp();
    account.step(
        "data connection",
        number(path, lane),
        known.assumed()
            ? "it is taken to be up: a copy goes ahead by it"
            : up && !path.back.isQueueing()
                ? "a copy goes ahead to the remote host by it"
                : "it is down or may not be used: the copy goes ahead when it can");
    return queued(path, known, "while the guest is paused");
  }

  private Explanation queued(MigrationPath path, MigrationFacts known, String when) {
    account.step(
        "size",
        "not judged here",
        "what is held goes ahead by TLS, which takes any length, and is judged where it is delivered");
    String room =
        known.assumed()
            ? ""
            : ", which has %d packets and %s now"
                .formatted(path.hold.packets(), Account.bytes(path.hold.bytes()));
    return account.end("held", "It is kept in the hold queue " + when + room);
  }

  private Explanation tunnelled(MigrationPath path, MigrationFacts known) {
    Lane lane = judged.lane();
    Lane.Wait wait = lane.waitsFor();
    if (judged.waits()) {
      account.step("data connection", number(path, lane) + ", and it waits", wait.reason);
      return queued(path, known, "until it may go: " + wait.reason);
    }
    Link live = lane.live;
    if (live == null) {
      account.step(
          "data connection",
          number(path, lane) + ", which is down",
          "what comes from the guest cannot be held: its kernel sends it again");
      return linkDown();
    }
    account.step(
        "data connection",
        number(path, lane),
        known.assumed()
            ? "it is taken to be up; by config there are " + path.lanes.length + " at most"
            : "all packets of its connection take it, and nothing older waits there");
    return sized(path, known, live);
  }

  private Explanation linkDown() {
    return account.dropped(DropReason.LINK_DOWN, "It is dropped: the tunnel is down");
  }

  private static String number(MigrationPath path, Lane lane) {
    return "number %d of %d"
        .formatted(Arrays.asList(path.lanes).indexOf(lane) + 1, path.lanes.length);
  }

  private Explanation sized(MigrationPath path, MigrationFacts known, Link live) {
    Fit fit = judged.fit();
    Sizes.step(account, fit, packet, view, judged.limit(), "the tunnel", true);
    String remote = known.remote();
    if (fit.isDropped()) {
      return account.dropped(DropReason.TOO_BIG, "It is dropped, because " + fit.reason());
    }
    if (!live.isUp()) {
      account.step("encapsulation", "none", "the data connection is down");
      return linkDown();
    }
    Encapsulated wrapped = Encapsulated.of(live, packet, view, fit, judged.limit());
    account.step("encapsulation", wrapped.result(), wrapped.why());
    DropReason drop = wrapped.drop();
    if (drop != null) {
      return account.dropped(drop, "It is dropped: " + wrapped.why());
    }
    String pieces =
        switch (fit) {
          case IN_FRAGMENTS -> "in fragments of its own ";
          case TOLD_AND_RESCUED, RESCUED, CARRIED -> "in fragments of the outer packet ";
          default -> "";
        };
    return account.end(
        "tunnelled",
        "It goes %sthrough the tunnel to %s, because %s"
            .formatted(pieces, remote, judged.rule().reason()));
  }
}
