package dev.holdfast.redirector.replay;

import dev.holdfast.redirector.flow.FlowKey;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketView;

/**
 * Whose packet it is, without regard to its direction. One that is set again and again looks flows
 * up; a copy is a map's key.
 */
final class FlowId {
  private long highA;
  private long lowA;
  private int portA;
  private long highB;
  private long lowB;
  private int portB;
  private int protocol;
  private int hash;

  /**
   * Sets it.
   *
   * @param aIsSource whether the flow's first side, the guest's, has sent the packet
   */
  void set(PacketView view, boolean aIsSource) {
    boolean whole = !view.isFragment();
    int source = whole && view.hasPorts() ? view.sourcePort() : 0;
    int destination = whole && view.hasPorts() ? view.destinationPort() : 0;
    if (whole && view.isIcmp()) {
      source = destination = isEcho(view) ? view.icmpIdentifier() : 0;
    }
    protocol = view.protocol() | (whole ? 0 : 0x100);
    highA = aIsSource ? view.sourceHigh() : view.destinationHigh();
    lowA = aIsSource ? view.sourceLow() : view.destinationLow();
    portA = aIsSource ? source : destination;
    highB = aIsSource ? view.destinationHigh() : view.sourceHigh();
    lowB = aIsSource ? view.destinationLow() : view.sourceLow();
    portB = aIsSource ? destination : source;
    long mixed = highA * 31 + lowA;
    mixed = mixed * 0x9e3779b97f4a7c15L + highB * 31 + lowB;
    mixed = mixed * 0x9e3779b97f4a7c15L + ((long) portA << 32 | (long) portB << 9 | protocol);
    hash = (int) (mixed ^ mixed >>> 29);
  }

  static boolean isEcho(PacketView view) {
    int type = view.icmpType();
    return view.isV4() ? type == 8 || type == 0 : type == 128 || type == 129;
  }

  FlowId copy() {
    FlowId copy = new FlowId();
    copy.highA = highA;
    copy.lowA = lowA;
    copy.portA = portA;
    copy.highB = highB;
    copy.lowB = lowB;
    copy.portB = portB;
    copy.protocol = protocol;
    copy.hash = hash;
    return copy;
  }

  int portA() {
    return portA;
  }

  int portB() {
    return portB;
  }

  static String text(PacketView view, boolean aIsSource) {
    IpAddress a = aIsSource ? view.source() : view.destination();
    IpAddress b = aIsSource ? view.destination() : view.source();
    FlowId id = new FlowId();
    id.set(view, aIsSource);
    boolean ported = !view.isFragment() && view.hasPorts();
    String name = FlowKey.protocolName(view.protocol()) + (view.isFragment() ? " fragments" : "");
    return name + " " + side(a, ported ? id.portA : 0) + " - " + side(b, ported ? id.portB : 0);
  }

  private static String side(IpAddress address, int port) {
    if (port == 0) {
      return address.toString();
    }
    return (address.isV4() ? address.toString() : "[" + address + "]") + ":" + port;
  }

  @Override
  public boolean equals(Object object) {
    return object instanceof FlowId other
        && lowA == other.lowA
        && lowB == other.lowB
        && portA == other.portA
        && portB == other.portB
        && protocol == other.protocol
        && highA == other.highA
        && highB == other.highB;
  }

  @Override
  public int hashCode() {
    return hash;
  }
}
