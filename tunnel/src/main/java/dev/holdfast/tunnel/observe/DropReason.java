package dev.holdfast.tunnel.observe;

import java.util.Locale;

/** Why a packet was not delivered. No packet is dropped without one of these being counted. */
public enum DropReason {
  MALFORMED("not a well-formed IP packet"),
  CONGESTED("the path marked it for congestion and its sender would not understand the mark"),
  BAD_OFFLOAD("its virtio-net header does not fit its bytes"),
  NOT_GRANTED("its inner address was not granted to the remote host that sent it"),
  UNKNOWN_REMOTE("it came from an address that is no remote host's"),
  NO_MIGRATION("no migration here serves its address"),
  WRONG_STATE("the migration is in a state that carries no packet this way"),
  TTL_EXCEEDED("its TTL or hop limit would reach zero here"),
  LOOP("it would be tunnelled into the tunnel that brought it"),
  MULTICAST("multicast and broadcast are not tunnelled"),
  LINK_DOWN("the tunnel to the remote host is down"),
  LINK_FULL("the queue in front of the tunnel is full"),
  HOLD_FULL("the hold queue is at its limit and keeps what matters more"),
  HOLD_AGED("it was held longer than hold.max-age"),
  HOLD_POLICY_DROP("hold.policy is drop"),
  REPLACED("a retransmission of the same bytes took its place in the hold queue"),
  STALE_SYN(
      "a new connection to the old address while draining, and drain.stale-syn is not tunnel"),
  TOO_BIG("it does not fit the path and may not be fragmented"),
  DEVICE_FULL("the kernel took no more packets on the device"),
  CAPTURE_OVERRUN("it was captured faster than it was read, and the buffer of libpcap was full"),
  NO_NEIGHBOUR("no MAC is known of its receiver or of a router towards it, and nobody answers"),
  BAD_STAGING_ID("its staging id is not above the one before it"),
  DISCARDED_AT_ROLLBACK("it was staged at the endpoint when the migration was rolled back"),
  STALE_EPOCH("it belongs to an earlier ownership of the address"),
  FRAME_TOO_LONG("a tunnel frame's length is over the limit"),
  FRAME_TOO_SHORT("a tunnel frame's length leaves no room for what its type needs"),
  FRAME_UNKNOWN("a tunnel frame's type is unknown");

  private final String text;

  DropReason(String text) {
    this.text = text;
  }

  /** A clause that completes "the packet was dropped because …". */
  public String text() {
    return text;
  }

  /** The name in JSON and metrics: lower case, words joined by hyphens. */
  public String label() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
