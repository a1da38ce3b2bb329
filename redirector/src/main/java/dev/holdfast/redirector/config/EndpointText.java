package dev.holdfast.redirector.config;

import dev.holdfast.tunnel.packet.IpAddress;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * An address with a port: {@code 10.1.0.2:4754} or {@code [fd00::2]:4754} (RFC 3986 section 3.2.2).
 *
 * <p>Only literals, but for a host that may change its address: {@link #parseFar}.
 */
public final class EndpointText {
  private static final String FORM =
      "write an IP address and a port, such as \"10.1.0.2:%1$s\" or \"[fd00::2]:%1$s\"";
  private static final String OWN_PORT = "4754";
  private static final Pattern WITH_PORT =
      Pattern.compile("(?:\\[([^\\[\\]]*)\\]|([^:\\[\\]]*)):(\\d+)");

  private static final String LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
  private static final Pattern HOST_NAME = // RFC 1123 section 2.1; one letter tells it from digits
      Pattern.compile(
          "(?=[^:]{1,253}:)(?=[^:]*[A-Za-z])" + LABEL + "(?:\\." + LABEL + ")*\\.?:\\d+");

  private EndpointText() {}

  /**
   * @throws IllegalArgumentException with a sentence that shows the form, when {@code text} has
   *     another one
   */
  public static InetSocketAddress parse(String text) {
    return parse(text, OWN_PORT);
  }

  /**
   * As {@link #parse(String)}, of something other than a Holdfast host.
   *
   * @param example stands for the port where the sentence shows the form
   */
  public static InetSocketAddress parse(String text, String example) {
    String form = FORM.formatted(example);
    Matcher matcher = WITH_PORT.matcher(text);
    if (!matcher.matches()) {
      throw new IllegalArgumentException(
          isAddress(text)
              ? "'%s' has no port; write \"%s\"".formatted(text, suggestion(text, example))
              : "'" + text + "' is not an endpoint; " + form);
    }
    String host = matcher.group(1) != null ? matcher.group(1) : matcher.group(2);
    boolean bracketed = matcher.group(1) != null;
    IpAddress address;
    try {
      address = IpAddress.parse(host);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          "'" + host + "' is not an IP address, and names are not resolved here; " + form, e);
    }
    if (bracketed != host.contains(":")) {
      throw new IllegalArgumentException("brackets are for IPv6 alone; " + form);
    }
    return new InetSocketAddress(address.toInetAddress(), port(matcher.group(3)));
  }

  /**
   * As {@link #parse}; a host name may stand for the address, such as {@code host-b.example:4754}.
   * It is not resolved here: who connects does that, each time.
   */
  public static InetSocketAddress parseFar(String text) {
    if (!HOST_NAME.matcher(text).matches()) {
      return parse(text);
    }
    int colon = text.lastIndexOf(':');
    return InetSocketAddress.createUnresolved(
        text.substring(0, colon), port(text.substring(colon + 1)));
  }

  private static int port(String text) {
    if (text.length() > 5 || Integer.parseInt(text) < 1 || Integer.parseInt(text) > 65535) {
      throw new IllegalArgumentException("port " + text + " is not within 1..65535");
    }
    return Integer.parseInt(text);
  }

  /** The form that {@link #parseFar} reads. */
  public static String format(InetSocketAddress endpoint) {
    InetAddress address = endpoint.getAddress();
    if (address == null) {
      return endpoint.getHostString() + ":" + endpoint.getPort();
    }
    IpAddress ip = IpAddress.of(address);
    return ip.isV4() ? ip + ":" + endpoint.getPort() : "[" + ip + "]:" + endpoint.getPort();
  }

  private static boolean isAddress(String text) {
    try {
      IpAddress.parse(text);
      return true;
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  private static String suggestion(String address, String port) {
    return (address.contains(":") ? "[" + address + "]:" : address + ":") + port;
  }
}
