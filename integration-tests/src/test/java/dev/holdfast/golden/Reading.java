package dev.holdfast.golden;

import dev.holdfast.tunnel.packet.IpAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.NavigableMap;
import java.util.TreeMap;

/** What a case has found in its capture, for those who replay it. */
final class Reading {
  /**
   * A moment at which a move shows much.
   *
   * @param packet as in {@code --move-at packet:N}
   * @param why what is under way then, a clause
   */
  record Moment(long packet, String why) {}

  private final List<IpAddress> old;
  private final List<Moment> moments = new ArrayList<>();
  private final NavigableMap<Long, String> comments = new TreeMap<>();

  /**
   * @param old the addresses of who moves
   */
  Reading(IpAddress... old) {
    this.old = List.of(old);
  }

  Reading moment(SeenPacket packet, String why) {
    moments.add(new Moment(packet.number, why));
    return this;
  }

  /** Wireshark shows it with the packet; classic pcap has no room for it. */
  Reading comment(SeenPacket packet, String text) {
    comments.merge(packet.number, text, (one, other) -> one + "; " + other);
    return this;
  }

  List<IpAddress> old() {
    return old;
  }

  List<Moment> moments() {
    return moments;
  }

  NavigableMap<Long, String> comments() {
    return comments;
  }
}
