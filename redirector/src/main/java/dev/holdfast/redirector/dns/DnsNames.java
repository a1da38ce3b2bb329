package dev.holdfast.redirector.dns;

import dev.holdfast.redirector.dns.DnsException.Kind;
import org.xbill.DNS.Name;
import org.xbill.DNS.TextParseException;

/** Reads domain names as people write them. */
public final class DnsNames {
  private DnsNames() {}

  /**
   * The absolute name; a missing final dot is added.
   *
   * @throws DnsException when it is not a domain name (RFC 1035 section 2.3.4)
   */
  public static Name absolute(String text) throws DnsException {
    try {
      if (text.isBlank()) {
        throw new TextParseException("empty");
      }
      return Name.fromString(text, Name.root);
    } catch (TextParseException e) {
      throw new DnsException(Kind.CONFIGURATION, "'" + text + "' is not a domain name.", e);
    }
  }

  /** The name without its final dot, as sentences have it. */
  public static String plain(String name) {
    return name.length() > 1 && name.endsWith(".") ? name.substring(0, name.length() - 1) : name;
  }
}
