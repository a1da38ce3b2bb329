package dev.holdfast.redirector.decide;

import dev.holdfast.redirector.config.Config.HoldPolicy;
import dev.holdfast.redirector.config.Config.StaleSyn;
import dev.holdfast.redirector.flow.Direction;
import dev.holdfast.redirector.flow.Flow;
import dev.holdfast.redirector.flow.FlowTable;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketView;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The rules of one migration at one host, in the order in which they are asked; the first that
 * applies decides.
 *
 * <p>The flow is what {@link FlowTable#find} gave for this packet, before the packet was tracked:
 * what is dropped or rejected must not leave a flow that would then count.
 */
public final class Decision {
  private final Role role;
  private final IpAddress[] old;
  private final HoldPolicy holdPolicy;
  private final StaleSyn staleSyn;
  private final @Nullable DirectReturn direct;

  /**
   * @param old the guest's old addresses: what is granted to the remote host in this migration
   */
  public Decision(Role role, List<IpAddress> old, HoldPolicy holdPolicy, StaleSyn staleSyn) {
    this(role, old.toArray(IpAddress[]::new), holdPolicy, staleSyn, null);
  }

  private Decision(
      Role role,
      IpAddress[] old,
      HoldPolicy holdPolicy,
      StaleSyn staleSyn,
      @Nullable DirectReturn direct) {
    this.role = role;
    this.old = old;
    this.holdPolicy = holdPolicy;
    this.staleSyn = staleSyn;
    this.direct = direct;
  }

  /** The same rules, where answers that {@code direct} takes leave at the new site. */
  public Decision answering(DirectReturn by) {
    return new Decision(role, old, holdPolicy, staleSyn, by);
  }

  /**
   * @param packet checked, and carried this way: captured, or unwrapped from a frame
   * @param known the packet's flow as the table has it, ended ones too, or null
   */
  public Verdict decide(
      MigrationState state, Direction direction, PacketView packet, @Nullable Flow known) {
    return rule(state, direction, packet, known).verdict();
  }

  /** As {@link #decide}, and says by which rule. */
  public Rule rule(
      MigrationState state, Direction direction, PacketView packet, @Nullable Flow known) {
    boolean toGuest = direction == Direction.TO_GUEST;
    return switch (role) {
      case REDIRECTOR -> toGuest ? captured(state, packet, known) : returned(state, packet);
      case ENDPOINT -> toGuest ? arrived(state, packet) : answered(state, packet, known);
    };
  }

  // ---- redirector ----

  private Rule captured(MigrationState state, PacketView packet, @Nullable Flow known) {
    if (isToGroup(packet)) return Rule.GROUP_ADDRESS;
    if (!isToOld(packet)) return Rule.NOT_OURS;
    if (isFromOld(packet)) return Rule.TO_ITSELF;
    return switch (state) {
      case PLANNED, DONE -> Rule.NOT_ARMED;
      case ARMED, ROLLED_BACK -> Rule.GUEST_IS_HERE;
      case HOLDING -> holdPolicy == HoldPolicy.QUEUE ? Rule.GUEST_IS_PAUSED : Rule.HOLD_DROPS;
      case REDIRECTING -> Rule.GUEST_IS_THERE;
      case DRAINING -> whileDraining(packet, known);
    };
  }

  private Rule whileDraining(PacketView packet, @Nullable Flow known) {
    if (!packet.hasTransportHeader()) return Rule.PART_OF_DATAGRAM;
    if (packet.isIcmp() && !isEchoRequest(packet)) return Rule.ABOUT_OTHERS;
    if (known != null && !known.isClosed()) return Rule.KNOWN_FLOW;
    if (packet.isTcp() && !opensConnection(packet)) return midStream(known);
    return switch (staleSyn) {
      case TUNNEL -> Rule.STALE_TUNNELLED;
      case DROP -> Rule.STALE_DROPPED;
      case REJECT -> Rule.STALE_REJECTED;
    };
  }

  private static Rule midStream(@Nullable Flow known) {
    if (known == null) return Rule.MID_STREAM;
    return switch (known.end()) {
      case OPEN -> Rule.KNOWN_FLOW; // in time-wait: a repeated FIN wants its acknowledgment
      case RESET_BY_GUEST, RESET_BY_PEER -> Rule.GUEST_HAS_THE_WORD;
      case TIMED_OUT, UNLISTED -> Rule.MID_STREAM;
      case FIN -> Rule.FLOW_ENDED;
    };
  }

  private Rule returned(MigrationState state, PacketView packet) {
    if (!isFromOld(packet)) return Rule.NOT_GRANTED;
    if (isToGroup(packet)) return Rule.GROUP_ADDRESS;
    if (isToOld(packet)) return Rule.TO_ITSELF;
    return switch (state) {
      case HOLDING, REDIRECTING, DRAINING -> Rule.GUEST_ANSWERS;
      case PLANNED, ARMED, DONE, ROLLED_BACK -> Rule.NO_TUNNEL_YET;
    };
  }

  // ---- endpoint ----

  private Rule arrived(MigrationState state, PacketView packet) {
    if (isToGroup(packet)) return Rule.GROUP_ADDRESS;
    if (!isToOld(packet)) return Rule.NOT_GRANTED;
    if (isFromOld(packet)) return Rule.TO_ITSELF;
    return switch (state) {
      case REDIRECTING, DRAINING -> Rule.DELIVERED;
      case PLANNED, ARMED, HOLDING, DONE, ROLLED_BACK -> Rule.NOT_RELEASED;
    };
  }

  private Rule answered(MigrationState state, PacketView packet, @Nullable Flow known) {
    if (!isFromOld(packet)) return Rule.NOT_GRANTED;
    if (isToGroup(packet)) return Rule.GROUP_ADDRESS;
    if (isToOld(packet)) return Rule.TO_ITSELF;
    return switch (state) {
      case HOLDING -> Rule.ANSWER_GOES_BACK;
      case REDIRECTING, DRAINING ->
          direct != null && direct.takes(packet, known)
              ? Rule.ANSWER_GOES_DIRECT
              : Rule.ANSWER_GOES_BACK;
      case PLANNED, ARMED, DONE, ROLLED_BACK -> Rule.NOT_HELD;
    };
  }

  // ---- what the rules ask ----

  private boolean isToOld(PacketView packet) {
    for (IpAddress address : old) {
      if (packet.isTo(address)) {
        return true;
      }
    }
    return false;
  }

  private boolean isFromOld(PacketView packet) {
    for (IpAddress address : old) {
      if (packet.isFrom(address)) {
        return true;
      }
    }
    return false;
  }

  /** Multicast (RFC 1112 section 4, RFC 4291 section 2.7) or limited broadcast (RFC 919). */
  private static boolean isToGroup(PacketView packet) {
    if (packet.isV4()) {
      int bits = (int) packet.destinationLow();
      return (bits & 0xf000_0000) == 0xe000_0000 || bits == 0xffff_ffff;
    }
    return packet.destinationHigh() >>> 56 == 0xff;
  }

  private static boolean opensConnection(PacketView packet) {
    return (packet.tcpFlags() & (PacketView.SYN | PacketView.ACK | PacketView.RST))
        == PacketView.SYN;
  }

  private static boolean isEchoRequest(PacketView packet) {
    return packet.icmpType() == (packet.isV4() ? 8 : 128);
  }
}
