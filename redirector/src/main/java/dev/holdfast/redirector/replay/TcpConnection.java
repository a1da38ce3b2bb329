package dev.holdfast.redirector.replay;

import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** A TCP connection of the capture, re-enacted: its two ends, and what is found out about it. */
final class TcpConnection {
  private static final long NONE = -1;

  private final String name;
  private final long firstPacket;
  private final Network network;
  private final VirtualTime time;

  /** Of both ends. */
  final Progress.Pauses pauses;

  private final TcpEnd guest;
  private final TcpEnd peer;
  private long packets;
  private long lastPacketAt;
  private long corruptedAt = NONE;
  private boolean corruptedToGuest;
  private @Nullable String resetBy;
  private final boolean beganBeforePause;
  private long cutOff;
  private final Consumer<TcpConnection> judged;
  private @Nullable TcpConnection predecessor;
  private @Nullable TcpConnection successor;
  private int predecessors;
  private @Nullable String leftOutFor;

  /**
   * @param guestMachine the guest; the flow's first side
   * @param peerMachine the other side, where that is a guest too
   * @param judged is given the connection when it ends before another one with its name
   */
  TcpConnection(
      PacketView first,
      boolean fromGuest,
      long firstPacket,
      Machine guestMachine,
      @Nullable Machine peerMachine,
      Network network,
      VirtualTime time,
      WaitingBytes memory,
      Consumer<TcpConnection> judged) {
    this.judged = judged;
    this.name = FlowId.text(first, fromGuest);
    this.firstPacket = firstPacket;
    this.network = network;
    this.time = time;
    IpAddress a = fromGuest ? first.source() : first.destination();
    IpAddress b = fromGuest ? first.destination() : first.source();
    int portA = fromGuest ? first.sourcePort() : first.destinationPort();
    int portB = fromGuest ? first.destinationPort() : first.sourcePort();
    pauses = new EndsPauses(guestMachine, peerMachine);
    guest = new TcpEnd(this, guestMachine, new SegmentBuilder(a, portA, b, portB), time, memory);
    peer = new TcpEnd(this, peerMachine, new SegmentBuilder(b, portB, a, portA), time, memory);
    guest.connect(peer);
    peer.connect(guest);
    beganBeforePause = time.nanoTime() <= guestMachine.pausedAt();
  }

  /**
   * This one has the addresses and ports of another, which is to be delivered first, however soon
   * the capture has used them again.
   */
  void follows(TcpConnection earlier) {
    predecessor = earlier;
    predecessors = earlier.predecessors + 1;
    earlier.successor = this;
  }

  /** How many are to be delivered before. */
  int predecessors() {
    return predecessors;
  }

  /** Its turn has come. */
  boolean isPlayed() {
    return predecessor == null;
  }

  /** The one of its addresses and ports whose packets are on their way. */
  TcpConnection played() {
    TcpConnection first = this;
    for (TcpConnection before = predecessor; before != null; before = before.predecessor) {
      first = before;
    }
    return first;
  }

  /** Those that are to be delivered before, and this one. */
  List<TcpConnection> chain() {
    List<TcpConnection> chain = new ArrayList<>(1);
    for (TcpConnection each = this; each != null; each = each.predecessor) {
      chain.addFirst(each);
    }
    return chain;
  }

  /** It is judged without having been delivered, for that reason, which is the replay's own. */
  void leftOut(String why) {
    leftOutFor = why;
  }

  /** One of its ends has ended it, or has given up; or the other has got the last of it. */
  void ended() {
    TcpConnection next = successor;
    if (next != null && (isDelivered() || isGivenUp())) {
      successor = null;
      next.predecessor = null;
      next.predecessors = 0;
      judged.accept(this);
      time.after(0, next::pump);
    }
  }

  private void pump() {
    guest.pump();
    peer.pump();
  }

  /** Whether a captured segment opens another connection with the same addresses and ports. */
  boolean isReplacedBy(PacketView view, boolean fromGuest) {
    boolean opens = (view.tcpFlags() & (PacketView.SYN | PacketView.ACK)) == PacketView.SYN;
    Script script = (fromGuest ? guest : peer).script;
    return opens
        && script.baseKnown
        && (script.midStream || script.base != (int) view.tcpSequence() || isClosed());
  }

  /** The capture has another packet of it. */
  void captured(PacketView view, TcpOptions options, int bytes, boolean fromGuest) {
    packets++;
    lastPacketAt = time.nanoTime();
    if (bytes < view.length()) {
      cutOff++;
    }
    TcpEnd from = fromGuest ? guest : peer;
    TcpEnd to = fromGuest ? peer : guest;
    from.script.captured(view, options, bytes, to.script, time.nanoTime());
    if (from.silent) {
      from.script.forget();
      return;
    }
    from.pump();
    if (!to.script.writes.isEmpty()) {
      to.pump();
    }
  }

  /** Its verdict was given: whatever it still sends is of no use. */
  void silence() {
    guest.forget();
    peer.forget();
  }

  /** Neither end waits for the other any more, whatever was not delivered. */
  boolean isGivenUp() {
    return guest.silent || peer.silent;
  }

  /** The capture has ended: what is missing of it does not come any more. */
  void captureEnded() {
    guest.script.fillAll(time.nanoTime());
    peer.script.fillAll(time.nanoTime());
    pump();
  }

  /** What its ends are to write and have not written yet, of what was read of the capture. */
  int unwritten() {
    return guest.script.writes.size() + peer.script.writes.size();
  }

  /** A segment has arrived at one of its ends. */
  void arrived(PacketView view, TcpOptions options, boolean fromGuest, boolean isSound) {
    (fromGuest ? peer : guest).arrived(view, options, isSound);
    ended();
  }

  /** A message says that a packet of one end was too big. */
  void tooBig(boolean ofGuest, int mtu) {
    (ofGuest ? guest : peer).tooBig(mtu);
  }

  /** An end sends. Takes over the reference. */
  void send(TcpEnd from, ByteBuf packet) {
    Machine machine = from.machine;
    if (machine != null) {
      network.fromMachine(packet, machine, (from == guest ? peer : guest).machine);
    } else {
      Machine to = guest.machine;
      if (to != null) {
        network.fromPeer(packet, to);
      }
    }
  }

  // ---- what its ends notice ----

  void resetArrived(TcpEnd at, boolean wasSent) {
    if (!wasSent && resetBy == null) {
      resetBy = "neither end, at " + (at == guest ? "the guest" : "the peer");
    }
  }

  void corrupted(TcpEnd at, long offset) {
    if (corruptedAt == NONE) {
      corruptedAt = offset;
      corruptedToGuest = at == guest;
    }
  }

  void progressed(TcpEnd at) {
    lastProgress = time.nanoTime();
  }

  private long lastProgress;

  // ---- its end ----

  /** Both scripts have been played, as far as the capture has them. */
  boolean isDelivered() {
    return resetBy != null || (guest.isDelivered() && peer.isDelivered());
  }

  /** Nothing can come of it any more. */
  boolean isOver() {
    return (isClosed() || resetBy != null) && isDelivered();
  }

  /** The capture has the end of it. */
  private boolean isClosed() {
    return (guest.script.finSeen() && peer.script.finSeen())
        || guest.script.resetSeen()
        || peer.script.resetSeen();
  }

  long firstPacket() {
    return firstPacket;
  }

  long lastPacketAt() {
    return lastPacketAt;
  }

  long packets() {
    return packets;
  }

  FlowResult result(long stallNanos) {
    if (!isDelivered()) {
      guest.progress.took(time.nanoTime());
      peer.progress.took(time.nanoTime());
    }
    boolean guestLonger = guest.progress.longest() > peer.progress.longest();
    Progress longer = guestLonger ? guest.progress : peer.progress;
    long recovery = Math.max(guest.progress.recovery(), peer.progress.recovery());
    return new FlowResult(
        name,
        firstPacket,
        packets,
        verdict(stallNanos, longer),
        peer.deliveredBytes(),
        guest.deliveredBytes(),
        beganBeforePause && guest.machine != null && guest.machine.pausedAt() <= lastMoment(),
        recovery,
        longer.longest(),
        longer.longest() == 0 ? 0 : longer.longestAt() - VirtualTime.BEGIN,
        guest.retransmissions + peer.retransmissions,
        0,
        notes());
  }

  private long lastMoment() {
    return Math.max(lastPacketAt, lastProgress);
  }

  private Verdict verdict(long stallNanos, Progress longer) {
    if (corruptedAt != NONE) {
      return new Verdict.Corrupted(corruptedAt, corruptedToGuest);
    }
    if (resetBy != null) {
      return new Verdict.Reset(resetBy);
    }
    if (!isBegun()) {
      boolean opens = !guest.script.midStream && !peer.script.midStream;
      return new Verdict.NotReplayed(
          opens
              ? "nobody answers its SYN in the capture"
              : "nothing is answered or acknowledged in the capture");
    }
    if (predecessor != null) {
      return new Verdict.NotReplayed(
          "an earlier one of the same addresses and ports had not ended");
    }
    if (leftOutFor != null && !isDelivered()) {
      return new Verdict.NotReplayed(leftOutFor);
    }
    if (!isDelivered()) {
      return new Verdict.Stalled(longer.longest(), true);
    }
    if (longer.longest() > stallNanos) {
      return new Verdict.Stalled(longer.longest(), false);
    }
    return new Verdict.Survived();
  }

  /** Both sides have been heard of in the capture. */
  boolean isBegun() {
    return guest.script.baseKnown && peer.script.baseKnown;
  }

  private List<String> notes() {
    List<String> notes = new ArrayList<>();
    if (guest.script.midStream && peer.script.midStream) {
      notes.add("It began before the capture did.");
    }
    long notKept = guest.script.notKept() + peer.script.notKept();
    if (notKept > 0) {
      notes.add(
          notKept + " bytes had to wait when too much waited already; a pattern stood for them.");
    }
    long madeUp = guest.script.madeUp() + peer.script.madeUp();
    if (madeUp > 0) {
      notes.add(
          cutOff > 0
              ? madeUp
                  + " bytes are not in the capture, which cut packets off; a pattern stood for them."
              : madeUp + " bytes are not in the capture; a pattern stood for them.");
    }
    if (guest.script.resetSeen() || peer.script.resetSeen()) {
      notes.add(
          (guest.script.resetSeen() ? "The guest" : "The peer")
              + " ended it by a reset, as in the capture.");
    }
    long bad = guest.badChecksums + peer.badChecksums;
    if (bad > 0) {
      notes.add(
          bad + " segments arrived with a wrong checksum, and were dropped by their receiver.");
    }
    long old = guest.oldTimestamps + peer.oldTimestamps;
    if (old > 0) {
      notes.add(
          old
              + " segments arrived with a time stamp older than the last (RFC 7323), and were dropped.");
    }
    long ignored = guest.script.ignoredResets() + peer.script.ignoredResets();
    if (ignored > 0) {
      notes.add(
          Long.toString(ignored)
              + " captured resets have numbers that nobody takes; they were left out.");
    }
    if (guest.script.jumps() + peer.script.jumps() > 0) {
      notes.add(
          "Some captured segments have sequence numbers far from all others; they were left out.");
    }
    return notes;
  }
}
