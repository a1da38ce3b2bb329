package dev.holdfast.tunnel.endpoint;

import dev.holdfast.tunnel.encap.TlsFrame;
import dev.holdfast.tunnel.endpoint.ControlMessage.ArmReply;
import dev.holdfast.tunnel.endpoint.ControlMessage.ArmRequest;
import dev.holdfast.tunnel.endpoint.ControlMessage.ChangeEntry;
import dev.holdfast.tunnel.endpoint.ControlMessage.CheckEntry;
import dev.holdfast.tunnel.endpoint.ControlMessage.DirectReturn;
import dev.holdfast.tunnel.endpoint.ControlMessage.Fault;
import dev.holdfast.tunnel.endpoint.ControlMessage.Finish;
import dev.holdfast.tunnel.endpoint.ControlMessage.Finished;
import dev.holdfast.tunnel.endpoint.ControlMessage.FlowEntry;
import dev.holdfast.tunnel.endpoint.ControlMessage.FlowSnapshot;
import dev.holdfast.tunnel.endpoint.ControlMessage.Held;
import dev.holdfast.tunnel.endpoint.ControlMessage.HeldToReturn;
import dev.holdfast.tunnel.endpoint.ControlMessage.Hello;
import dev.holdfast.tunnel.endpoint.ControlMessage.HoldToReturn;
import dev.holdfast.tunnel.endpoint.ControlMessage.Inquiry;
import dev.holdfast.tunnel.endpoint.ControlMessage.PathMtu;
import dev.holdfast.tunnel.endpoint.ControlMessage.Ping;
import dev.holdfast.tunnel.endpoint.ControlMessage.Pong;
import dev.holdfast.tunnel.endpoint.ControlMessage.Release;
import dev.holdfast.tunnel.endpoint.ControlMessage.Released;
import dev.holdfast.tunnel.endpoint.ControlMessage.Rollback;
import dev.holdfast.tunnel.endpoint.ControlMessage.RolledBack;
import dev.holdfast.tunnel.endpoint.ControlMessage.SpoofProbe;
import dev.holdfast.tunnel.endpoint.ControlMessage.TakeBack;
import dev.holdfast.tunnel.endpoint.ControlMessage.TakenBack;
import io.netty.buffer.ByteBuf;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Control messages as bytes: kind (2 bytes), length of the body (4), body; big-endian.
 *
 * <p>A later version may append fields to a body and add kinds; an earlier one skips what it does
 * not know. The order of the fields written here is therefore fixed for good, and so are the kinds.
 */
public final class ControlCodec {
  /** How many flows fit into one {@link FlowSnapshot}; a longer list is sent as several. */
  public static final int MAX_FLOWS = 100_000;

  private static final int HEADER = 6;
  private static final int LONGEST = TlsFrame.MAX_CONTROL_FRAME - 1;

  private static final int HELLO = 1;
  private static final int PING = 2;
  private static final int PONG = 3;
  private static final int ARM_REQUEST = 4;
  private static final int ARM_REPLY = 5;
  private static final int FLOW_SNAPSHOT = 6;
  private static final int HELD = 7;
  private static final int RELEASE = 8;
  private static final int RELEASED = 9;
  private static final int ROLLBACK = 10;
  private static final int ROLLED_BACK = 11;
  private static final int FINISH = 12;
  private static final int FINISHED = 13;
  private static final int FAULT = 14;
  private static final int INQUIRY = 15;
  private static final int TAKE_BACK = 16;
  private static final int TAKEN_BACK = 17;
  private static final int PATH_MTU = 18;
  private static final int SPOOF_PROBE = 19;
  private static final int DIRECT_RETURN = 20;
  private static final int HOLD_TO_RETURN = 21;
  private static final int HELD_TO_RETURN = 22;

  private ControlCodec() {}

  /**
   * Appends one message.
   *
   * @throws IllegalArgumentException when it does not fit into a control frame; {@code out} is as
   *     it was
   */
  public static void encode(ControlMessage message, ByteBuf out) {
    int start = out.writerIndex();
    out.writeShort(kindOf(message));
    out.writeInt(0);
    writeBody(message, new BodyWriter(out));
    int length = out.writerIndex() - start;
    if (length > LONGEST) {
      out.writerIndex(start);
      throw new IllegalArgumentException(
          message.getClass().getSimpleName()
              + " of "
              + length
              + " bytes is longer than a control frame may be");
    }
    out.setInt(start + 2, length - HEADER);
  }

  /**
   * Reads one message: all readable bytes of {@code in}.
   *
   * @return null for a kind that this version does not know
   * @throws ControlFormatException for anything that is not a whole message
   */
  public static @Nullable ControlMessage decode(ByteBuf in) throws ControlFormatException {
    BodyReader header = new BodyReader(in);
    int kind = header.u16();
    long length = header.u32();
    if (length != in.readableBytes()) {
      throw new ControlFormatException(
          "message kind "
              + kind
              + " says that it has "
              + length
              + " bytes, it has "
              + in.readableBytes());
    }
    try {
      return readBody(kind, new BodyReader(in));
    } catch (ControlFormatException e) {
      ControlFormatException named =
          new ControlFormatException("message kind " + kind + ": " + e.getMessage());
      named.initCause(e);
      throw named;
    }
  }

  private static int kindOf(ControlMessage message) {
    return switch (message) {
      case Hello m -> HELLO;
      case Ping m -> PING;
      case Pong m -> PONG;
      case ArmRequest m -> ARM_REQUEST;
      case ArmReply m -> ARM_REPLY;
      case FlowSnapshot m -> FLOW_SNAPSHOT;
      case Held m -> HELD;
      case Release m -> RELEASE;
      case Released m -> RELEASED;
      case Rollback m -> ROLLBACK;
      case RolledBack m -> ROLLED_BACK;
      case Finish m -> FINISH;
      case Finished m -> FINISHED;
      case Fault m -> FAULT;
      case Inquiry m -> INQUIRY;
      case TakeBack m -> TAKE_BACK;
      case TakenBack m -> TAKEN_BACK;
      case PathMtu m -> PATH_MTU;
      case SpoofProbe m -> SPOOF_PROBE;
      case DirectReturn m -> DIRECT_RETURN;
      case HoldToReturn m -> HOLD_TO_RETURN;
      case HeldToReturn m -> HELD_TO_RETURN;
    };
  }

  private static void writeBody(ControlMessage message, BodyWriter out) {
    switch (message) {
      case Hello m -> {
        out.u16(m.minVersion());
        out.u16(m.maxVersion());
        out.text(m.hostName());
        out.text(m.software());
        out.list(m.capabilities(), BodyWriter::text);
      }
      case Ping m -> {
        out.s64(m.nonce());
        out.s64(m.epochNanos());
      }
      case Pong m -> {
        out.s64(m.nonce());
        out.s64(m.epochNanos());
      }
      case ArmRequest m -> writeArmRequest(m, out);
      case ArmReply m -> {
        out.s64(m.request());
        out.text(m.refusal());
        out.list(m.checks(), (body, check) -> body.sized(check, ControlCodec::writeCheck));
        out.list(m.changes(), (body, change) -> body.sized(change, ControlCodec::writeChange));
        out.bytes(m.token());
        out.u16(m.connections());
        out.text(m.encapsulation());
        out.text(m.encapsulationReason());
      }
      case FlowSnapshot m -> {
        out.uuid(m.migration());
        out.s64(m.epoch());
        out.list(m.flows(), (body, flow) -> body.sized(flow, ControlCodec::writeFlow));
      }
      case Held m -> {
        out.uuid(m.migration());
        out.s64(m.epoch());
      }
      case Release m -> {
        out.uuid(m.migration());
        out.s64(m.epoch());
        out.s64(m.acceptedEpochNanos());
      }
      case Released m -> {
        out.uuid(m.migration());
        out.s64(m.epoch());
        out.s64(m.acceptedEpochNanos());
        out.s64(m.delivered());
        out.s64(m.stagedUpTo().getFirst()); // all that a daemon with one connection reads
        out.list(m.stagedUpTo().subList(1, m.stagedUpTo().size()), BodyWriter::s64);
      }
      case Rollback m -> {
        out.uuid(m.migration());
        out.s64(m.epoch());
      }
      case RolledBack m -> {
        out.uuid(m.migration());
        out.s64(m.epoch());
        out.text(m.refusal());
      }
      case Finish m -> {
        out.uuid(m.migration());
        out.s64(m.epoch());
      }
      case Finished m -> {
        out.uuid(m.migration());
        out.s64(m.epoch());
        out.text(m.countersJson());
      }
      case Fault m -> {
        out.text(m.code());
        out.text(m.text());
        out.optional(m.migration(), BodyWriter::uuid);
        out.text(m.request());
      }
      case Inquiry m -> {
        out.uuid(m.migration());
        out.s64(m.epoch());
      }
      case TakeBack m -> {
        out.uuid(m.migration());
        out.s64(m.epoch());
        out.s64(m.nextEpoch());
        out.flag(m.force());
      }
      case TakenBack m -> {
        out.uuid(m.migration());
        out.s64(m.epoch());
        out.text(m.refusal());
        out.list(m.deliveredUpTo(), BodyWriter::s64);
        out.list(m.answeredFor(), BodyWriter::address);
      }
      case PathMtu m -> {
        out.uuid(m.migration());
        out.s64(m.epoch());
        out.u16(m.bytes());
      }
      case SpoofProbe m -> {
        out.uuid(m.migration());
        out.s64(m.epoch());
        out.s64(m.number());
        out.list(m.to(), BodyWriter::address);
      }
      case DirectReturn m -> {
        out.uuid(m.migration());
        out.s64(m.epoch());
      }
      case HoldToReturn m -> {
        out.uuid(m.migration());
        out.s64(m.epoch());
        out.flag(m.on());
      }
      case HeldToReturn m -> {
        out.uuid(m.migration());
        out.s64(m.epoch());
        out.flag(m.on());
        out.text(m.refusal());
      }
    }
  }

  private static void writeArmRequest(ArmRequest m, BodyWriter out) {
    out.s64(m.request());
    out.uuid(m.migration());
    out.text(m.name());
    out.s64(m.epoch());
    out.flag(m.dryRun());
    out.list(m.oldAddresses(), BodyWriter::address);
    out.list(m.newAddresses(), BodyWriter::address);
    out.optional(m.guestMac(), BodyWriter::mac);
    out.text(m.deliver());
    out.text(m.encapsulation());
    out.text(m.returnPath());
    out.list(m.oldLans(), BodyWriter::prefix);
    out.text(m.dnsName());
    out.u16(m.connections());
    out.text(m.encapsulationReason());
    out.flag(m.guestUnaware());
    out.list(m.advertisements(), BodyWriter::bytes);
  }

  private static void writeCheck(BodyWriter out, CheckEntry check) {
    out.text(check.name());
    out.text(check.result());
    out.text(check.detail());
    out.text(check.fix());
  }

  private static void writeChange(BodyWriter out, ChangeEntry change) {
    out.text(change.what());
    out.text(change.undo());
  }

  private static void writeFlow(BodyWriter out, FlowEntry flow) {
    out.u8(flow.protocol());
    out.address(flow.guest());
    out.u16(flow.guestPort());
    out.address(flow.peer());
    out.u16(flow.peerPort());
  }

  // Java evaluates arguments from left to right (JLS 15.7.4): the order here is the order read.
  private static @Nullable ControlMessage readBody(int kind, BodyReader in)
      throws ControlFormatException {
    return switch (kind) {
      case HELLO -> new Hello(in.u16(), in.u16(), in.text(), in.text(), in.list(BodyReader::text));
      case PING -> new Ping(in.s64(), in.s64());
      case PONG -> new Pong(in.s64(), in.s64());
      case ARM_REQUEST -> readArmRequest(in);
      case ARM_REPLY ->
          new ArmReply(
              in.s64(),
              in.text(),
              in.list(body -> body.sized(ControlCodec::readCheck)),
              in.list(body -> body.sized(ControlCodec::readChange)),
              in.bytes(),
              in.hasMore() ? in.u16() : 1,
              in.appendedText(),
              in.appendedText());
      case FLOW_SNAPSHOT ->
          new FlowSnapshot(
              in.uuid(), in.s64(), in.list(body -> body.sized(ControlCodec::readFlow)));
      case HELD -> new Held(in.uuid(), in.s64());
      case RELEASE -> new Release(in.uuid(), in.s64(), in.s64());
      case RELEASED -> new Released(in.uuid(), in.s64(), in.s64(), in.s64(), stagedUpTo(in));
      case ROLLBACK -> new Rollback(in.uuid(), in.s64());
      case ROLLED_BACK -> new RolledBack(in.uuid(), in.s64(), in.text());
      case FINISH -> new Finish(in.uuid(), in.s64());
      case FINISHED -> new Finished(in.uuid(), in.s64(), in.text());
      case FAULT ->
          new Fault(in.text(), in.text(), in.optional(BodyReader::uuid), in.appendedText());
      case INQUIRY -> new Inquiry(in.uuid(), in.s64());
      case TAKE_BACK -> new TakeBack(in.uuid(), in.s64(), in.s64(), in.flag());
      case TAKEN_BACK ->
          new TakenBack(
              in.uuid(),
              in.s64(),
              in.text(),
              in.list(BodyReader::s64),
              in.hasMore() ? in.list(BodyReader::address) : List.of());
      case PATH_MTU -> new PathMtu(in.uuid(), in.s64(), in.u16());
      case SPOOF_PROBE ->
          new SpoofProbe(in.uuid(), in.s64(), in.s64(), in.list(BodyReader::address));
      case DIRECT_RETURN -> new DirectReturn(in.uuid(), in.s64());
      case HOLD_TO_RETURN -> new HoldToReturn(in.uuid(), in.s64(), in.flag());
      case HELD_TO_RETURN -> new HeldToReturn(in.uuid(), in.s64(), in.flag(), in.text());
      default -> null;
    };
  }

  private static ArmRequest readArmRequest(BodyReader in) throws ControlFormatException {
    return new ArmRequest(
        in.s64(),
        in.uuid(),
        in.text(),
        in.s64(),
        in.flag(),
        in.list(BodyReader::address),
        in.list(BodyReader::address),
        in.optional(BodyReader::mac),
        in.text(),
        in.text(),
        in.text(),
        in.list(BodyReader::prefix),
        in.text(),
        in.hasMore() ? in.u16() : 1,
        in.appendedText(),
        in.hasMore() && in.flag(),
        in.hasMore() ? in.list(BodyReader::bytes) : List.of());
  }

  private static List<Long> stagedUpTo(BodyReader in) throws ControlFormatException {
    List<Long> all = new ArrayList<>();
    all.add(in.s64());
    if (in.hasMore()) {
      all.addAll(in.list(BodyReader::s64));
    }
    return all;
  }

  private static CheckEntry readCheck(BodyReader in) throws ControlFormatException {
    return new CheckEntry(in.text(), in.text(), in.text(), in.text());
  }

  private static ChangeEntry readChange(BodyReader in) throws ControlFormatException {
    return new ChangeEntry(in.text(), in.text());
  }

  private static FlowEntry readFlow(BodyReader in) throws ControlFormatException {
    return new FlowEntry(in.u8(), in.address(), in.u16(), in.address(), in.u16());
  }
}
