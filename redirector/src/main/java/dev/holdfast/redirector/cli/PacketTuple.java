package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.config.EndpointText;
import dev.holdfast.redirector.migration.ExplainRequest;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** A packet as protocol and two ends, {@code tcp 10.9.0.2:40000 10.1.0.10:80}, and its options. */
final class PacketTuple {
  private static final int ICMP_ECHO = 8;
  private static final int ICMPV6_ECHO = 128;
  private static final Pattern FRAGMENT = Pattern.compile("(\\d{1,5})(\\+?)");
  private static final String FLAGS = "FSRPAUEW"; // bits 0 to 7

  /** Those that people know by name; others have a number. */
  private static final Map<String, Integer> PROTOCOLS =
      new TreeMap<>(
          Map.of(
              "tcp",
              PacketView.TCP,
              "udp",
              PacketView.UDP,
              "icmp",
              PacketView.ICMP,
              "icmp6",
              PacketView.ICMPV6,
              "gre",
              47,
              "esp",
              50,
              "ah",
              51,
              "sctp",
              132));

  @Option(
      names = "--flags",
      paramLabel = "FLAGS",
      description = "TCP flags, such as S, SA, A, FA or R. Default: A")
  private @Nullable String flags;

  @Option(
      names = "--length",
      paramLabel = "BYTES",
      description = "Of the IP packet, headers and data. Default: headers alone.")
  private @Nullable Integer length;

  @Option(names = "--ttl", paramLabel = "HOPS", description = "TTL or hop limit. Default: 64")
  private @Nullable Integer ttl;

  @Option(names = "--df", description = "Don't Fragment is set, as it is by default.")
  private boolean df;

  @Option(names = "--no-df", description = "IPv4: Don't Fragment is not set.")
  private boolean noDf;

  @Option(
      names = "--fragment",
      paramLabel = "OFFSET[+]",
      description = "A fragment at that byte; + where more follow, such as 0+ for the first.")
  private @Nullable String fragment;

  /** Whether words are protocol and ends, rather than hex digits. */
  static boolean isTuple(List<String> words) {
    if (words.size() != 3) {
      return !words.isEmpty() && PROTOCOLS.containsKey(words.getFirst());
    }
    return PROTOCOLS.containsKey(words.getFirst()) || (isEnd(words.get(1)) && isEnd(words.get(2)));
  }

  private static boolean isEnd(String word) {
    if (word.indexOf('.') >= 0 || word.startsWith("[")) {
      return true;
    }
    try {
      return IpAddress.parse(word).isV6();
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  /** Whether any option of this form was given. */
  boolean isSet() {
    return flags != null || length != null || ttl != null || df || noDf || fragment != null;
  }

  /**
   * The packet: as ordinary as what is not given lets it be.
   *
   * @param words protocol, source, destination
   */
  byte[] packet(List<String> words) throws CommandFailed {
    if (words.size() != 3) {
      throw CommandFailed.usage(
          "Give protocol, source and destination, such as: tcp 10.9.0.2:40000 10.1.0.10:80");
    }
    try {
      return build(words);
    } catch (IllegalArgumentException e) {
      String message = String.valueOf(e.getMessage());
      throw CommandFailed.usage(message.endsWith(".") ? message : message + ".");
    }
  }

  private byte[] build(List<String> words) {
    int protocol = protocol(words.get(0));
    boolean hasPorts = protocol == PacketView.TCP || protocol == PacketView.UDP;
    InetSocketAddress from = end(words.get(1), hasPorts, words.get(0));
    InetSocketAddress to = end(words.get(2), hasPorts, words.get(0));
    IpAddress source = IpAddress.of(from.getAddress());
    PacketBuilder builder = new PacketBuilder(source, IpAddress.of(to.getAddress()));
    if (flags != null && protocol != PacketView.TCP) {
      throw new IllegalArgumentException("--flags is for tcp alone");
    }
    switch (protocol) {
      case PacketView.TCP -> builder.tcp(from.getPort(), to.getPort(), 1, 1, flags(), 65_535);
      case PacketView.UDP -> builder.udp(from.getPort(), to.getPort());
      case PacketView.ICMP, PacketView.ICMPV6 ->
          builder.icmp(source.isV4() ? ICMP_ECHO : ICMPV6_ECHO, 0, 1);
      default -> builder.raw(protocol);
    }
    header(builder, source.isV4());
    return sized(builder);
  }

  private static int protocol(String name) {
    Integer known = PROTOCOLS.get(name);
    if (known != null) {
      return known;
    }
    if (name.matches("\\d{1,3}") && Integer.parseInt(name) <= 255) {
      return Integer.parseInt(name);
    }
    throw new IllegalArgumentException(
        "'%s' is not a protocol known here: write %s, or its number from 0 to 255"
            .formatted(name, String.join(", ", PROTOCOLS.keySet())));
  }

  private static InetSocketAddress end(String text, boolean hasPort, String protocol) {
    if (hasPort) {
      return EndpointText.parse(text, "PORT"); // a peer's, or the guest's: any
    }
    if (text.matches("\\[[^\\[\\]]*]:\\d+|[0-9.]+:\\d+")) {
      throw new IllegalArgumentException(protocol + " has no ports: leave them out of " + text);
    }
    boolean bracketed = text.startsWith("[") && text.endsWith("]");
    IpAddress address = IpAddress.parse(bracketed ? text.substring(1, text.length() - 1) : text);
    return new InetSocketAddress(address.toInetAddress(), 0);
  }

  private int flags() {
    int bits = 0;
    for (char flag : (flags == null ? "A" : flags).toCharArray()) {
      int bit = FLAGS.indexOf(flag == '.' ? 'A' : Character.toUpperCase(flag));
      if (bit < 0) {
        throw new IllegalArgumentException(
            "'" + flag + "' is not a TCP flag: they are S, A, F, R, P, U, E and W");
      }
      bits |= 1 << bit;
    }
    return bits;
  }

  private void header(PacketBuilder builder, boolean v4) {
    if (ttl != null) {
      if (ttl < 0 || ttl > 255) {
        throw new IllegalArgumentException("--ttl " + ttl + " is not within 0..255");
      }
      builder.ttl(ttl);
    }
    if (df && (noDf || fragment != null)) {
      throw new IllegalArgumentException(
          noDf ? "give --df or --no-df, not both" : "a fragment has no --df");
    }
    if (noDf) {
      if (!v4) {
        throw new IllegalArgumentException(
            "--no-df is for IPv4: an IPv6 packet is never fragmented on its way");
      }
      builder.dontFragment(false);
    }
    if (fragment != null) {
      Matcher matcher = FRAGMENT.matcher(fragment);
      int offset = matcher.matches() ? Integer.parseInt(matcher.group(1)) : -1;
      boolean more = matcher.matches() && !matcher.group(2).isEmpty();
      if (offset < 0 || offset % 8 != 0 || offset > 65_528 || (offset == 0 && !more)) {
        throw new IllegalArgumentException(
            "--fragment "
                + fragment
                + " is none: give its offset, a multiple of 8 up to 65528, and + where more follow,"
                + " such as 0+ or 1480");
      }
      builder.fragment(offset, more);
    }
  }

  private byte[] sized(PacketBuilder builder) {
    ByteBuf out = Unpooled.buffer();
    builder.write(out);
    int headers = out.readableBytes();
    if (length == null) {
      return ByteBufUtil.getBytes(out);
    }
    if (length < headers || length > ExplainRequest.LONGEST_PACKET) {
      throw new IllegalArgumentException(
          "--length %d is not within %d (its headers) to %d"
              .formatted(length, headers, ExplainRequest.LONGEST_PACKET));
    }
    out.clear();
    builder.payload(length - headers).write(out);
    return ByteBufUtil.getBytes(out);
  }
}
