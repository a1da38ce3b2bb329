package dev.holdfast.redirector.replay;

import io.netty.buffer.ByteBuf;

/** Is shown the packets that pass at each point of a replay. */
public interface Points {
  /** Where a packet is seen. */
  enum Point {
    CAPTURED("old-host", "for the guest, at the old host: into the hold queue or the tunnel"),
    TUNNEL("tunnel", "outer packets of IP-in-IP, or what TLS would carry, from the old host"),
    TUNNEL_BACK("tunnel-back", "the same, from the new host"),
    GUEST("guest", "what the guest receives"),
    ANSWERED("new-host", "from the guest, at the new host: into the tunnel"),
    PEER("peer", "what the guest's peers receive");

    private final String label;
    private final String description;

    Point(String label, String description) {
      this.label = label;
      this.description = description;
    }

    public String label() {
      return label;
    }

    public String description() {
      return description;
    }
  }

  /**
   * @param bytes its bytes, or those of the tunnel's stream; no reference is kept
   * @param from index of the first byte
   * @param length how many
   */
  void seen(Point point, long epochNanos, ByteBuf bytes, int from, int length);

  /** Looks at nothing. */
  Points NONE = (point, epochNanos, bytes, from, length) -> {};
}
