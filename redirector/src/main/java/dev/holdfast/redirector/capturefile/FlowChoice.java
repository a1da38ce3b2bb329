package dev.holdfast.redirector.capturefile;

import dev.holdfast.tunnel.packet.IpAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The packets of some flows, in both directions: those between two ends, or of one. The packet in a
 * packet (protocols 4 and 41) counts too, and so does the one that an ICMP error quotes: the error
 * is about that flow. Later fragments, which have no ports, count by addresses and protocol.
 */
public final class FlowChoice {
  private static final int DEEPEST = 4;
  private static final int ANY = -1;
  private static final Map<String, Integer> PROTOCOLS =
      Map.of("tcp", 6, "udp", 17, "icmp", 1, "icmp6", 58, "esp", 50, "gre", 47, "sctp", 132);
  private static final Pattern END =
      Pattern.compile("\\[([^\\]]+)](?::(\\d{1,5}))?|([0-9.]+)(?::(\\d{1,5}))?|([0-9a-fA-F:.]+)");

  /** One end; a port of {@link #ANY} is every one. */
  private record End(IpAddress address, int port) {}

  private final String text;
  private final int protocol;
  private final End first;
  private final @Nullable End second;
  private final CapturedPacket[] inner = new CapturedPacket[DEEPEST];

  private FlowChoice(String text, int protocol, End first, @Nullable End second) {
    this.text = text;
    this.protocol = protocol;
    this.first = first;
    this.second = second;
    for (int i = 0; i < DEEPEST; i++) {
      inner[i] = new CapturedPacket();
    }
  }

  /**
   * Reads {@code tcp 10.9.0.2:40000 10.1.0.10:80}; protocol, ports and the second end may be left
   * out, and commas may stand for blanks.
   *
   * @throws IllegalArgumentException with a sentence that shows the form
   */
  public static FlowChoice parse(String text) {
    List<String> words = new ArrayList<>(List.of(text.strip().split("[ ,]+")));
    int protocol = ANY;
    Integer known = PROTOCOLS.get(words.getFirst());
    if (known != null) {
      protocol = known;
      words.removeFirst();
    }
    if (words.isEmpty() || words.size() > 2) {
      throw wrong(text);
    }
    List<End> ends = words.stream().map(word -> end(word, text)).toList();
    return new FlowChoice(text, protocol, ends.getFirst(), ends.size() > 1 ? ends.getLast() : null);
  }

  private static End end(String word, String text) {
    Matcher matcher = END.matcher(word);
    if (!matcher.matches()) {
      throw wrong(text);
    }
    String address = matcher.group(1);
    String port = matcher.group(2);
    if (address == null) {
      address = matcher.group(3);
      port = matcher.group(4);
    }
    if (address == null) {
      address = matcher.group(5);
    }
    int number = port == null ? ANY : Integer.parseInt(port);
    if (number > 65_535) {
      throw wrong(text);
    }
    try {
      return new End(IpAddress.parse(address), number);
    } catch (IllegalArgumentException e) {
      throw wrong(text);
    }
  }

  private static IllegalArgumentException wrong(String text) {
    return new IllegalArgumentException(
        "'"
            + text
            + "' is no flow; write protocol and both ends, such as 'tcp 10.9.0.2:40000"
            + " 10.1.0.10:80', or less of it, such as '10.1.0.10'");
  }

  /** Whether a packet that was laid and found sound is one of them. */
  public boolean has(CapturedPacket packet) {
    return has(packet, 0);
  }

  private boolean has(CapturedPacket packet, int depth) {
    if (isOf(packet)) {
      return true;
    }
    int inside = inside(packet);
    if (inside < 0 || depth == DEEPEST || inside >= packet.limit()) {
      return false;
    }
    CapturedPacket next = inner[depth];
    return next.lay(packet.array(), inside, packet.limit() - inside, packet.end() - inside)
            == CapturedPacket.Shape.SOUND
        && has(next, depth + 1);
  }

  /** Where a packet in the packet begins; negative where there is none. */
  private static int inside(CapturedPacket packet) {
    if (packet.isFragment()) {
      return -1;
    }
    if (packet.protocol() == CapturedPacket.IPV4_INSIDE
        || packet.protocol() == CapturedPacket.IPV6_INSIDE) {
      return packet.transport();
    }
    if (packet.isIcmp() && packet.hasTransport()) {
      int type = packet.u8(packet.transport());
      boolean isError =
          packet.isV4()
              ? type == 3 || type == 4 || type == 5 || type == 11 || type == 12
              : type < 128;
      return isError ? packet.payload() : -1;
    }
    return -1;
  }

  private boolean isOf(CapturedPacket packet) {
    if (protocol != ANY && protocol != packet.protocol()) {
      return false;
    }
    boolean fromFirst =
        isSource(packet, first) && (second == null || isDestination(packet, second));
    return fromFirst
        || (isDestination(packet, first) && (second == null || isSource(packet, second)));
  }

  private static boolean isSource(CapturedPacket packet, End end) {
    return packet.sourceLow() == end.address.low()
        && packet.sourceHigh() == end.address.high()
        && isPort(packet, end.port, packet.sourcePort());
  }

  private static boolean isDestination(CapturedPacket packet, End end) {
    return packet.destinationLow() == end.address.low()
        && packet.destinationHigh() == end.address.high()
        && isPort(packet, end.port, packet.destinationPort());
  }

  private static boolean isPort(CapturedPacket packet, int wanted, int port) {
    return wanted == ANY || wanted == port || packet.fragmentOffset() > 0;
  }

  @Override
  public String toString() {
    return text;
  }
}
