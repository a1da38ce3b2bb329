package dev.holdfast.redirector.path;

import dev.holdfast.redirector.decide.Fit;
import dev.holdfast.tunnel.packet.PacketView;
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
    if (fit == Fit.TOLD || fit == Fit.TOLD_AND_RESCUED) {
      told =
          "; %s of %d bytes goes to %s, from %s"
              .formatted(
                  view.isV4() ? "Fragmentation Needed (RFC 1191)" : "Packet Too Big (RFC 8201)",
                  Fit.told(limit, view.isV4()),
                  view.source(),
                  view.destination());
    }
    boolean isCut = fit == Fit.TOLD_AND_RESCUED || fit == Fit.RESCUED || fit == Fit.CARRIED;
    String why =
        isCut && !isTunnel ? "it is too big, and here no outer packet can be cut" : fit.reason();
    account.step("size", measured, why + told);
  }
}
