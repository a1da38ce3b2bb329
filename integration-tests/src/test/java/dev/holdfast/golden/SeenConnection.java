package dev.holdfast.golden;

import dev.holdfast.tunnel.packet.IpAddress;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a capture shows of one TCP connection, or of the datagrams between two UDP ports. Its first
 * end is who sent the SYN; where there is none, who sent the first packet.
 */
final class SeenConnection {
  private final List<SeenPacket> packets = new ArrayList<>();
  private final SeenStream there = new SeenStream();
  private final SeenStream back = new SeenStream();
  private final SeenPacket first;
  private long datagramsThere;
  private long datagramsBack;
  private long udpBytesThere;
  private long udpBytesBack;
  private @Nullable SeenPacket reset;

  SeenConnection(SeenPacket first) {
    this.first = first;
  }

  private boolean isAnswer() {
    return first.has(SeenPacket.SYN) && first.has(SeenPacket.ACK);
  }

  IpAddress from() {
    return isAnswer() ? first.destination : first.source;
  }

  IpAddress to() {
    return isAnswer() ? first.source : first.destination;
  }

  int fromPort() {
    return isAnswer() ? first.destinationPort : first.sourcePort;
  }

  int toPort() {
    return isAnswer() ? first.sourcePort : first.destinationPort;
  }

  boolean isTcp() {
    return first.isTcp();
  }

  boolean isThere(SeenPacket packet) {
    return packet.source.equals(from()) && packet.sourcePort == fromPort();
  }

  void add(SeenPacket packet, long udpBytes) {
    packets.add(packet);
    boolean isThere = isThere(packet);
    if (packet.isTcp()) {
      (isThere ? there : back).add(packet);
      if (packet.has(SeenPacket.RST)) {
        reset = packet;
      }
    } else if (isThere) {
      datagramsThere++;
      udpBytesThere += udpBytes;
    } else {
      datagramsBack++;
      udpBytesBack += udpBytes;
    }
  }

  /** Of a fragmented datagram, the first fragment alone. */
  List<SeenPacket> packets() {
    return packets;
  }

  List<SeenPacket> packetsFrom(IpAddress address) {
    return packets.stream().filter(each -> each.source.equals(address)).toList();
  }

  /** From its first end; empty for UDP. */
  SeenStream there() {
    return there;
  }

  /** To its first end; empty for UDP. */
  SeenStream back() {
    return back;
  }

  SeenStream stream(IpAddress sender) {
    return sender.equals(from()) ? there : back;
  }

  boolean hasSyn() {
    return packets.stream().anyMatch(each -> each.has(SeenPacket.SYN));
  }

  long datagramsThere() {
    return datagramsThere;
  }

  long datagramsBack() {
    return datagramsBack;
  }

  long bytesThere() {
    return isTcp() ? there.bytes() : udpBytesThere;
  }

  long bytesBack() {
    return isTcp() ? back.bytes() : udpBytesBack;
  }

  /** The packet with which so many different bytes of one sender have been seen. */
  SeenPacket whenSent(IpAddress sender, long bytes) {
    var stream = new SeenStream();
    for (SeenPacket each : packetsFrom(sender)) {
      stream.add(each);
      if (stream.bytes() >= bytes) {
        return each;
      }
    }
    throw new AssertionError(sender + " has not sent " + bytes + " bytes");
  }

  /** "SYN", or that the capture began later. */
  String begins() {
    return hasSyn() ? "SYN" : "mid-stream";
  }

  /** How it ended in the capture. */
  String ends() {
    SeenPacket last = reset;
    if (last != null) {
      return "RST by " + last.source;
    }
    return there.isEnded() && back.isEnded()
        ? "FIN"
        : there.isEnded() || back.isEnded() ? "half-open" : "open";
  }
}
