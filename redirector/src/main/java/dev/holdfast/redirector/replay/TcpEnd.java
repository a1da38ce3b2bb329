package dev.holdfast.redirector.replay;

import dev.holdfast.redirector.replay.Script.Kind;
import dev.holdfast.redirector.replay.Script.Write;
import dev.holdfast.redirector.replay.SendQueue.Chunk;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/**
 * One end of a re-enacted TCP connection: writes what its {@link Script} says, and sends, repeats,
 * acknowledges and waits as a kernel does (RFC 9293; RFC 6298 for the timer; RFC 2018 and RFC 6675
 * for what is lost; RFC 7323 for time stamps). Its sending is limited by the captured windows, and
 * by congestion control only after something was lost: until then the capture has the times at
 * which its own congestion control let it send.
 */
final class TcpEnd {
  private static final long MILLI = 1_000_000L;
  private static final long NEVER = Long.MAX_VALUE;
  private static final long DELAYED_ACK = 40 * MILLI;
  private static final int MTU = 1_500;
  private static final int SMALLEST_MSS = 88; // as Linux: less would be all header
  private static final int MOST_REPEATS = 15; // Linux' tcp_retries2
  private static final int MOST_SYNS = 6;
  private static final byte[] NOTHING = {};

  final TcpConnection connection;
  final @Nullable Machine machine;
  final Script script;
  final Progress progress;
  private final SegmentBuilder builder;
  private final VirtualTime time;
  private final Flight flight;
  private final SendQueue queue;
  private final OptionWriter options;
  private final Received received = new Received();
  private @Nullable TcpEnd other;

  // sending
  private long sendEdge;
  private boolean heard;
  private boolean spoke;
  private int pathMtu = MTU;
  private long satisfiedAt = NEVER;
  private long heardAt;

  // receiving
  private int recentTimestamp;
  private boolean hasRecentTimestamp;
  private int unacknowledged;
  private long announcedEdge;

  // timers
  private long retransmitAt = NEVER;
  private long armedAt;
  private long acknowledgeAt = NEVER;
  private long writeAt = NEVER;
  private long planned = NEVER;
  private boolean pumpQueued;

  private boolean sentReset;
  private boolean dead;

  /** It sends no more and hears no more; what it has not delivered, it never will. */
  boolean silent;

  long retransmissions;
  long badChecksums;
  long oldTimestamps;

  TcpEnd(
      TcpConnection connection,
      @Nullable Machine machine,
      SegmentBuilder builder,
      VirtualTime time,
      WaitingBytes memory) {
    this.connection = connection;
    this.script = new Script(memory);
    this.options = new OptionWriter(script);
    this.machine = machine;
    this.builder = builder;
    this.time = time;
    this.progress = new Progress(connection.pauses);
    this.flight = new Flight(builder.room(MTU, 0), memory);
    this.queue = flight.queue;
  }

  void connect(TcpEnd to) {
    other = to;
  }

  private TcpEnd other() {
    TcpEnd known = other;
    if (known == null) {
      throw new IllegalStateException("an end without another");
    }
    return known;
  }

  // ---- what the capture lets it do ----

  /** The script has something new. */
  void pump() {
    if (!connection.isPlayed()) {
      return;
    }
    if (machine != null && !machine.isRunning()) {
      if (!pumpQueued) {
        pumpQueued = true;
        machine.whenRunning(() -> {
          pumpQueued = false;
          pump();
        });
      }
      return;
    }
    long now = time.nanoTime();
    boolean wrote = false;
    for (Write next = script.writes.peek(); next != null && !dead; next = script.writes.peek()) {
      if (received.next() < next.heard) {
        break;
      }
      long due = due(next);
      if (due > now) {
        writeAt = due;
        schedule();
        break;
      }
      script.writes.remove();
      satisfiedAt = NEVER;
      writeAt = NEVER;
      write(next);
      wrote = true;
    }
    if (wrote) {
      noteWaiting();
      send();
    }
    tellOfWindow();
  }

  /**
   * When a write happens: as captured, or so long after this end has heard what it answers as it
   * took in the capture.
   */
  private long due(Write write) {
    if (satisfiedAt == NEVER) {
      satisfiedAt = heardAt;
    }
    long own = machine == null ? write.time : machine.afterPause(write.time);
    return Math.max(own, satisfiedAt > write.time ? satisfiedAt + write.thought : 0);
  }

  private void write(Write write) {
    if (write.kind == Kind.RESET) {
      reset();
      return;
    }
    queue.add(new Chunk(write.start, write.length, write.data, write.push));
  }

  private void reset() {
    sentReset = true;
    dead = true;
    spoke = true;
    emit(flight.max(), null, 0, PacketView.RST | PacketView.ACK);
    connection.ended();
  }

  /** There is something that the other end has not got. */
  private void noteWaiting() {
    if (isOutstanding()) {
      progress.waits(time.nanoTime());
    }
  }

  private boolean isOutstanding() {
    return !queue.isEmpty() && queue.get(queue.size() - 1).end() > other().received.next();
  }

  /** The other end's application reads again, and it was at the edge of what it would take. */
  private void tellOfWindow() {
    if (canSpeak()
        && script.edge > announcedEdge
        && announcedEdge - received.next() < builder.room(MTU, 0)
        && heard) {
      acknowledge();
    }
  }

  // ---- sending ----

  private boolean canSpeak() {
    return script.baseKnown && !dead && (script.midStream || spoke);
  }

  /** Sends what may be sent. */
  private void send() {
    while (!dead && !silent) {
      Chunk lost = flight.firstLost();
      Chunk chunk = lost != null ? lost : queue.firstUnsent();
      if (chunk == null || isSynAwaited(chunk) || (lost == null && isBeyondWindow(chunk))) {
        break;
      }
      if (!flight.hasRoomFor(chunk)) {
        break;
      }
      transmit(chunk);
    }
    if (retransmitAt == NEVER && !queue.isEmpty() && !dead) {
      startTimer(); // also where the window is closed: then it is the persist timer
    }
  }

  private boolean isSynAwaited(Chunk chunk) {
    Chunk first = queue.get(0);
    return first != chunk && !script.midStream && first.start == 0;
  }

  private boolean isBeyondWindow(Chunk chunk) {
    if (!chunk.isData()) {
      return false;
    }
    long edge = heard ? sendEdge : Math.max(sendEdge, other().script.edge);
    return chunk.end() > edge;
  }

  private void transmit(Chunk chunk) {
    if (flight.sent(chunk, time.nanoTime())) {
      retransmissions++;
    }
    boolean heardOf = other().script.baseKnown && (script.midStream || received.next() > 0);
    int flags = heardOf ? PacketView.ACK : 0;
    if (!chunk.isData()) {
      flags |= chunk.start == 0 && !script.midStream ? PacketView.SYN : PacketView.FIN;
    } else if (chunk.push) {
      flags |= PacketView.PSH;
    }
    spoke = true;
    emit(chunk.start, chunk, chunk.length, flags);
  }

  /** Writes a segment and hands it to the network. */
  private void emit(long position, @Nullable Chunk chunk, int length, int flags) {
    TcpEnd to = other();
    boolean syn = (flags & PacketView.SYN) != 0;
    int optionBytes = options.write(syn, to.script, received, recentTimestamp, time.nanoTime());
    byte[] data = chunk == null || chunk.data == null ? NOTHING : chunk.data;
    int dataLength = data.length == 0 ? 0 : length;
    announcedEdge = Math.max(announcedEdge, Math.max(script.edge, received.next()));
    int scale = syn ? 0 : script.scale(to.script);
    long open = announcedEdge - received.next();
    int windowField = (int) Math.min(0xffff, open + (1L << scale) - 1 >> scale);
    int most =
        Math.max(
            1,
            Math.min(
                builder.room(pathMtu, optionBytes),
                to.script.mss > 0 ? Math.max(SMALLEST_MSS, to.script.mss) : MTU));
    ByteBuf packet =
        builder.segment(
            script.sequence(position),
            (flags & PacketView.ACK) == 0 ? 0 : to.script.sequence(received.next()),
            flags,
            windowField,
            options.bytes,
            optionBytes,
            data,
            0,
            dataLength,
            most);
    if ((flags & PacketView.ACK) != 0) {
      unacknowledged = 0;
      acknowledgeAt = NEVER;
    }
    connection.send(this, packet);
  }

  private void acknowledge() {
    if (canSpeak()) {
      emit(flight.max(), null, 0, PacketView.ACK);
    }
  }

  // ---- receiving ----

  /**
   * A segment has arrived.
   *
   * @param isSound whether its checksums are right; a kernel drops it otherwise
   */
  void arrived(PacketView view, TcpOptions told, boolean isSound) {
    if (!isSound) {
      badChecksums++;
      return;
    }
    if (dead || silent) {
      return;
    }
    Script from = other().script;
    int flags = view.tcpFlags();
    long at = received.next() + ((int) view.tcpSequence() - from.sequence(received.next()));
    int length = view.tcpSequenceLength();
    if ((flags & PacketView.RST) != 0) {
      boolean inWindow = at >= received.next() && at <= Math.max(announcedEdge, received.next());
      if (received.next() == 0 && !script.midStream ? flight.isRefused(view, script) : inWindow) {
        dead = true;
        connection.resetArrived(this, other().sentReset);
      }
      return;
    }
    boolean isOld = hasRecentTimestamp && told.hasTimestamps && told.value - recentTimestamp < 0;
    if (isOld) {
      oldTimestamps++; // RFC 7323 section 5.3 R1
    }
    boolean isFar = at > Math.max(announcedEdge, received.next()); // another connection's
    if (isOld || (length > 0 && isFar)) {
      if (length > 0) {
        acknowledge(); // who answers acknowledgments is answered for ever
      }
      return;
    }
    if (told.hasTimestamps && at <= received.next()) {
      recentTimestamp = told.value;
      hasRecentTimestamp = true;
    }
    if ((flags & PacketView.ACK) != 0) {
      acknowledged(view, told, length == 0);
    }
    if (length > 0) {
      data(view, at, length);
    } else if (at < received.next()) {
      acknowledge(); // a probe
    }
    send();
  }

  private void data(PacketView view, long at, int length) {
    long end = at + length;
    long before = received.next();
    if (end <= before) {
      acknowledge();
      return;
    }
    check(view, at);
    received.take(at, end);
    if (received.next() == before) {
      acknowledge();
      return;
    }
    heardAt = time.nanoTime();
    TcpEnd from = other();
    from.progress.delivered(time.nanoTime(), from.isOutstanding());
    connection.progressed(this);
    unacknowledged++;
    if (unacknowledged >= 2
        || received.hasGap()
        || length > builder.room(MTU, 0)
        || (view.tcpFlags() & (PacketView.SYN | PacketView.FIN)) != 0) {
      acknowledge();
    } else if (acknowledgeAt == NEVER) {
      acknowledgeAt = time.nanoTime() + DELAYED_ACK;
      schedule();
    }
    pump();
  }

  /** Its bytes against those that the other end has written. */
  private void check(PacketView view, long at) {
    long wrong = other().queue.mismatch(view, at, received.next());
    if (wrong >= 0) {
      connection.corrupted(this, wrong - (other().script.midStream ? 0 : 1));
    }
  }

  private void acknowledged(PacketView view, TcpOptions told, boolean isPure) {
    long una = flight.una();
    long upTo = una + ((int) view.tcpAcknowledgment() - script.sequence(una));
    if (upTo > flight.max()) {
      return; // of something that was never sent
    }
    boolean syn = (view.tcpFlags() & PacketView.SYN) != 0;
    Script from = other().script;
    long edge = upTo + ((long) view.tcpWindow() << (syn ? 0 : from.scale(script)));
    boolean opened = edge > sendEdge;
    sendEdge = Math.max(sendEdge, edge);
    heard = true;
    boolean advanced =
        flight.acknowledged(
            upTo, told, script, isPure && !opened, script.hasSack(from), time.nanoTime());
    if (advanced) {
      retransmitAt = NEVER;
      if (!queue.isEmpty()) {
        startTimer();
      }
    }
  }

  /** The network says that a packet of it was too big. */
  void tooBig(int mtu) {
    pathMtu = Math.max(576, Math.min(pathMtu, mtu));
    flight.tooLong(builder.room(pathMtu, 0), time.nanoTime());
    send();
  }

  // ---- timers ----

  private void startTimer() {
    armedAt = time.nanoTime();
    retransmitAt = armedAt + flight.patience();
    schedule();
  }

  private void schedule() {
    long next = Math.min(retransmitAt, Math.min(acknowledgeAt, writeAt));
    if (next < planned) {
      planned = next;
      time.at(next, () -> timer(next));
    }
  }

  private void timer(long at) {
    if (at == planned) {
      planned = NEVER;
    }
    if (machine != null && !machine.isRunning()) {
      machine.whenRunning(this::expire);
    } else {
      expire();
    }
  }

  private void expire() {
    if (dead || silent) {
      return;
    }
    long now = time.nanoTime();
    if (acknowledgeAt <= now) {
      acknowledgeAt = NEVER;
      acknowledge();
    }
    if (writeAt <= now) {
      writeAt = NEVER;
      pump();
    }
    if (retransmitAt <= now) {
      // a paused guest's timers stand still
      long paused = machine == null ? 0 : machine.pausedWithin(armedAt, now);
      if (retransmitAt + paused > now) {
        retransmitAt += paused;
        armedAt = now;
      } else {
        retransmitAt = NEVER;
        timeout();
      }
    }
    schedule();
  }

  private void timeout() {
    if (queue.isEmpty()) {
      return;
    }
    if (flight.repeats() > (script.midStream || received.next() > 0 ? MOST_REPEATS : MOST_SYNS)) {
      silent = true;
      connection.ended();
      return;
    }
    if (flight.timedOut()) {
      send();
      return;
    }
    if (canSpeak()) {
      emit(flight.una() - 1, null, 0, PacketView.ACK); // RFC 9293 section 3.8.6.1: a probe
    }
    startTimer();
  }

  // ---- at the end ----

  /** Its verdict was given. */
  void forget() {
    silent = true;
    script.forget();
    flight.forget(script);
  }

  /** The other end has everything that this one's script says. */
  boolean isDelivered() {
    return dead || (script.writes.isEmpty() && other().received.next() >= script.next());
  }

  /** Bytes that the other end has got. */
  long deliveredBytes() {
    long end = script.next() - (script.finSeen() ? 1 : 0);
    return Math.max(0, Math.min(end, other().received.next()) - (script.midStream ? 0 : 1));
  }
}
