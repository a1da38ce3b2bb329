package dev.holdfast.redirector.path;

import dev.holdfast.redirector.decide.Fit;
import dev.holdfast.tunnel.encap.OuterFragments;
import dev.holdfast.tunnel.encap.TlsFrame;
import dev.holdfast.tunnel.link.IpInIpLink;
import dev.holdfast.tunnel.link.Link;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.Segmenter;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import org.jspecify.annotations.Nullable;

/**
 * The step of an explanation that says what a packet goes in: the link that would carry it writes
 * the outer header of its first piece, and that is read.
 *
 * @param drop null where it goes so
 */
record Encapsulated(String result, String why, @Nullable DropReason drop) {
  private static final int V4_DESTINATION = 16;

  /**
   * @param packet readable bytes are {@code [virtio_net_hdr][packet]}, and {@code view} is over it
   * @param fit why it goes on, and whether it is cut before
   * @param limit bytes that the link carries whole
   */
  static Encapsulated of(Link live, ByteBuf packet, PacketView view, Fit fit, int limit) {
    if (!isIpInIp(live)) {
      return inTls(live, packet);
    }
    if (forbids(live, view)) {
      return new Encapsulated(
          "none",
          "it is one of the tunnel's own packets, or says that it may not be encapsulated again"
              + " (RFC 2473 section 4.1.1)",
          DropReason.LOOP);
    }
    Segmenter segmenter = new Segmenter();
    segmenter.begin(packet, packet.readerIndex(), view);
    ByteBuf first = Unpooled.buffer(segmenter.maxSegmentLength() + VirtioNetHeader.LENGTH);
    int segments = segmenter.segmentCount();
    first.writeZero(VirtioNetHeader.LENGTH);
    boolean unused = segmenter.next(first);
    PacketView inner = new PacketView();
    int length = first.writerIndex() - VirtioNetHeader.LENGTH;
    ByteBuf outer = Unpooled.buffer(128);
    if (inner.check(first, VirtioNetHeader.LENGTH, length) != PacketFault.NONE
        || !outer(live, outer, inner)) {
      return new Encapsulated(
          "none", "with its outer header it would be over 65,535 bytes", DropReason.TOO_BIG);
    }
    return inIp(outer, inner, segments, fit, limit);
  }

  /** Whether packets on it have no frame and no offload header. */
  static boolean isIpInIp(@Nullable Link live) {
    return live instanceof IpInIpLink || (live instanceof AssumedLink told && told.isIpInIp());
  }

  private static boolean forbids(Link live, PacketView view) {
    return switch (live) {
      case IpInIpLink real -> real.forbids(view);
      case AssumedLink assumed -> assumed.forbids(view);
      default -> false;
    };
  }

  private static boolean outer(Link live, ByteBuf out, PacketView inner) {
    return switch (live) {
      case IpInIpLink real -> real.outer(out, inner);
      case AssumedLink assumed -> assumed.outer(out, inner);
      default -> false;
    };
  }

  private static Encapsulated inTls(Link live, ByteBuf packet) {
    String ends = live.ends();
    return new Encapsulated(
        "a TLS frame of " + (TlsFrame.HEADER + packet.readableBytes()) + " bytes",
        "length and type, the virtio-net header, the packet as it is"
            + (ends.isEmpty() ? "" : "; on " + ends),
        null);
  }

  private static Encapsulated inIp(
      ByteBuf outer, PacketView inner, int segments, Fit fit, int limit) {
    boolean v4 = outer.getUnsignedByte(0) >>> 4 == 4;
    int size = v4 ? 4 : 16;
    int source = v4 ? V4_DESTINATION - size : 8;
    int header = outer.readableBytes();
    boolean inside = fit == Fit.IN_FRAGMENTS;
    int whole = header + inner.length();
    int pathMtu = limit + header; // an encapsulation limit is in both
    boolean cut = whole > pathMtu && !inside;
    int fragments = cut ? OuterFragments.count(whole, pathMtu, v4) : 1;
    boolean keepsWhole = v4 && (outer.getUnsignedByte(6) & 0x40) != 0 && !cut;
    String pieces =
        (segments > 1 ? ", for each of " + segments + " segments" : "")
            + (inside ? ", for each fragment of the packet" : "")
            + (fragments > 1 ? ", in " + fragments + " fragments" : "");
    return new Encapsulated(
        "IPv%d-in-IPv%d, %s > %s%s"
            .formatted(
                inner.version(),
                v4 ? 4 : 6,
                address(outer, source, size),
                address(outer, source + size, size),
                pieces),
        "%d more bytes; %s %d, traffic class 0x%02x%s"
            .formatted(
                header,
                v4 ? "TTL" : "hop limit",
                outer.getUnsignedByte(v4 ? 8 : 7),
                v4 ? outer.getUnsignedByte(1) : outer.getUnsignedShort(0) >> 4 & 0xff,
                !v4 ? "" : keepsWhole ? ", DF" : ", may be fragmented"),
        null);
  }

  private static IpAddress address(ByteBuf outer, int at, int size) {
    byte[] bytes = new byte[size];
    outer.getBytes(at, bytes);
    return IpAddress.ofBytes(bytes);
  }
}
