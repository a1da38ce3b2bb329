package dev.holdfast.redirector.hold;

import dev.holdfast.redirector.flow.Direction;
import dev.holdfast.redirector.flow.Flow;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/** One packet in the hold queue, with what has to be known of it to weigh it against others. */
final class HeldPacket {
  /** What it is to its connection. */
  enum Kind {
    /** Takes sequence space: bytes, FIN. */
    DATA(true),
    SYN(true),
    RESET(true),
    PURE_ACK(false),
    /** Without bytes, from before the last byte: a keepalive or window probe wants an answer. */
    PROBE(false),
    /** Not TCP, a fragment, or TCP whose flow is not followed. */
    OTHER(false);

    /** It is kept by its sequence number; of the others there is one of each kind. */
    final boolean hasPlace;

    Kind(boolean hasPlace) {
      this.hasPlace = hasPlace;
    }
  }

  final long id;
  final long arrivalNanos;
  final int length;
  final Kind kind;
  final int sequence;
  final int sequenceLength;
  final int acknowledgment;
  private final int flags;
  final FlowQueue queue;

  /** Which data connection it takes. */
  final int lane;

  /** Null until it is certain that the packet stays. */
  @Nullable ByteBuf copy;

  boolean gone;

  /** For a super-packet: the newest retransmission of a part of it, held beside it. */
  @Nullable HeldPacket part;

  /** For such a retransmission: the super-packet. */
  @Nullable HeldPacket whole;

  HeldPacket(
      long id,
      long arrivalNanos,
      int length,
      PacketView packet,
      @Nullable Flow flow,
      FlowQueue queue,
      int lane) {
    this.id = id;
    this.arrivalNanos = arrivalNanos;
    this.length = length;
    this.queue = queue;
    this.lane = lane;
    if (flow == null || !packet.isTcp() || packet.isFragment()) {
      kind = Kind.OTHER;
      sequence = 0;
      sequenceLength = 0;
      acknowledgment = 0;
      flags = 0;
    } else {
      flags = packet.tcpFlags();
      sequence = (int) packet.tcpSequence();
      sequenceLength = packet.tcpSequenceLength();
      acknowledgment = (int) packet.tcpAcknowledgment();
      kind = kindOf(flow);
    }
  }

  private Kind kindOf(Flow flow) {
    if ((flags & PacketView.RST) != 0) {
      return Kind.RESET;
    }
    if ((flags & PacketView.SYN) != 0) {
      return Kind.SYN;
    }
    if (sequenceLength > 0) {
      return Kind.DATA;
    }
    boolean before =
        flow.hasSequence(Direction.TO_GUEST) && sequence - flow.sequenceEnd(Direction.TO_GUEST) < 0;
    return before ? Kind.PROBE : Kind.PURE_ACK;
  }

  boolean acknowledges() {
    return (flags & PacketView.ACK) != 0 && kind != Kind.RESET;
  }

  /** It ends something, and is kept before mere bytes. */
  boolean isFinOrReset() {
    return kind == Kind.RESET || (flags & PacketView.FIN) != 0;
  }
}
