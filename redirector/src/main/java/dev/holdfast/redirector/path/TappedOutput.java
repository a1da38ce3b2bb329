package dev.holdfast.redirector.path;

import dev.holdfast.tunnel.device.IpOutput;
import dev.holdfast.tunnel.encap.IpInIp;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import java.io.IOException;

/** Where a migration's outer packets go out; they are shown to whoever records them. */
final class TappedOutput implements IpOutput {
  /** It is no first fragment: what is inside has no header. */
  private static final int UNREADABLE = -1;

  private final IpOutput output;
  private final MigrationPath path;
  private final PacketView view = new PacketView();

  TappedOutput(IpOutput output, MigrationPath path) {
    this.output = output;
    this.path = path;
  }

  @Override
  public IpAddress local() {
    return output.local();
  }

  @Override
  public void send(ByteBuf packet) throws IOException {
    Tap tap = path.tap;
    if (tap != null) {
      int at = packet.readerIndex();
      int length = packet.readableBytes();
      int innerAt = innerAt(view, packet, at, length);
      tap.packet(Tap.Place.OUTER_IP_SENT, path, packet, at, length, innerAt, null);
    }
    output.send(packet);
  }

  /** Bytes from an outer packet's begin to the inner one's, or a negative number. */
  private static int innerAt(PacketView view, ByteBuf packet, int at, int length) {
    boolean readable =
        view.check(packet, at, length) == PacketFault.NONE
            && view.fragmentOffset() == 0
            && (view.protocol() == IpInIp.IPV4 || view.protocol() == IpInIp.IPV6);
    return readable ? view.transportStart() - at : UNREADABLE;
  }

  @Override
  public int flush() {
    return output.flush();
  }
}
