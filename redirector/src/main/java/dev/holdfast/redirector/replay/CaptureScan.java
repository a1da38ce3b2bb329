package dev.holdfast.redirector.replay;

import dev.holdfast.redirector.capturefile.CaptureReader;
import dev.holdfast.redirector.capturefile.Frame;
import dev.holdfast.redirector.capturefile.LinkLayer;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A look through a capture before it is replayed, for whoever has not said whose it is: how long it
 * is, and which addresses take part.
 */
public final class CaptureScan {
  private static final int MOST_ADDRESSES = 65_536;
  private static final double NEARLY_ALL = 0.9;

  private long durationNanos;
  private long packets;
  private final Map<IpAddress, Seen> addresses = new HashMap<>();
  private final long[] ofFamily = new long[2];

  private static final class Seen {
    long packets;
    long served; // packets on the side that a connection is opened to, or with the lower port
  }

  private CaptureScan() {}

  /** Reads a capture to its end. */
  public static CaptureScan of(CaptureReader reader, Replay.Watch watch) throws IOException {
    CaptureScan scan = new CaptureScan();
    PacketView view = new PacketView();
    long begin = 0;
    long newest = 0;
    while (reader.next()) {
      Frame frame = reader.frame();
      begin = reader.frames() == 1 ? frame.epochNanos() : begin;
      newest = Math.max(newest, frame.epochNanos() - begin);
      int at = LinkLayer.ip(frame);
      int captured = frame.offset() + frame.length() - at;
      if (at >= 0
          && view.checkHeaders(Unpooled.wrappedBuffer(frame.array()), at, captured)
              == PacketFault.NONE) {
        scan.look(view);
      }
      if (reader.frames() % (1 << 16) == 0) {
        watch.at(reader.frames(), reader.offset(), newest);
      }
    }
    scan.packets = reader.frames();
    scan.durationNanos = newest;
    return scan;
  }

  private void look(PacketView view) {
    if (view.destination().isMulticast()) {
      return;
    }
    ofFamily[view.isV4() ? 0 : 1]++;
    count(view.source(), view.sourcePort() < view.destinationPort());
    count(view.destination(), view.destinationPort() < view.sourcePort());
  }

  private void count(IpAddress address, boolean serves) {
    Seen seen = addresses.get(address);
    if (seen == null) {
      if (addresses.size() == MOST_ADDRESSES) {
        return;
      }
      seen = new Seen();
      addresses.put(address, seen);
    }
    seen.packets++;
    seen.served += serves ? 1 : 0;
  }

  public long durationNanos() {
    return durationNanos;
  }

  public long packets() {
    return packets;
  }

  /**
   * The addresses, one of each family, that take part in nearly all packets and are the servers'
   * side: whoever captured at a guest has captured just that. Empty where it cannot be told.
   */
  public List<IpAddress> guest() {
    List<IpAddress> found = new ArrayList<>();
    for (boolean v4 : new boolean[] {true, false}) {
      List<IpAddress> likely =
          addresses.entrySet().stream()
              .filter(entry -> entry.getKey().isV4() == v4)
              .filter(entry -> entry.getValue().packets >= NEARLY_ALL * ofFamily[v4 ? 0 : 1])
              .filter(entry -> 2 * entry.getValue().served > entry.getValue().packets)
              .map(Map.Entry::getKey)
              .toList();
      if (likely.size() == 1) {
        found.add(likely.getFirst());
      }
    }
    return found;
  }

  /** The addresses with the most packets, most first. */
  public List<IpAddress> busiest(int most) {
    return addresses.entrySet().stream()
        .sorted(
            Comparator.comparingLong((Map.Entry<IpAddress, Seen> e) -> -e.getValue().packets)
                .thenComparing(e -> e.getKey().toString()))
        .limit(most)
        .map(Map.Entry::getKey)
        .toList();
  }
}
