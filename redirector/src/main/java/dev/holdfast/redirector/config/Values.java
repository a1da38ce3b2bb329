package dev.holdfast.redirector.config;

import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import java.net.InetSocketAddress;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.temporal.Temporal;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.tomlj.TomlArray;
import org.tomlj.TomlTable;

/**
 * What a value of the file may be. Each function takes what the TOML parser gives and throws {@link
 * IllegalArgumentException} with a sentence that says what would be right.
 */
final class Values {
  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9._-]{1,64}");
  private static final Pattern INTERFACE = Pattern.compile("[^\\s/:]{1,15}");
  private static final Pattern FINGERPRINT = Pattern.compile("[0-9a-f]{64}");
  private static final Pattern LABEL =
      Pattern.compile("[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?");
  private static final int LONGEST_DNS_NAME = 254; // RFC 1035 section 3.1, as text with final dot

  private Values() {}

  static String text(Object value) {
    if (value instanceof String text) {
      if (text.isEmpty()) {
        throw new IllegalArgumentException("must not be empty");
      }
      return text;
    }
    throw new IllegalArgumentException("must be text in quotes, not " + kind(value));
  }

  /** Names of hosts: what also fits file names and log lines. */
  static String name(Object value) {
    String name = text(value);
    if (!NAME.matcher(name).matches()) {
      throw new IllegalArgumentException(
          "'%s' must be 1 to 64 letters, digits, dots, hyphens or underscores".formatted(name));
    }
    return name;
  }

  /** Names of network interfaces (IFNAMSIZ without its final zero). */
  static String networkInterface(Object value) {
    String name = text(value);
    if (!INTERFACE.matcher(name).matches() || name.equals(".") || name.equals("..")) {
      throw new IllegalArgumentException(
          "'%s' cannot be an interface's name: 1 to 15 characters without space, slash or colon"
              .formatted(name));
    }
    return name;
  }

  static Duration duration(Object value) {
    if (value instanceof Long number) {
      throw new IllegalArgumentException(
          "has no unit; write text in quotes such as \"%ds\"".formatted(number));
    }
    return DurationText.parse(text(value));
  }

  static Duration positiveDuration(Object value) {
    Duration duration = duration(value);
    if (duration.isZero()) {
      throw new IllegalArgumentException("must be longer than nothing");
    }
    return duration;
  }

  static Function<Object, Long> size(long smallest, long largest) {
    return value -> {
      if (value instanceof Long number) {
        throw new IllegalArgumentException(
            "has no unit; write text in quotes such as \"%dB\" or \"64MiB\"".formatted(number));
      }
      long size = SizeText.parse(text(value));
      if (size < smallest || size > largest) {
        throw new IllegalArgumentException(
            "%s is not within %dKiB..%dMiB".formatted(value, smallest >> 10, largest >> 20));
      }
      return size;
    };
  }

  static Function<Object, Integer> integer(int smallest, int largest) {
    return value -> {
      if (!(value instanceof Long number)) {
        throw new IllegalArgumentException("must be a whole number, not " + kind(value));
      }
      if (number < smallest || number > largest) {
        throw new IllegalArgumentException(number + " is not within " + smallest + ".." + largest);
      }
      return number.intValue();
    };
  }

  static InetSocketAddress endpoint(Object value) {
    return EndpointText.parse(text(value));
  }

  /** Another daemon's endpoint: as {@link #farEndpoint}, or a host name in its place. */
  static InetSocketAddress remoteEndpoint(Object value) {
    InetSocketAddress endpoint = EndpointText.parseFar(text(value));
    return endpoint.isUnresolved() ? endpoint : farEndpoint(value);
  }

  static boolean flag(Object value) {
    if (value instanceof Boolean flag) {
      return flag;
    }
    throw new IllegalArgumentException("must be true or false, not " + kind(value));
  }

  /** A far end: one host's own address. */
  static InetSocketAddress farEndpoint(Object value) {
    InetSocketAddress endpoint = endpoint(value);
    if (endpoint.getAddress().isAnyLocalAddress() || endpoint.getAddress().isMulticastAddress()) {
      throw new IllegalArgumentException("'" + value + "' is not the address of one host");
    }
    return endpoint;
  }

  /** Relative paths start at the config file's folder: the daemon's own is anybody's guess. */
  static Function<Object, Path> path(Path folder) {
    return value -> {
      try {
        return folder.resolve(text(value)).normalize();
      } catch (InvalidPathException e) {
        throw new IllegalArgumentException("'" + value + "' cannot be a path", e);
      }
    };
  }

  /** SHA-256 as 64 lower-case hex digits; written with its prefix, colons allowed. */
  static String fingerprint(Object value) {
    String text = text(value);
    String hex = text.toLowerCase(Locale.ROOT).replaceFirst("^sha256:", "").replace(":", "");
    if (!text.toLowerCase(Locale.ROOT).startsWith("sha256:")) {
      throw new IllegalArgumentException(
          FINGERPRINT.matcher(hex).matches()
              ? "has no prefix; write \"sha256:" + hex + "\""
              : "must be \"sha256:\" and 64 hex digits, as 'holdfast cert show' prints it");
    }
    if (!FINGERPRINT.matcher(hex).matches()) {
      throw new IllegalArgumentException(
          hex.matches("[0-9a-f]*")
              ? "has " + hex.length() + " hex digits after \"sha256:\"; SHA-256 has 64"
              : "has characters other than hex digits after \"sha256:\"; 'holdfast cert show'"
                  + " prints the right form");
    }
    return hex;
  }

  static IpPrefix prefix(Object value) {
    String text = text(value);
    IpPrefix prefix;
    try {
      prefix = IpPrefix.parse(text);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          "'%s' is not an address or prefix, such as \"10.1.0.0/24\" or \"fd00:1::/64\""
              .formatted(text),
          e);
    }
    IpPrefix network = network(prefix);
    if (!network.equals(prefix)) {
      throw new IllegalArgumentException(
          "'%s' has bits set behind its length; did you mean \"%s\" or \"%s\"?"
              .formatted(text, network, IpPrefix.host(prefix.address())));
    }
    return prefix;
  }

  /**
   * An absolute DNS name, in lower case and with its final dot, whether that was written or not.
   */
  static String dnsName(Object value) {
    String text = text(value).toLowerCase(Locale.ROOT);
    String name = text.endsWith(".") ? text : text + ".";
    boolean good = name.length() > 1 && name.length() <= LONGEST_DNS_NAME;
    for (String label : name.substring(0, name.length() - 1).split("\\.", -1)) {
      good &= LABEL.matcher(label).matches();
    }
    if (!good) {
      throw new IllegalArgumentException("'" + text + "' is not a DNS name, such as \"lab.test.\"");
    }
    return name;
  }

  static <E extends Enum<E>> Function<Object, E> choice(Class<E> type) {
    List<String> labels = Arrays.stream(type.getEnumConstants()).map(Values::label).toList();
    Function<Object, String> text = choice(labels);
    return value -> type.getEnumConstants()[labels.indexOf(text.apply(value))];
  }

  static Function<Object, String> choice(List<String> labels) {
    return value -> {
      String choices =
          labels.stream().map(label -> '"' + label + '"').collect(Collectors.joining(", "));
      if (!(value instanceof String text)) {
        throw new IllegalArgumentException("must be one of " + choices + ", not " + kind(value));
      }
      if (!labels.contains(text)) {
        throw new IllegalArgumentException("'" + text + "' is not one of " + choices);
      }
      return text;
    };
  }

  /** As the file has it: {@code ROLLBACK} is {@code rollback}. */
  static String label(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /** What a value is, with its article: "the number 5", "a table". */
  static String kind(Object value) {
    return switch (value) {
      case String text -> "the text \"" + text + "\"";
      case Long number -> "the number " + number;
      case Double number -> "the number " + number;
      case Boolean bool -> bool.toString();
      case TomlArray array -> "an array";
      case TomlTable table -> "a table";
      case Temporal temporal -> "a date or time";
      default -> "a " + value.getClass().getSimpleName();
    };
  }

  private static IpPrefix network(IpPrefix prefix) {
    byte[] bytes = prefix.address().toBytes();
    for (int bit = prefix.length(); bit < bytes.length * 8; bit++) {
      bytes[bit / 8] &= (byte) ~(0x80 >> (bit % 8));
    }
    return new IpPrefix(IpAddress.ofBytes(bytes), prefix.length());
  }
}
