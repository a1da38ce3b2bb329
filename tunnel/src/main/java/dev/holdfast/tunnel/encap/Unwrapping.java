package dev.holdfast.tunnel.encap;

import dev.holdfast.tunnel.packet.Checksums;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;

/**
 * Takes the outer header off an IP-in-IP packet that came from a network.
 *
 * <p>One object is reused for packet after packet. Whether the outer source is a remote host of
 * ours, and whether the inner addresses were granted to it, is for the caller to ask of {@link
 * #outer} and {@link #inner}.
 */
public final class Unwrapping {
  /** What was found. */
  public enum Verdict {
    /** {@link #inner} shows the packet as it is to be delivered. */
    OK,
    /** The outer header is broken. */
    BAD_OUTER,
    /** The outer protocol is neither 4 nor 41. */
    NOT_IP_IN_IP,
    /** A fragment of the outer packet: the kernel should have put it together before. */
    FRAGMENT,
    /** What is inside is not a well-formed packet of the version that the outer header says. */
    BAD_INNER,
    /** Outer CE on an inner packet that is not ECN-capable: RFC 6040 section 4.2 has it dropped. */
    CONGESTED
  }

  private final PacketView outer = new PacketView();
  private final PacketView inner = new PacketView();
  private int ecnInside;
  private int ecnOutside;

  /**
   * Checks the outer and the inner packet and, where the outer header says more about congestion
   * than the inner, writes that into the inner header (RFC 6040 section 4.2).
   *
   * @param index absolute index of the outer header
   * @param length bytes received
   */
  public Verdict check(ByteBuf buf, int index, int length) {
    if (outer.check(buf, index, length) != PacketFault.NONE || !headerSumIsRight(outer)) {
      return Verdict.BAD_OUTER;
    }
    int protocol = outer.protocol();
    if (protocol != IpInIp.IPV4 && protocol != IpInIp.IPV6) {
      return Verdict.NOT_IP_IN_IP;
    }
    if (outer.isFragment()) {
      return Verdict.FRAGMENT;
    }
    int start = outer.transportStart();
    return checkInner(buf, start, outer.end() - start, protocol, outer.trafficClass());
  }

  /**
   * Checks what was inside an outer header that is not there any more: over IPv6 the kernel takes
   * it off, and has checked it. Congestion is told to the inner header as in {@link #check}, and
   * {@link #outer} is not for use afterwards.
   *
   * @param index absolute index of the inner header
   * @param length bytes behind the outer header
   * @param protocol that the outer header says, {@link IpInIp#IPV4} or {@link IpInIp#IPV6}
   * @param outerTrafficClass DSCP and ECN of the outer header
   */
  public Verdict checkInner(
      ByteBuf buf, int index, int length, int protocol, int outerTrafficClass) {
    if (inner.check(buf, index, length) != PacketFault.NONE
        || inner.isV4() != (protocol == IpInIp.IPV4)
        || !headerSumIsRight(inner)) {
      return Verdict.BAD_INNER;
    }
    ecnInside = inner.trafficClass() & 3;
    ecnOutside = outerTrafficClass & 3;
    int ecn = Ecn.decapsulated(ecnInside, ecnOutside);
    if (ecn == Ecn.DROP) {
      return Verdict.CONGESTED;
    }
    Ecn.set(inner, ecn);
    return Verdict.OK;
  }

  private static boolean headerSumIsRight(PacketView view) {
    return !view.isV4()
        || Checksums.verifyIpv4Header(
            view.buffer(), view.start(), view.transportStart() - view.start());
  }

  /**
   * Whether the two headers came with ECN bits that no entry of a tunnel makes ({@link
   * Ecn#isUnused}); valid after {@link Verdict#OK} and {@link Verdict#CONGESTED}.
   */
  public boolean isEcnUnused() {
    return Ecn.isUnused(ecnInside, ecnOutside);
  }

  /** The inner header's ECN bits as they came. */
  public int ecnInside() {
    return ecnInside;
  }

  /** The outer header's ECN bits. */
  public int ecnOutside() {
    return ecnOutside;
  }

  /** The outer packet; valid unless the verdict was {@link Verdict#BAD_OUTER}. */
  public PacketView outer() {
    return outer;
  }

  /** The inner packet, where it lies in the buffer; valid after {@link Verdict#OK}. */
  public PacketView inner() {
    return inner;
  }
}
