package dev.holdfast.redirector.flow;

import dev.holdfast.redirector.flow.Flow.Handshake;
import dev.holdfast.tunnel.packet.PacketView;

/**
 * What a TCP segment says about its connection to one who watches both directions (RFC 9293
 * sections 3.4 and 3.10, read as a bystander).
 *
 * <p>Segments of the guest are taken at their word. The peer's may be forged by anybody who knows
 * the ports, so what only they say ends nothing: their FIN counts once the guest has acknowledged
 * it, and their RST must fall into the window as far as it is known.
 */
final class TcpTracking {
  /** How far from the last byte a RST may be where the receiver's window is not known. */
  private static final int RESET_SLACK = 65_535;

  /** RFC 7323 section 2.3. */
  private static final long GREATEST_WINDOW = 1L << 30;

  private static final int OPTION_END = 0;
  private static final int OPTION_NOP = 1;
  private static final int OPTION_WINDOW_SCALE = 3;
  private static final int MAX_SCALE = 14; // RFC 7323 section 2.3

  private TcpTracking() {}

  static boolean isPureSyn(PacketView segment) {
    return (segment.tcpFlags() & (PacketView.SYN | PacketView.ACK | PacketView.RST))
        == PacketView.SYN;
  }

  /**
   * True where this segment opens a new connection on the ports of an open one: a SYN in time-wait
   * (RFC 9293 section 3.6.1), or a SYN of the guest, which would not send one if the old connection
   * still lived. A peer's SYN may be forged or old; the guest's answer to it decides.
   */
  static boolean beginsAnew(Flow flow, PacketView segment, Direction direction) {
    int flags = segment.tcpFlags();
    if ((flags & PacketView.SYN) == 0 || (flags & PacketView.RST) != 0) {
      return false;
    }
    if (flow.tcpState() == TcpState.TIME_WAIT && (flags & PacketView.ACK) == 0) {
      return true;
    }
    boolean repeated =
        flow.hasSequence(direction)
            && flow.sequenceEnd(direction) == (int) segment.tcpSequence() + 1;
    return direction == Direction.FROM_GUEST && flow.handshake() == Handshake.DONE && !repeated;
  }

  /** Takes in one segment of a flow that has not ended. */
  static void track(Flow flow, PacketView segment, Direction direction) {
    int flags = segment.tcpFlags();
    if ((flags & PacketView.RST) != 0) {
      if (isPlausibleReset(flow, segment, direction)) {
        flow.end(direction == Direction.TO_GUEST ? FlowEnd.RESET_BY_PEER : FlowEnd.RESET_BY_GUEST);
      }
    } else if ((flags & PacketView.SYN) != 0) {
      onSyn(flow, segment, direction);
    } else {
      onSegment(flow, segment, direction);
    }
  }

  /** The first segment of a flow decides whether it is being opened or was met in mid-stream. */
  static void begin(Flow flow, PacketView segment, Direction direction) {
    int flags = segment.tcpFlags();
    if ((flags & (PacketView.SYN | PacketView.RST)) != PacketView.SYN) {
      return;
    }
    if ((flags & PacketView.ACK) != 0) {
      flow.handshake(Handshake.ANSWERED);
    } else {
      flow.handshake(
          direction == Direction.TO_GUEST ? Handshake.BEGUN_BY_PEER : Handshake.BEGUN_BY_GUEST);
    }
  }

  private static void onSyn(Flow flow, PacketView segment, Direction direction) {
    if (flow.handshake() == Handshake.DONE) {
      return; // old, forged, or of a connection to come: it moves nothing in this one
    }
    boolean answer = (segment.tcpFlags() & PacketView.ACK) != 0;
    flow.sequenceEnd(direction, (int) segment.tcpSequence() + segment.tcpSequenceLength());
    int scale = windowScale(segment);
    flow.scale(direction, Math.max(scale, 0));
    if (answer) {
      if (scale < 0) {
        flow.scale(direction.reverse(), 0); // both must say it, RFC 7323 section 2.2
      }
      flow.acknowledgment(direction, (int) segment.tcpAcknowledgment(), segment.tcpWindow());
      flow.handshake(Handshake.ANSWERED);
    }
  }

  private static void onSegment(Flow flow, PacketView segment, Direction direction) {
    flow.handshake(Handshake.DONE);
    int sequence = (int) segment.tcpSequence();
    int end = sequence + segment.tcpSequenceLength();
    if (!flow.hasSequence(direction) || end - flow.sequenceEnd(direction) > 0) {
      flow.sequenceEnd(direction, end);
    }
    if ((segment.tcpFlags() & PacketView.ACK) != 0) {
      onAcknowledgment(flow, (int) segment.tcpAcknowledgment(), segment.tcpWindow(), direction);
    }
    if ((segment.tcpFlags() & PacketView.FIN) != 0) {
      onFin(flow, end - 1, direction);
    }
  }

  private static void onAcknowledgment(
      Flow flow, int acknowledgment, int window, Direction direction) {
    Direction other = direction.reverse();
    if (flow.hasFin(other) && acknowledgment - (flow.fin(other) + 1) > 0) {
      if (direction == Direction.TO_GUEST) {
        return; // the guest sent nothing after its FIN, so no honest peer has acknowledged it
      }
      flow.forgetFin(other); // the guest has read on: that FIN was forged
    }
    if (!flow.hasAcknowledgment(direction)
        || acknowledgment - flow.acknowledgment(direction) >= 0) {
      flow.acknowledgment(direction, acknowledgment, window);
      if (direction == Direction.FROM_GUEST
          && flow.hasSequence(other)
          && acknowledgment - flow.sequenceEnd(other) > 0) {
        flow.sequenceEnd(other, acknowledgment); // segments passed that we have not seen
      }
    }
  }

  private static void onFin(Flow flow, int fin, Direction direction) {
    Direction other = direction.reverse();
    if (flow.isFinAcknowledged(direction)) {
      return;
    }
    if (flow.hasAcknowledgment(other) && fin + 1 - flow.acknowledgment(other) < 0) {
      if (direction == Direction.TO_GUEST) {
        return; // the guest has acknowledged bytes that would lie behind it: forged
      }
      flow.forgetAcknowledgment(other); // of bytes that the guest never sent: forged
    }
    flow.fin(direction, fin);
  }

  /**
   * RFC 9293 section 3.10.7.4 and RFC 5961 section 3: a RST outside the receiver's window is
   * ignored by the receiver, so it ends nothing. What is not known is not held against it.
   */
  private static boolean isPlausibleReset(Flow flow, PacketView segment, Direction direction) {
    Direction other = direction.reverse();
    int sequence = (int) segment.tcpSequence();
    boolean sent = flow.hasSequence(direction);
    if (!flow.hasAcknowledgment(other)) {
      int distance = sequence - flow.sequenceEnd(direction);
      return !sent || (distance >= -RESET_SLACK && distance <= RESET_SLACK);
    }
    int expected = flow.acknowledgment(other);
    int offset = sequence - expected;
    long furthest = flow.window(other);
    if (sent) {
      furthest = Math.max(furthest, flow.sequenceEnd(direction) - expected);
    }
    if (direction == Direction.FROM_GUEST) {
      // What it has sent may have left elsewhere, and the scale of the peer's window be unknown.
      furthest = Math.max(furthest, GREATEST_WINDOW);
    }
    return offset >= 0 && offset <= furthest;
  }

  /** The shift count of the SYN's window scale option; -1 where it has none. */
  private static int windowScale(PacketView syn) {
    int at = syn.transportStart() + 20;
    int end = syn.tcpPayloadStart();
    while (at < end) {
      int kind = syn.buffer().getUnsignedByte(at);
      if (kind == OPTION_END) {
        return -1;
      }
      if (kind == OPTION_NOP) {
        at++;
        continue;
      }
      if (at + 1 >= end) {
        return -1;
      }
      int length = syn.buffer().getUnsignedByte(at + 1);
      if (kind == OPTION_WINDOW_SCALE && length == 3 && at + 2 < end) {
        return Math.min(syn.buffer().getUnsignedByte(at + 2), MAX_SCALE);
      }
      at += Math.max(length, 2);
    }
    return -1;
  }
}
