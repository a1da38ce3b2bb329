package dev.holdfast.redirector.replay;

import dev.holdfast.redirector.capturefile.CaptureReader;
import dev.holdfast.redirector.capturefile.Frame;
import dev.holdfast.redirector.capturefile.LinkLayer;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * The addresses in whose name a live replay sends, as played: the guest's, and those of the peers
 * that it speaks with in the capture.
 */
public record PlayedAddresses(List<IpAddress> guest, List<IpAddress> peers) {
  /** More neighbours than that no LAN has. */
  private static final int MOST_PEERS = 65_536;

  /**
   * Reads a capture to its end.
   *
   * @param captured the guest's addresses in the capture
   * @throws IllegalArgumentException where the map makes two addresses of the capture one, or there
   *     are too many; the message is a clause
   */
  public static PlayedAddresses of(
      CaptureReader reader, List<IpAddress> captured, AddressTranslation map, Replay.Watch watch)
      throws IOException {
    Set<IpAddress> peers = new LinkedHashSet<>();
    PacketView view = new PacketView();
    while (reader.next()) {
      Frame frame = reader.frame();
      int at = LinkLayer.ip(frame);
      int there = frame.offset() + frame.length() - at;
      if (at >= 0
          && view.checkHeaders(Unpooled.wrappedBuffer(frame.array()), at, there) == PacketFault.NONE
          && !view.destination().isMulticast()
          && (!view.isIcmp() || FlowId.isEcho(view))) {
        boolean fromGuest = captured.contains(view.source());
        if (fromGuest != captured.contains(view.destination())) {
          peers.add(fromGuest ? view.destination() : view.source());
        }
      }
      if (peers.size() > MOST_PEERS) {
        throw new IllegalArgumentException("it has more than " + MOST_PEERS + " peers");
      }
      if (reader.frames() % (1 << 16) == 0) {
        watch.at(reader.frames(), reader.offset(), 0);
      }
    }
    Set<IpAddress> played = new LinkedHashSet<>();
    for (IpAddress guest : captured) {
      add(played, guest, map);
    }
    List<IpAddress> guest = List.copyOf(played);
    for (IpAddress peer : peers) {
      add(played, peer, map);
    }
    return new PlayedAddresses(guest, played.stream().skip(guest.size()).toList());
  }

  private static void add(Set<IpAddress> played, IpAddress captured, AddressTranslation map) {
    if (!played.add(map.of(captured))) {
      throw new IllegalArgumentException(
          captured + " is mapped to " + map.of(captured) + ", which is in the capture as well");
    }
  }
}
