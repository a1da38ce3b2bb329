package dev.holdfast.redirector.flow;

import dev.holdfast.tunnel.packet.PacketView;

/** When a flow ends by itself, and the words for why it has not. */
final class FlowLife {
  private static final long SECOND = 1_000_000_000L;

  private FlowLife() {}

  /**
   * How long an open flow has still to live if nothing more is heard: {@code Long.MAX_VALUE} where
   * no timer runs, 0 or less where its time is up.
   */
  static long nanosLeft(Flow flow, FlowTimers timers, long nowNanos) {
    long limit = flow.isTcp() ? tcpLimit(flow, timers) : otherLimit(flow, timers);
    return limit == Long.MAX_VALUE ? limit : limit - flow.idleNanos(nowNanos);
  }

  private static long tcpLimit(Flow flow, FlowTimers timers) {
    if (!flow.isCounted()) {
      return timers.other(); // fragments: no state is known
    }
    if (flow.hasFin(Direction.TO_GUEST) && flow.hasFin(Direction.FROM_GUEST)) {
      return flow.tcpState() == TcpState.TIME_WAIT ? timers.timeWait() : timers.transitory();
    }
    return flow.handshake() == Flow.Handshake.DONE ? Long.MAX_VALUE : timers.transitory();
  }

  private static long otherLimit(Flow flow, FlowTimers timers) {
    return switch (flow.protocol()) {
      case PacketView.UDP ->
          flow.wasHeard(Direction.TO_GUEST) && flow.wasHeard(Direction.FROM_GUEST)
              ? timers.udpAnswered()
              : timers.udp();
      case PacketView.ICMP, PacketView.ICMPV6 -> timers.icmp();
      default -> timers.other();
    };
  }

  /** A sentence, or nothing where the flow does not count. */
  static String whyCounts(Flow flow, FlowTimers timers, long nowNanos) {
    if (flow.isEnded() || !flow.isCounted()) {
      return "";
    }
    long left = nanosLeft(flow, timers, nowNanos);
    String why = flow.isTcp() ? whyTcp(flow) : "it was heard " + ago(flow.idleNanos(nowNanos));
    String until =
        left == Long.MAX_VALUE
            ? "it ends by FIN or RST, or when the guest no longer lists it"
            : "it ends after " + seconds(left) + " of silence";
    String stale = flow.beganWhileDraining() ? "; it began by the old address while draining" : "";
    return why + "; " + until + stale;
  }

  private static String whyTcp(Flow flow) {
    return switch (flow.tcpState()) {
      case SYN_SENT, SYN_RECEIVED -> "the connection is being opened";
      case ESTABLISHED ->
          flow.hasFin(Direction.TO_GUEST)
              ? "the peer has closed, and the guest has not acknowledged that"
              : flow.wasHeard()
                  ? "the connection is open"
                  : flow.origin() == Origin.CONNTRACK
                      ? "connection tracking knew it at arm, and it has not been heard"
                      : "the connection was listed, and has not been heard";
      case FIN_WAIT_1 -> "the guest has closed, and the peer has not acknowledged that";
      case FIN_WAIT_2 -> "the guest has closed, and the peer has not";
      case CLOSE_WAIT -> "the peer has closed, and the guest has not";
      case CLOSING, LAST_ACK -> "both have closed, and the last FIN is not acknowledged";
      case TIME_WAIT -> "both have closed, and late segments may still come";
      case CLOSED -> "";
    };
  }

  private static String ago(long nanos) {
    return seconds(nanos) + " ago";
  }

  /** Rounded up: "0 s" would say that the time is over. */
  private static String seconds(long nanos) {
    return Math.max(1, Math.ceilDiv(nanos, SECOND)) + " s";
  }
}
