package dev.holdfast.redirector.edge;

import dev.holdfast.redirector.flow.Lanes;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.List;

/**
 * Packets that must not overtake one another: with every number of data connections they take the
 * same.
 */
record LaneRow(List<Packet> packets) implements Row {
  private static final int MOST = 64;

  static LaneRow together(Packet... packets) {
    return new LaneRow(List.of(packets));
  }

  @Override
  public void check() {
    for (int lanes = 1; lanes <= MOST; lanes++) {
      for (Packet packet : packets) {
        int first = of(packets.getFirst(), lanes);
        int was = of(packet, lanes);
        if (was != first) {
          throw new AssertionError(
              "of %d connections %s takes %d, but %s takes %d"
                  .formatted(lanes, packets.getFirst(), first, packet, was));
        }
      }
    }
  }

  private static int of(Packet packet, int lanes) {
    ByteBuf bytes = Unpooled.wrappedBuffer(packet.bytes());
    PacketView view = new PacketView();
    if (view.check(bytes, 0, bytes.readableBytes()) != PacketFault.NONE) {
      throw new IllegalArgumentException(packet + " is no packet");
    }
    return Lanes.of(view, lanes);
  }
}
