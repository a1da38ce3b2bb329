package dev.holdfast.scenario;

import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.redirector.demo.measure.Tap;
import dev.holdfast.tunnel.device.FrameFilter;
import dev.holdfast.tunnel.device.PacketSocket;
import dev.holdfast.tunnel.packet.ArpMessage;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.packet.NeighbourMessage;
import dev.holdfast.tunnel.packet.SolicitedNode;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** Who says on a LAN that he has which address, in ARP and in neighbour advertisements. */
final class NeighbourLog implements AutoCloseable {
  private static final String FILTER = "arp or (ip6[6] == 58 and ip6[40] == 136)";

  /**
   * One saying.
   *
   * @param announced to everybody and unasked: ARP in its request form with SPA = TPA (RFC 5227
   *     section 3), an advertisement to all nodes with Override and not Solicited (RFC 4861 section
   *     7.2.6), from the MAC that it speaks of
   */
  record Said(long epochNanos, IpAddress address, MacAddress at, boolean announced) {}

  private final List<Said> said = new CopyOnWriteArrayList<>();
  private final ArpMessage arp = new ArpMessage();
  private final NeighbourMessage neighbour = new NeighbourMessage();
  private final Namespace where;
  private final String device;
  private final Tap tap;

  NeighbourLog(Namespace where, String device) throws Exception {
    this.where = where;
    this.device = device;
    this.tap = Tap.open(where, device, FILTER, null, this::frame);
  }

  /** On the tap's thread. */
  private void frame(long epochNanos, byte[] headers) {
    ByteBuf frame = Unpooled.wrappedBuffer(headers);
    if (arp.check(frame, 0, headers.length)) {
      boolean announced =
          arp.isRequest()
              && arp.isGratuitous()
              && arp.frameDestination().equals(MacAddress.BROADCAST)
              && arp.frameSource().equals(arp.senderMac());
      said.add(new Said(epochNanos, arp.senderAddress(), arp.senderMac(), announced));
    } else if (neighbour.check(frame, 0, headers.length) && neighbour.isAdvertisement()) {
      MacAddress at = neighbour.linkLayerAddress();
      boolean announced =
          neighbour.destination().equals(SolicitedNode.ALL_NODES)
              && neighbour.frameDestination().equals(SolicitedNode.macOf(SolicitedNode.ALL_NODES))
              && neighbour.isOverride()
              && neighbour.frameSource().equals(at);
      said.add(
          new Said(
              epochNanos,
              neighbour.target(),
              at == null ? neighbour.frameSource() : at,
              announced));
    }
  }

  /** Of one address, in order. */
  List<Said> of(String address) {
    IpAddress wanted = IpAddress.parse(address);
    return said.stream().filter(each -> each.address().equals(wanted)).toList();
  }

  /** Announcements of an address at {@code mac}. */
  List<Said> announced(String address, MacAddress mac) {
    return of(address).stream().filter(each -> each.announced() && each.at().equals(mac)).toList();
  }

  /** Asks for the addresses here, a thousand times a second or so, until it is closed. */
  AutoCloseable asking(String router4, String router6, List<String> addresses) throws Exception {
    PacketSocket socket = where.call(() -> PacketSocket.open(device, FrameFilter.NONE));
    Thread asker =
        Thread.ofPlatform()
            .name("asking")
            .start(() -> {
              ByteBuf frame = Unpooled.directBuffer(128);
              try {
                while (!Thread.currentThread().isInterrupted()) {
                  for (String each : addresses) {
                    IpAddress target = IpAddress.parse(each);
                    frame.clear();
                    if (target.isV4()) {
                      ArpMessage.writeRequest(
                          frame, socket.macAddress(), IpAddress.parse(router4), target);
                    } else {
                      NeighbourMessage.writeSolicitation(
                          frame, socket.macAddress(), IpAddress.parse(router6), target);
                    }
                    boolean unused = socket.send(frame);
                  }
                  Thread.sleep(1);
                }
              } catch (InterruptedException over) {
                Thread.currentThread().interrupt();
              } catch (java.io.IOException e) {
                throw new java.io.UncheckedIOException(e);
              } finally {
                frame.release();
              }
            });
    return () -> {
      asker.interrupt();
      asker.join();
      socket.close();
    };
  }

  @Override
  public void close() throws Exception {
    tap.close();
  }
}
