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
  private static final long FIRST_RTO = 1_000 * MILLI;
  private static final long SHORTEST_RTO = 200 * MILLI; // as Linux, not RFC 6298's second
  private static final long LONGEST_RTO = 120_000 * MILLI;
  private static final long DELAYED_ACK = 40 * MILLI;
  private static final int DUPLICATES = 3;
  private static final int MTU = 1_500;
  private static final byte[] NOTHING = {};

  final TcpConnection connection;
  final @Nullable Machine machine;
  final Script script = new Script();
  final Progress progress;
  private final SegmentBuilder builder;
  private final VirtualTime time;
  private final SendQueue queue = new SendQueue();
  private final Received received = new Received();
  private final byte[] options = new byte[40];
  private @Nullable TcpEnd other;

  // sending
  private long una;
  private long max;
  private long sendEdge;
  private boolean heard;
  private boolean spoke;
  private long pipe;
  private long window = Long.MAX_VALUE;
  private long threshold = Long.MAX_VALUE;
  private int duplicates;
  private long recoverUpTo;
  private boolean recovering;
  private int pathMtu = MTU;
  private long roundTrip;
  private long variation;
  private long rto = FIRST_RTO;
  private int backoff;
  private long satisfiedAt = NEVER;
  private long heardAt;

  // receiving
  private int recentTimestamp;
  private boolean hasRecentTimestamp;
  private int unacknowledged;
  private long announcedEdge;

  // timers
  private long retransmitAt = NEVER;
  private long acknowledgeAt = NEVER;
  private long writeAt = NEVER;
  private long planned = NEVER;
  private boolean pumpQueued;

  private boolean sentReset;
  private boolean dead;
  long retransmissions;
  long timeouts;
  long badChecksums;
  long oldTimestamps;

  TcpEnd(
      TcpConnection connection,
      @Nullable Machine machine,
      SegmentBuilder builder,
      VirtualTime time) {
    this.connection = connection;
    this.machine = machine;
    this.builder = builder;
    this.time = time;
    this.progress = new Progress(connection);
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
      script.waiting -= next.length;
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
    return Math.max(write.time, satisfiedAt > write.time ? satisfiedAt + write.thought : 0);
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
    emit(max, null, 0, PacketView.RST | PacketView.ACK);
    connection.ended(this);
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
    while (!dead) {
      Chunk lost = queue.firstLost();
      Chunk chunk = lost != null ? lost : queue.firstUnsent();
      if (chunk == null || isSynAwaited(chunk) || (lost == null && isBeyondWindow(chunk))) {
        break;
      }
      if (pipe > 0 && pipe + chunk.length > window) {
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
    if (chunk.sent) {
      chunk.again = true;
      retransmissions++;
    } else {
      queue.sentOne();
    }
    chunk.sent = true;
    chunk.lost = false;
    chunk.sentAt = time.nanoTime();
    pipe += chunk.length;
    max = Math.max(max, chunk.end());
    int flags = spokenFlags();
    if (!chunk.isData()) {
      flags |= chunk.start == 0 && !script.midStream ? PacketView.SYN : PacketView.FIN;
    } else if (chunk.push) {
      flags |= PacketView.PSH;
    }
    spoke = true;
    emit(chunk.start, chunk, chunk.length, flags);
    if (retransmitAt == NEVER) {
      startTimer();
    }
  }

  private int spokenFlags() {
    return other().script.baseKnown && (script.midStream || received.next() > 0)
        ? PacketView.ACK
        : 0;
  }

  /** Writes a segment and hands it to the network. */
  private void emit(long position, @Nullable Chunk chunk, int length, int flags) {
    TcpEnd to = other();
    boolean syn = (flags & PacketView.SYN) != 0;
    int optionBytes = options(syn);
    byte[] data = chunk == null || chunk.data == null ? NOTHING : chunk.data;
    int dataLength = data.length == 0 ? 0 : length;
    announcedEdge = Math.max(announcedEdge, Math.max(script.edge, received.next()));
    int scale = syn ? 0 : script.scale(to.script);
    long open = announcedEdge - received.next();
    int windowField = (int) Math.min(0xffff, open + (1L << scale) - 1 >> scale);
    int most = Math.max(1, Math.min(builder.room(pathMtu, optionBytes), mssOf(to.script)));
    ByteBuf packet =
        builder.segment(
            script.sequence(position),
            (flags & PacketView.ACK) == 0 ? 0 : to.script.sequence(received.next()),
            flags,
            windowField,
            options,
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

  /** What the other end's handshake has said, or what it was seen to take. */
  private int mssOf(Script to) {
    return to.mss > 0 ? to.mss : MTU;
  }

  private int options(boolean syn) {
    int at = 0;
    Script to = other().script;
    if (syn) {
      if (script.mss > 0) {
        at = option(at, TcpOptions.MSS, 4);
        put16(at - 2, script.mss);
      }
      if (script.sackPermitted) {
        at = option(at, TcpOptions.SACK_PERMITTED, 2);
      }
      if (script.windowScale >= 0) {
        at = option(at, TcpOptions.WINDOW_SCALE, 3);
        options[at - 1] = (byte) script.windowScale;
      }
    }
    if (script.timestamps) {
      options[at++] = TcpOptions.NOP;
      options[at++] = TcpOptions.NOP;
      at = option(at, TcpOptions.TIMESTAMPS, 10);
      long millis = (time.nanoTime() - script.firstTimestampAt) / MILLI;
      put32(at - 8, script.firstTimestamp + (int) millis);
      put32(at - 4, recentTimestamp);
    }
    if (!syn && script.sackPermitted && to.sackPermitted) {
      at = received.sackBlocks(options, at, to);
    }
    while (at % 4 != 0) {
      options[at++] = TcpOptions.NOP;
    }
    return at;
  }

  private int option(int at, int kind, int length) {
    options[at] = (byte) kind;
    options[at + 1] = (byte) length;
    return at + length;
  }

  private void put16(int at, int value) {
    options[at] = (byte) (value >> 8);
    options[at + 1] = (byte) value;
  }

  private void put32(int at, int value) {
    put16(at, value >> 16);
    put16(at + 2, value);
  }

  private void acknowledge() {
    if (canSpeak()) {
      emit(max, null, 0, PacketView.ACK);
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
    if (dead) {
      return;
    }
    Script from = other().script;
    int flags = view.tcpFlags();
    long at = received.next() + ((int) view.tcpSequence() - from.sequence(received.next()));
    int length = view.tcpSequenceLength();
    if ((flags & PacketView.RST) != 0) {
      if (at >= received.next() && at <= Math.max(announcedEdge, received.next())) {
        dead = true;
        connection.resetArrived(this, other().sentReset);
      }
      return;
    }
    if (hasRecentTimestamp && told.hasTimestamps && told.value - recentTimestamp < 0) {
      oldTimestamps++; // RFC 7323 section 5.3 R1
      acknowledge();
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
    int length = view.tcpPayloadLength();
    if (length == 0) {
      return;
    }
    long syn = (view.tcpFlags() & PacketView.SYN) != 0 ? 1 : 0;
    int skip = (int) Math.max(0, received.next() - at - syn);
    if (skip < length) {
      long wrong =
          other()
              .queue
              .mismatch(
                  at + syn + skip, view.buffer(), view.tcpPayloadStart() + skip, length - skip);
      if (wrong >= 0) {
        connection.corrupted(this, wrong - (other().script.midStream ? 0 : 1));
      }
    }
  }

  private void acknowledged(PacketView view, TcpOptions told, boolean isPure) {
    long upTo = una + ((int) view.tcpAcknowledgment() - script.sequence(una));
    if (upTo > max) {
      return; // of something that was never sent
    }
    boolean syn = (view.tcpFlags() & PacketView.SYN) != 0;
    Script from = other().script;
    long edge = upTo + ((long) view.tcpWindow() << (syn ? 0 : from.scale(script)));
    boolean opened = edge > sendEdge;
    sendEdge = Math.max(sendEdge, edge);
    heard = true;
    boolean sacked = selective(told);
    if (upTo > una) {
      advance(upTo);
    } else if (upTo == una && isPure && pipe > 0 && (!opened || sacked)) {
      duplicates++;
    }
    findLost(upTo);
  }

  private boolean selective(TcpOptions told) {
    boolean news = false;
    for (int block = 0; block < told.blocks; block++) {
      long from = una + (told.blockStart[block] - script.sequence(una));
      long to = una + (told.blockEnd[block] - script.sequence(una));
      for (int i = 0; i < queue.sentCount() && from < to; i++) {
        Chunk chunk = queue.get(i);
        if (chunk.start >= to) {
          break;
        }
        if (chunk.start >= from && chunk.end() <= to && !chunk.sacked) {
          pipe -= chunk.isInFlight() ? chunk.length : 0;
          chunk.sacked = true;
          chunk.lost = false;
          news = true;
        }
      }
    }
    return news;
  }

  private void advance(long upTo) {
    long bytes = upTo - una;
    una = upTo;
    duplicates = 0;
    long measured = -1;
    while (!queue.isEmpty() && queue.get(0).end() <= upTo) {
      Chunk chunk = queue.get(0);
      pipe -= chunk.isInFlight() ? chunk.length : 0;
      measured = chunk.again ? -1 : time.nanoTime() - chunk.sentAt;
      queue.remove();
    }
    if (measured >= 0) {
      measure(measured);
    }
    backoff = 0;
    if (window != Long.MAX_VALUE && !recovering) {
      int mss = builder.room(MTU, 0);
      window += window < threshold ? bytes : Math.max(1, mss * bytes / Math.max(1, window));
    }
    if (recovering && upTo >= recoverUpTo) {
      recovering = false;
    } else if (recovering && !queue.isEmpty() && !queue.get(0).sacked) {
      lose(queue.get(0)); // RFC 6582: a partial acknowledgment shows the next hole
    }
    retransmitAt = NEVER;
    if (!queue.isEmpty()) {
      startTimer();
    }
  }

  private void lose(Chunk chunk) {
    if (chunk.isInFlight() && !(chunk.again && time.nanoTime() - chunk.sentAt < roundTrip)) {
      pipe -= chunk.length;
      chunk.lost = true;
    }
  }

  /** RFC 6675 section 5: three segments above it were heard of, so it is lost. */
  private void findLost(long upTo) {
    int above = 0;
    for (int i = queue.sentCount() - 1; i >= 0; i--) {
      Chunk chunk = queue.get(i);
      if (chunk.sacked) {
        above++;
      } else if (above >= DUPLICATES && !chunk.again) {
        lose(chunk);
      }
    }
    boolean first = duplicates == DUPLICATES && !queue.isEmpty() && upTo == una;
    if (first && !recovering) {
      lose(queue.get(0));
    }
    if (queue.firstLost() != null && !recovering) {
      recovering = true;
      recoverUpTo = max;
      threshold = Math.max(pipe / 2, 2L * builder.room(MTU, 0));
      window = threshold;
    }
  }

  /** RFC 6298 section 2. */
  private void measure(long sample) {
    if (roundTrip == 0) {
      roundTrip = sample;
      variation = sample / 2;
    } else {
      variation = (3 * variation + Math.abs(roundTrip - sample)) / 4;
      roundTrip = (7 * roundTrip + sample) / 8;
    }
    rto = Math.min(LONGEST_RTO, Math.max(SHORTEST_RTO, roundTrip + 4 * variation));
  }

  /** The network says that a packet of it was too big. */
  void tooBig(int mtu) {
    pathMtu = Math.max(576, Math.min(pathMtu, mtu));
    for (int i = 0; i < queue.sentCount(); i++) {
      lose(queue.get(i));
    }
    send();
  }

  // ---- timers ----

  private void startTimer() {
    retransmitAt = time.nanoTime() + Math.min(LONGEST_RTO, rto << Math.min(backoff, 20));
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
    if (dead) {
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
      retransmitAt = NEVER;
      timeout();
    }
    schedule();
  }

  private void timeout() {
    if (queue.isEmpty()) {
      return;
    }
    timeouts++;
    backoff++;
    if (pipe == 0 && queue.firstLost() == null) {
      // the window is closed: RFC 9293 section 3.8.6.1
      if (canSpeak()) {
        emit(una - 1, null, 0, PacketView.ACK);
      }
      startTimer();
      return;
    }
    threshold = Math.max(pipe / 2, 2L * builder.room(MTU, 0));
    window = builder.room(MTU, 0);
    recovering = true;
    recoverUpTo = max;
    for (int i = 0; i < queue.sentCount(); i++) {
      Chunk chunk = queue.get(i);
      if (chunk.isInFlight()) {
        chunk.lost = true;
      }
    }
    pipe = 0;
    send();
  }

  // ---- at the end ----

  /** The other end has everything that this one's script says. */
  boolean isDelivered() {
    return dead || (script.writes.isEmpty() && other().received.next() >= script.next());
  }

  /** Bytes that the other end has got. */
  long deliveredBytes() {
    long end = script.next() - (script.finSeen() ? 1 : 0);
    return Math.max(0, Math.min(end, other().received.next()) - (script.midStream ? 0 : 1));
  }

  boolean isDead() {
    return dead;
  }

  boolean sentReset() {
    return sentReset;
  }
}
