package dev.holdfast.redirector.replay;

import dev.holdfast.redirector.replay.SendQueue.Chunk;
import dev.holdfast.tunnel.packet.PacketView;
import org.jspecify.annotations.Nullable;

/**
 * What one end has sent and not yet heard of: how much is on its way, what of it is lost, and how
 * much more may follow (RFC 5681, RFC 6675; RFC 6582 without SACK; RFC 6298 for the timer).
 *
 * <p>Until something is lost there is no congestion window: the capture has the times at which its
 * own let the sender send.
 */
final class Flight {
  private static final long MILLI = 1_000_000L;
  private static final long FIRST_RTO = 1_000 * MILLI;
  private static final long SHORTEST_RTO = 200 * MILLI; // as Linux, not RFC 6298's second
  private static final long LONGEST_RTO = 120_000 * MILLI;
  private static final int DUPLICATES = 3;

  final SendQueue queue = new SendQueue();
  private final int segment;
  private final WaitingBytes memory;
  private long una;
  private long max;
  private long pipe;
  private int lost;
  private int sacked;
  private long window = Long.MAX_VALUE;
  private long threshold = Long.MAX_VALUE;
  private int duplicates;
  private boolean recovering;
  private long recoverUpTo;
  private long roundTrip;
  private long variation;
  private long rto = FIRST_RTO;
  private int backoff;

  /**
   * @param segment bytes of a usual one
   * @param memory is told what is on its way
   */
  Flight(int segment, WaitingBytes memory) {
    this.segment = segment;
    this.memory = memory;
  }

  private void pipe(long change) {
    pipe += change;
    memory.inFlight(change);
  }

  /** The first position that is not acknowledged. */
  long una() {
    return una;
  }

  /** Behind the last position that was ever sent. */
  long max() {
    return max;
  }

  /** Bytes on their way. */
  long pipe() {
    return pipe;
  }

  /** What is to be sent again next; null where nothing is. */
  @Nullable Chunk firstLost() {
    return lost == 0 ? null : queue.firstLost();
  }

  /** Whether congestion control lets this one go now. */
  boolean hasRoomFor(Chunk chunk) {
    return pipe == 0 || (pipe + chunk.length <= window && memory.hasRoomFor(chunk.length));
  }

  /**
   * It is sent now.
   *
   * @return whether that was once more
   */
  boolean sent(Chunk chunk, long now) {
    boolean again = chunk.sent;
    if (again) {
      chunk.again = true;
    } else {
      queue.sentOne();
    }
    lost -= chunk.lost ? 1 : 0;
    chunk.sent = true;
    chunk.lost = false;
    chunk.sentAt = now;
    pipe(chunk.length);
    max = Math.max(max, chunk.end());
    return again;
  }

  /**
   * The other end has said what it has.
   *
   * @param upTo everything before this
   * @param told which blocks beside that
   * @param mayRepeat whether it is the sort of segment that says by its coming alone that another
   *     one came before its turn
   * @return whether it has anything that it had not before
   */
  boolean acknowledged(
      long upTo, TcpOptions told, Script numbers, boolean mayRepeat, boolean hasSack, long now) {
    boolean news = selective(told, numbers);
    boolean advanced = upTo > una;
    if (advanced) {
      advance(upTo, numbers, hasSack, now);
    } else if (upTo == una && pipe > 0 && (mayRepeat || news)) {
      duplicates++;
    }
    findLost(upTo, now);
    return advanced;
  }

  /** RFC 9293 section 3.10.7.3: a reset in SYN-SENT is known by what it acknowledges. */
  boolean isRefused(PacketView reset, Script numbers) {
    long upTo = una + ((int) reset.tcpAcknowledgment() - numbers.sequence(una));
    return (reset.tcpFlags() & PacketView.ACK) != 0 && upTo > una && upTo <= max;
  }

  private boolean selective(TcpOptions told, Script numbers) {
    boolean news = false;
    for (int block = 0; block < told.blocks; block++) {
      long from = una + (told.blockStart[block] - numbers.sequence(una));
      long to = una + (told.blockEnd[block] - numbers.sequence(una));
      for (int i = 0; i < queue.sentCount() && from < to; i++) {
        Chunk chunk = queue.get(i);
        if (chunk.start >= to) {
          break;
        }
        if (chunk.start >= from && chunk.end() <= to && !chunk.sacked) {
          pipe(chunk.isInFlight() ? -chunk.length : 0);
          lost -= chunk.lost ? 1 : 0;
          chunk.sacked = true;
          chunk.lost = false;
          sacked++;
          news = true;
        }
      }
    }
    return news;
  }

  private void advance(long upTo, Script script, boolean hasSack, long now) {
    long bytes = upTo - una;
    una = upTo;
    duplicates = 0;
    backoff = 0;
    long measured = -1;
    while (!queue.isEmpty() && queue.get(0).end() <= upTo) {
      Chunk chunk = queue.get(0);
      pipe(chunk.isInFlight() ? -chunk.length : 0);
      lost -= chunk.lost ? 1 : 0;
      sacked -= chunk.sacked ? 1 : 0;
      measured = chunk.again ? -1 : now - chunk.sentAt; // Karn: of a repeated one nobody knows
      script.giveBack(chunk.data, chunk.length);
      queue.remove();
    }
    if (measured >= 0) {
      measure(measured);
    }
    if (window != Long.MAX_VALUE && !recovering) {
      window += window < threshold ? bytes : Math.max(1, segment * bytes / Math.max(1, window));
    }
    if (recovering && upTo >= recoverUpTo) {
      recovering = false;
    } else if (recovering && !hasSack && !queue.isEmpty() && queue.get(0).start >= upTo) {
      lose(queue.get(0), now); // RFC 6582 section 3.2: a partial one shows the next hole
    }
  }

  /** One that was sent again is given a round trip before it counts as lost once more. */
  private void lose(Chunk chunk, long now) {
    if (chunk.isInFlight() && !(chunk.again && now - chunk.sentAt < roundTrip)) {
      pipe(-chunk.length);
      lost++;
      chunk.lost = true;
    }
  }

  /** RFC 6675 section 5: of three segments above it the other end has spoken, so it is lost. */
  private void findLost(long upTo, long now) {
    if (sacked >= DUPLICATES) {
      int above = 0;
      for (int i = queue.sentCount() - 1; i >= 0; i--) {
        Chunk chunk = queue.get(i);
        if (chunk.sacked) {
          above++;
        } else if (above >= DUPLICATES && !chunk.again) {
          lose(chunk, now);
        }
      }
    }
    if (duplicates == DUPLICATES && !queue.isEmpty() && upTo == una && !recovering) {
      lose(queue.get(0), now);
    }
    if (lost > 0 && !recovering) {
      recovering = true;
      recoverUpTo = max;
      threshold = Math.max(pipe / 2, 2L * segment);
      window = threshold;
    }
  }

  /** Segments of more data than this do not pass: those on their way are lost. */
  void tooLong(int data, long now) {
    for (int i = 0; i < queue.sentCount(); i++) {
      if (queue.get(i).length > data) {
        lose(queue.get(i), now);
      }
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

  /** Nothing of it will be sent or compared any more. */
  void forget(Script script) {
    for (; !queue.isEmpty(); queue.remove()) {
      script.giveBack(queue.get(0).data, queue.get(0).length);
    }
    pipe(-pipe);
    lost = 0;
    sacked = 0;
  }

  /** How often in a row nothing was heard. */
  int repeats() {
    return backoff;
  }

  /** How long to wait for an acknowledgment, nanoseconds. */
  long patience() {
    return Math.min(LONGEST_RTO, rto << Math.min(backoff, 20));
  }

  /**
   * Nothing was heard for that long.
   *
   * @return false where nothing is on its way: the other end's window is closed
   */
  boolean timedOut() {
    backoff++;
    if (pipe == 0 && lost == 0) {
      return false;
    }
    threshold = Math.max(pipe / 2, 2L * segment);
    window = segment;
    recovering = true;
    recoverUpTo = max;
    for (int i = 0; i < queue.sentCount(); i++) {
      Chunk chunk = queue.get(i);
      if (chunk.isInFlight()) {
        chunk.lost = true;
        lost++;
      }
    }
    pipe(-pipe);
    return true;
  }
}
