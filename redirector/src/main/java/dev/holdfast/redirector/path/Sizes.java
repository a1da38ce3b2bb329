package dev.holdfast.redirector.path;

import dev.holdfast.redirector.decide.Fit;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.SegmentLength;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import io.netty.buffer.ByteBuf;

/** The step of an explanation that says whether a packet fits where it goes. */
final class Sizes {
  private Sizes() {}

  /**
   * @param packet readable bytes are {@code [virtio_net_hdr][packet]}, and {@code view} is over it
   * @param limit bytes that pass whole
   * @param onto what it goes onto
   * @param isTunnel whether that has packets of its own, which can be cut
   */
  static void step(
      Account account,
      Fit fit,
      ByteBuf packet,
      PacketView view,
      int limit,
      String onto,
      boolean isTunnel) {
    int longest = VirtioNetHeader.longestPiece(packet, packet.readerIndex(), view);
    String measured =
        limit >= 65_535
            ? "%d bytes; %s takes any length".formatted(longest, onto)
            : "%d bytes; %s takes %d whole".formatted(longest, onto, limit);
    String told = "";
    if (fit.isTold()) {
      told =
          "; %s of %d bytes goes to %s, from %s"
              .formatted(
                  view.isV4() ? "Fragmentation Needed (RFC 1191)" : "Packet Too Big (RFC 8201)",
                  Fit.told(limit, view.isV4()),
                  view.source(),
                  view.destination());
    }
    account.step("size", measured, fit.reason() + how(fit, packet, view, limit, isTunnel) + told);
  }

  private static String how(Fit fit, ByteBuf packet, PacketView view, int limit, boolean isTunnel) {
    if (!fit.goesOnTooLong()) {
      return "";
    }
    if (isTunnel) {
      return " in outer fragments";
    }
    return SegmentLength.mayShorten(packet, packet.readerIndex(), view, limit)
        ? " as shorter TCP segments"
        : ", were there an outer packet to be cut, or a TCP segment to be divided";
  }
}
