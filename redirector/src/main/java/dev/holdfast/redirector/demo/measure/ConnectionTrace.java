package dev.holdfast.redirector.demo.measure;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;

/**
 * One connection as a tap beside the peer saw it, in order of capture.
 *
 * <p>Sequence numbers are unwrapped to 64 bits, so that they can be compared; their origin is
 * arbitrary.
 *
 * @param segments in the order in which they were captured
 */
public record ConnectionTrace(List<Segment> segments) {

  public ConnectionTrace {
    segments = List.copyOf(segments);
  }

  /**
   * One captured packet.
   *
   * @param epochNanos when
   * @param fromService false: the peer sent it
   * @param end the sequence number after its last one
   * @param acknowledged up to where its sender has received; -1 without ACK
   * @param payload bytes
   */
  public record Segment(
      long epochNanos, boolean fromService, long end, long acknowledged, int payload) {}

  /** Turns 32-bit numbers, one after the other, into 64-bit ones. */
  static final class Builder {
    private static final long ORIGIN = 1L << 40; // below it is room for what came out of order

    private final List<Segment> segments = new ArrayList<>();
    private long fromService = ORIGIN;
    private long fromPeer = ORIGIN;
    private boolean serviceKnown;
    private boolean peerKnown;

    void add(
        long epochNanos,
        boolean isFromService,
        int sequence,
        int acknowledgement,
        int payload,
        int flags) {
      int more =
          payload + ((flags & TcpHeader.SYN) != 0 ? 1 : 0) + ((flags & TcpHeader.FIN) != 0 ? 1 : 0);
      boolean hasAck = (flags & TcpHeader.ACK) != 0;
      long start = isFromService ? service(sequence) : peer(sequence);
      long acknowledged =
          !hasAck ? -1 : isFromService ? peer(acknowledgement) : service(acknowledgement);
      segments.add(new Segment(epochNanos, isFromService, start + more, acknowledged, payload));
    }

    private long service(int number) {
      fromService = serviceKnown ? nearest(fromService, number) : ORIGIN | (number & 0xffff_ffffL);
      serviceKnown = true;
      return fromService;
    }

    private long peer(int number) {
      fromPeer = peerKnown ? nearest(fromPeer, number) : ORIGIN | (number & 0xffff_ffffL);
      peerKnown = true;
      return fromPeer;
    }

    /** The number with these low 32 bits that is nearest to {@code last}. */
    private static long nearest(long last, int number) {
      return last + (number - (int) last);
    }

    ConnectionTrace build() {
      return new ConnectionTrace(segments);
    }
  }

  /** How far both sides were at one moment. */
  private record Standing(long peerSent, long peerAcknowledged, long serviceSent) {}

  private Standing standingAt(long epochNanos) {
    long peerSent = 0;
    long peerAcknowledged = 0;
    long serviceSent = 0;
    for (Segment each : segments) {
      if (each.epochNanos() >= epochNanos) {
        break;
      }
      if (each.fromService()) {
        serviceSent = Math.max(serviceSent, each.end());
        peerAcknowledged = Math.max(peerAcknowledged, each.acknowledged());
      } else {
        peerSent = Math.max(peerSent, each.end());
      }
    }
    return new Standing(peerSent, peerAcknowledged, serviceSent);
  }

  /** Whether the peer had sent something by then that was not acknowledged. */
  public boolean peerWaitsAt(long epochNanos) {
    Standing standing = standingAt(epochNanos);
    return standing.peerSent() > standing.peerAcknowledged();
  }

  /**
   * How long after {@code release} the service first acknowledged more than it had before.
   *
   * @return nanoseconds; empty when the peer waited for nothing then, or has waited in vain
   */
  public OptionalLong recovery(long release) {
    Standing standing = standingAt(release);
    if (standing.peerSent() <= standing.peerAcknowledged()) {
      return OptionalLong.empty();
    }
    return segments.stream()
        .filter(each -> each.epochNanos() >= release && each.fromService())
        .filter(each -> each.acknowledged() > standing.peerAcknowledged())
        .mapToLong(each -> each.epochNanos() - release)
        .findFirst();
  }

  /**
   * How long after {@code release} the service first sent bytes that it had not sent before.
   *
   * @return nanoseconds; empty when it never did
   */
  public OptionalLong firstNewData(long release) {
    long sent = standingAt(release).serviceSent();
    return segments.stream()
        .filter(each -> each.epochNanos() >= release && each.fromService())
        .filter(each -> each.payload() > 0 && each.end() > sent)
        .mapToLong(each -> each.epochNanos() - release)
        .findFirst();
  }

  /** The longest time within the window, its ends included, in which nothing was captured. */
  public long longestSilence(long from, long to) {
    long longest = 0;
    long last = from;
    for (Segment each : segments) {
      if (each.epochNanos() <= from) {
        continue;
      }
      long now = Math.min(each.epochNanos(), to);
      longest = Math.max(longest, now - last);
      last = now;
      if (now == to) {
        break;
      }
    }
    return Math.max(longest, to - last);
  }

  /**
   * The shortest time in the window from bytes of the peer to their acknowledgement.
   *
   * @return nanoseconds; empty when there was none
   */
  public OptionalLong roundTrip(long from, long to) {
    long shortest = Long.MAX_VALUE;
    long awaited = -1;
    long sentAt = 0;
    long peerSent = standingAt(from).peerSent();
    for (Segment each : segments) {
      if (each.epochNanos() < from || each.epochNanos() > to) {
        continue;
      }
      if (!each.fromService()) {
        if (awaited < 0 && each.end() > peerSent) {
          awaited = each.end();
          sentAt = each.epochNanos();
        } else if (awaited >= 0 && each.payload() > 0 && each.end() <= awaited) {
          awaited = -1; // sent again: which of the two was acknowledged is not known
        }
        peerSent = Math.max(peerSent, each.end());
      } else if (awaited >= 0 && each.acknowledged() >= awaited) {
        shortest = Math.min(shortest, each.epochNanos() - sentAt);
        awaited = -1;
      }
    }
    return shortest == Long.MAX_VALUE ? OptionalLong.empty() : OptionalLong.of(shortest);
  }
}
