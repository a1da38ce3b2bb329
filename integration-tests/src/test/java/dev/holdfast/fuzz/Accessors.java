package dev.holdfast.fuzz;

import dev.holdfast.tunnel.packet.PacketView;

/** Asks a checked view everything that it can be asked. */
final class Accessors {
  private Accessors() {}

  /** A number that depends on each answer, so that none is left out by the compiler. */
  static long all(PacketView v) {
    long sum = v.start() + v.end() + v.length() + v.version() + v.protocol() + v.transportStart();
    sum += v.hopLimit() + v.trafficClass() + v.fragmentOffset() + v.udpLength();
    sum += v.sourceHigh() + v.sourceLow() + v.destinationHigh() + v.destinationLow();
    sum += v.sourcePort() + v.destinationPort() + v.icmpType() + v.icmpCode() + v.icmpIdentifier();
    sum += v.tcpSequence() + v.tcpAcknowledgment() + v.tcpHeaderLength() + v.tcpFlags();
    sum += v.tcpWindow() + v.tcpPayloadStart() + v.tcpPayloadLength() + v.tcpSequenceLength();
    sum += bit(v.isV4()) + bit(v.hasOptionsOrExtensions()) + bit(v.dontFragment());
    sum += bit(v.isFragment()) + bit(v.hasTransportHeader()) + bit(v.hasPorts()) + bit(v.isIcmp());
    sum += bit(v.isTcp()) + bit(v.isUdp()) + v.source().hashCode() + v.destination().hashCode();
    return sum + v.buffer().capacity();
  }

  private static int bit(boolean value) {
    return value ? 1 : 0;
  }
}
