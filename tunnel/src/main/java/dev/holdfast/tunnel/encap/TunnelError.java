package dev.holdfast.tunnel.encap;

import java.util.Locale;

/**
 * What became of an ICMP error about a packet of the tunnel's own. It is never sent on to a peer,
 * whatever RFC 2003 section 4 and RFC 2473 section 8 would allow: to a connection that lives, the
 * tunnel is not there.
 */
public enum TunnelError {
  /** It taught a smaller path MTU, or one that was known. */
  TOO_BIG("a router on the way asks for shorter packets"),
  NET_UNREACHABLE("network unreachable"),
  HOST_UNREACHABLE("host unreachable"),
  PROTOCOL_UNREACHABLE("protocol unreachable"),
  PROHIBITED("administratively prohibited"),
  TIME_EXCEEDED("time exceeded"),
  /** What has no bearing on a tunnel; counted alone. */
  OTHER("another ICMP error"),

  /** Not believed, like those below: the quoted packet is none that was sent to a remote host. */
  NOT_SENT("it quotes a packet that was never sent"),
  NOT_GRANTED("the packet inside what it quotes is of no migration with that remote host"),
  SHORT_QUOTE("it quotes too little of the packet inside to tell whose it was"),
  BAD_MTU("the MTU that it tells cannot be the reason for it, or is that of no path"),
  TOO_SOON("the path MTU was lowered less than a second ago");

  private final String text;

  TunnelError(String text) {
    this.text = text;
  }

  /** In words: the error, or why it was not believed. */
  public String text() {
    return text;
  }

  /** The name in JSON and metrics: lower case, words joined by hyphens. */
  public String label() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /** Whether it says that packets do not reach the remote host at all. */
  public boolean meansUnreachable() {
    return switch (this) {
      case NET_UNREACHABLE, HOST_UNREACHABLE, PROTOCOL_UNREACHABLE, PROHIBITED, TIME_EXCEEDED ->
          true;
      case TOO_BIG, OTHER, NOT_SENT, NOT_GRANTED, SHORT_QUOTE, BAD_MTU, TOO_SOON -> false;
    };
  }

  /**
   * What an ICMP message says of the tunnel, by its type and code.
   *
   * @param v4 ICMP (RFC 792, RFC 1812 section 5.2.7.1), else ICMPv6 (RFC 4443 section 3)
   */
  static TunnelError of(boolean v4, int type, int code) {
    return v4 ? ofIcmp(type, code) : ofIcmpV6(type, code);
  }

  private static TunnelError ofIcmp(int type, int code) {
    return switch (type) {
      case 3 ->
          switch (code) {
            case 0, 6, 11 -> NET_UNREACHABLE;
            case 1, 7, 8, 12 -> HOST_UNREACHABLE;
            case 2 -> PROTOCOL_UNREACHABLE;
            case 4 -> TOO_BIG;
            case 9, 10, 13, 14, 15 -> PROHIBITED;
            default -> OTHER; // port: IP-in-IP has none; source route: we write none
          };
      case 11 -> TIME_EXCEEDED;
      default -> OTHER; // among them Source Quench, which is ignored (RFC 6633)
    };
  }

  private static TunnelError ofIcmpV6(int type, int code) {
    return switch (type) {
      case 1 ->
          switch (code) {
            case 0, 2, 6 -> NET_UNREACHABLE;
            case 1, 5 -> PROHIBITED;
            case 3 -> HOST_UNREACHABLE;
            default -> OTHER;
          };
      case 2 -> TOO_BIG;
      case 3 -> TIME_EXCEEDED;
      case 4 -> code == 1 ? PROTOCOL_UNREACHABLE : OTHER; // unrecognized Next Header
      default -> OTHER;
    };
  }
}
