package dev.holdfast.tunnel.encap;

import dev.holdfast.tunnel.packet.IpAddress;
import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/**
 * Decides whether an ICMP error about one of the tunnel's packets is to be believed. Whoever can
 * send a packet to this host can send one of these, so it must quote what only somebody on the way
 * between the two hosts has seen (RFC 5927 sections 4.1, 4.3 and 7.2, which has TCP's sequence
 * number for this; a tunnel has the packet inside):
 *
 * <ul>
 *   <li>an outer header that we could have written: our address, a remote host's, protocol 4 or 41,
 *       no longer than the path to it has proven to take;
 *   <li>inside it a packet of that version and of the length that the outer header leaves, and
 *       addresses that were granted to that remote host where as much is quoted;
 *   <li>for "too big" the addresses must be quoted, and its MTU must be the reason for it: less
 *       than the quoted packet's length, which must be one that may not be fragmented, and one that
 *       paths have (RFC 791, RFC 8200 section 5).
 * </ul>
 *
 * <p>RFC 792 has no more quoted than 8 bytes of what is inside: half a header, in which nothing is
 * secret. What is too big may not be fragmented, so its outer identification is 0 (RFC 6864 section
 * 4.1) and proves nothing either. Such a quote is enough to tell an operator that packets come
 * back, but not to change the size of packets. Routers quote the addresses (RFC 1812 section
 * 4.3.2.3 asks for it, RFC 4443 section 2.4 c requires it); behind one that does not, the tunnel
 * has the path MTU that was measured at arm.
 *
 * <p>One object is used for error after error; allocates nothing but the addresses that it asks
 * about.
 */
public final class TunnelErrorCheck {
  /**
   * IPv4 paths that pass less than this inside are not believed: what is asked for more than 552
   * bytes is then lost, as before the error, but nobody can make us send slivers.
   */
  public static final int V4_LEAST_INSIDE = 552;

  private static final int V4_LEAST = V4_LEAST_INSIDE + IpInIp.V4_OUTER;

  /** RFC 1191 section 7.1: MTUs that are in use. */
  private static final int[] PLATEAUS = {32_000, 17_914, 8_166, 4_352, 2_002, 1_492, 1_006, 508};

  private static final int DONT_FRAGMENT = 0x4000;
  private static final int MORE_FRAGMENTS = 0x2000;
  private static final int OFFSET = 0x1fff;
  private static final int DESTINATION_OPTIONS = 60;
  private static final int FRAGMENT = 44;

  /** What this host has sent, and to whom. */
  public interface Sent {
    /** The tunnel's address here. */
    IpAddress local();

    /**
     * The longest outer packet that may have been sent to {@code remote}; 0 where it is no remote
     * host to which packets are sent.
     */
    int longest(IpAddress remote);

    /** Whether a packet with these addresses may have been sent to {@code remote}. */
    boolean isGranted(IpAddress remote, IpAddress source, IpAddress destination);
  }

  private final Sent sent;
  private @Nullable IpAddress remote;
  private int mtu;

  // Of the quoted outer header.
  private boolean v4;
  private IpAddress destination = IpAddress.v4(0);
  private int protocol;
  private int inner;
  private int total;
  private boolean fragment;
  private boolean mayBeFragmented;

  public TunnelErrorCheck(Sent sent) {
    this.sent = sent;
  }

  /** The remote host that the last error is about; null where that is none. */
  public @Nullable IpAddress remote() {
    return remote;
  }

  /** The outer packets that pass, in bytes; only where the last error was TOO_BIG. */
  public int mtu() {
    return mtu;
  }

  /**
   * Judges one error.
   *
   * @param quoted its readable bytes are the quoted packet as far as there is one
   * @param type of the ICMP message, in the family of the local address
   * @param code of the ICMP message
   * @param told the MTU that it tells; 0 from routers older than RFC 1191
   */
  public TunnelError check(ByteBuf quoted, int type, int code, int told) {
    remote = null;
    v4 = sent.local().isV4();
    if (!(v4 ? readV4(quoted) : readV6(quoted))
        || (protocol != IpInIp.IPV4 && protocol != IpInIp.IPV6)) {
      return TunnelError.NOT_SENT;
    }
    int longest = sent.longest(destination);
    if (longest == 0) {
      return TunnelError.NOT_SENT;
    }
    remote = destination;
    if (total > longest) {
      return TunnelError.NOT_SENT;
    }
    if (!innerIsOurs(quoted)) {
      return TunnelError.NOT_GRANTED;
    }
    TunnelError error = TunnelError.of(v4, type, code);
    if (error != TunnelError.TOO_BIG) {
      return error;
    }
    return quotesAddresses(quoted) ? tooBig(told) : TunnelError.SHORT_QUOTE;
  }

  /** The outer IPv4 header; false where it is none that we write. */
  private boolean readV4(ByteBuf quoted) {
    int at = quoted.readerIndex();
    // We write no options.
    if (quoted.readableBytes() < IpInIp.V4_OUTER
        || quoted.getUnsignedByte(at) != 0x45
        || quoted.getInt(at + 12) != sent.local().v4Bits()) {
      return false;
    }
    total = quoted.getUnsignedShort(at + 2);
    int flags = quoted.getUnsignedShort(at + 6);
    fragment = (flags & MORE_FRAGMENTS) != 0;
    mayBeFragmented = (flags & DONT_FRAGMENT) == 0;
    protocol = quoted.getUnsignedByte(at + 9);
    destination = IpAddress.v4(quoted.getInt(at + 16));
    inner = IpInIp.V4_OUTER;
    return (flags & OFFSET) == 0; // no error is sent about a later one (RFC 1122, 3.2.2)
  }

  /** The outer IPv6 header and what extends it: an encapsulation limit, a fragment header. */
  private boolean readV6(ByteBuf quoted) {
    int at = quoted.readerIndex();
    int length = quoted.readableBytes();
    if (length < IpInIp.V6_OUTER
        || quoted.getUnsignedByte(at) >>> 4 != 6
        || quoted.getLong(at + 8) != sent.local().high()
        || quoted.getLong(at + 16) != sent.local().low()) {
      return false;
    }
    total = IpInIp.V6_OUTER + quoted.getUnsignedShort(at + 4);
    destination = new IpAddress(quoted.getLong(at + 24), quoted.getLong(at + 32));
    fragment = false;
    mayBeFragmented = false; // not on the way
    protocol = quoted.getUnsignedByte(at + 6);
    inner = IpInIp.V6_OUTER;
    while (protocol == DESTINATION_OPTIONS || protocol == FRAGMENT) {
      if (length < inner + 8) {
        return false;
      }
      int header = at + inner;
      if (protocol == FRAGMENT) {
        int offset = quoted.getUnsignedShort(header + 2);
        if (offset >>> 3 != 0) {
          return false; // what is inside cannot be told; the first one's error can be believed
        }
        fragment |= (offset & 1) != 0;
        inner += 8;
      } else {
        inner += 8 * (1 + quoted.getUnsignedByte(header + 1));
      }
      protocol = quoted.getUnsignedByte(header);
    }
    return true;
  }

  /** As much of the inner header as is quoted. */
  private boolean innerIsOurs(ByteBuf quoted) {
    int at = quoted.readerIndex() + inner;
    int length = quoted.readableBytes() - inner;
    boolean fourInside = protocol == IpInIp.IPV4;
    if (length < 8 || quoted.getUnsignedByte(at) >>> 4 != (fourInside ? 4 : 6)) {
      return false;
    }
    int whole =
        fourInside
            ? quoted.getUnsignedShort(at + 2)
            : IpInIp.V6_OUTER + quoted.getUnsignedShort(at + 4);
    int left = total - inner;
    if (fragment ? whole <= left : whole != left) {
      return false;
    }
    if (!quotesAddresses(quoted)) {
      return true;
    }
    return fourInside
        ? sent.isGranted(
            destination, IpAddress.v4(quoted.getInt(at + 12)), IpAddress.v4(quoted.getInt(at + 16)))
        : sent.isGranted(
            destination,
            new IpAddress(quoted.getLong(at + 8), quoted.getLong(at + 16)),
            new IpAddress(quoted.getLong(at + 24), quoted.getLong(at + 32)));
  }

  /** Whether all of the inner header is there, which ends with the addresses. */
  private boolean quotesAddresses(ByteBuf quoted) {
    int header = protocol == IpInIp.IPV4 ? IpInIp.V4_OUTER : IpInIp.V6_OUTER;
    return quoted.readableBytes() - inner >= header;
  }

  private TunnelError tooBig(int told) {
    if (mayBeFragmented) {
      return TunnelError.BAD_MTU;
    }
    int least = v4 ? V4_LEAST : IpInIp.IPV6_MINIMUM_MTU; // RFC 8201 section 4: never less
    mtu = v4 && told == 0 ? Math.max(least, plateauBelow(total)) : told;
    return mtu < least || mtu >= total ? TunnelError.BAD_MTU : TunnelError.TOO_BIG;
  }

  /** RFC 1191 section 5: where a router tells no MTU, the next smaller one that is in use. */
  private static int plateauBelow(int length) {
    for (int plateau : PLATEAUS) {
      if (plateau < length) {
        return plateau;
      }
    }
    return 0;
  }
}
