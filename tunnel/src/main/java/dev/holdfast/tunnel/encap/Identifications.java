package dev.holdfast.tunnel.encap;

/**
 * Gives the identifications of one host's outer packets to another, whichever of its tunnels they
 * belong to: those that may be fragmented must differ as long as one may still be on its way (RFC
 * 6864 section 4.3, RFC 8200 section 4.5).
 *
 * <p>Over IPv4 there are 65,535 of them. With a maximum datagram lifetime of two minutes (RFC 6864
 * section 2) they last for 546 packets a second; beyond that they come again too early, which no
 * sender of such packets can help. It concerns only what may be fragmented, which is IPv4 without
 * Don't Fragment, and IPv6 of up to 1280 bytes over IPv4: a fragment that is put together wrongly
 * fails the inner packet's checksum (RFC 4963).
 */
public final class Identifications {
  private int last;

  /**
   * @param first where to begin: random, so that nobody knows the next one (RFC 7739 section 5)
   */
  public Identifications(int first) {
    this.last = first;
  }

  /** Counts on. */
  public void next() {
    if (++last == 0) {
      last = 1; // 2^32 - 1 and 0 are the same to IPv4
    }
  }

  /** 16 bits for IPv4; never 0, or the kernel would give each fragment one of its own (raw(7)). */
  public int v4() {
    return 1 + Integer.remainderUnsigned(last, 0xffff);
  }

  /** 32 bits for IPv6's fragment header. */
  public int v6() {
    return last;
  }
}
