package dev.holdfast.redirector.config;

import dev.holdfast.tunnel.packet.IpAddress;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * An address with a port: {@code 10.1.0.2:4754} or {@code [fd00::2]:4754} (RFC 3986 section 3.2.2).
 *
 * <p>Only literals: a tunnel that hangs on a name server's answer would fail together with it.
 */
public final class EndpointText {
  private static final String FORM =
      "write an IP address and a port, such as \"10.1.0.2:4754\" or \"[fd00::2]:4754\"";
  private static final Pattern WITH_PORT =
      Pattern.compile("(?:\\[([^\\[\\]]*)\\]|([^:\\[\\]]*)):(\\d+)");

  private EndpointText() {}

  /**
   * @throws IllegalArgumentException with a sentence that shows the form, when {@code text} has
   *     another one
   */
  public static InetSocketAddress parse(String text) {
    Matcher matcher = WITH_PORT.matcher(text);
    if (!matcher.matches()) {
      throw new IllegalArgumentException(
          isAddress(text)
              ? "'%s' has no port; write \"%s\"".formatted(text, suggestion(text))
              : "'" + text + "' is not an endpoint; " + FORM);
    }
    String host = matcher.group(1) != null ? matcher.group(1) : matcher.group(2);
    boolean bracketed = matcher.group(1) != null;
    IpAddress address;
    try {
      address = IpAddress.parse(host);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(
          "'" + host + "' is not an IP address, and names are not resolved here; " + FORM, e);
    }
    if (bracketed != host.contains(":")) {
      throw new IllegalArgumentException("brackets are for IPv6 alone; " + FORM);
    }
    String port = matcher.group(3);
    if (port.length() > 5 || Integer.parseInt(port) < 1 || Integer.parseInt(port) > 65535) {
      throw new IllegalArgumentException("port " + port + " is not within 1..65535");
    }
    return new InetSocketAddress(address.toInetAddress(), Integer.parseInt(port));
  }

  /** The form that {@link #parse} reads. */
  public static String format(InetSocketAddress endpoint) {
    InetAddress address = endpoint.getAddress();
    if (address == null) {
      throw new IllegalArgumentException(endpoint + " is not resolved");
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

  private static String suggestion(String address) {
    return address.contains(":") ? "[" + address + "]:4754" : address + ":4754";
  }
}
