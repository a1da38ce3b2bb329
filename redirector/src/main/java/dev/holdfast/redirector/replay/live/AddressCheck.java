package dev.holdfast.redirector.replay.live;

import dev.holdfast.redirector.replay.PlayedAddresses;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.stream.Stream;

/** Which addresses a live replay does not play, since they are somebody's. */
final class AddressCheck {
  private static final int SHOWN = 5;

  /**
   * What no router of the Internet carries: RFC 1918, RFC 6598, RFC 3927, RFC 5737, RFC 2544, RFC
   * 4193, RFC 4291, RFC 3849, RFC 9637.
   */
  private static final List<IpPrefix> PRIVATE =
      Stream.of(
              "10.0.0.0/8",
              "172.16.0.0/12",
              "192.168.0.0/16",
              "100.64.0.0/10",
              "169.254.0.0/16",
              "192.0.2.0/24",
              "198.51.100.0/24",
              "203.0.113.0/24",
              "198.18.0.0/15",
              "fc00::/7",
              "fe80::/10",
              "2001:db8::/32",
              "3fff::/20")
          .map(IpPrefix::parse)
          .toList();

  /** Of no host, or of this one; never sent on a LAN. */
  private static final List<IpPrefix> NEVER =
      Stream.of("0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3", "::/127", "ff00::/8")
          .map(IpPrefix::parse)
          .toList();

  private AddressCheck() {}

  /**
   * What forbids it, a sentence each; empty where all may be played.
   *
   * @param own this machine's addresses
   * @param force whether public addresses, and this machine's, are played all the same
   */
  static List<String> problems(PlayedAddresses played, Collection<IpAddress> own, boolean force) {
    List<IpAddress> all = new ArrayList<>(played.guest());
    all.addAll(played.peers());
    List<String> problems = new ArrayList<>();
    tell(
        problems,
        all.stream().filter(each -> isIn(each, NEVER)).toList(),
        "no host on a LAN has, and which are not sent; map %s to another address with --map");
    if (force) {
      return problems;
    }
    tell(
        problems,
        all.stream().filter(own::contains).toList(),
        "this machine has itself: its kernel would reset the connections; take %s off, replay in a"
            + " network namespace of its own, or use --any-address");
    tell(
        problems,
        all.stream().filter(each -> !isIn(each, PRIVATE) && !isIn(each, NEVER)).toList(),
        "may be somebody's on the Internet; map %s to private addresses with --map, or use --any-address"
            + " where nobody else can be reached");
    return problems;
  }

  private static void tell(List<String> problems, List<IpAddress> found, String what) {
    if (found.isEmpty()) {
      return;
    }
    String names =
        String.join(", ", found.stream().limit(SHOWN).map(IpAddress::toString).toList())
            + (found.size() > SHOWN ? " and %,d more".formatted(found.size() - SHOWN) : "");
    problems.add(
        "The capture has "
            + names
            + ", which "
            + what.formatted(found.size() == 1 ? "it" : "them")
            + ".");
  }

  private static boolean isIn(IpAddress address, List<IpPrefix> prefixes) {
    return prefixes.stream().anyMatch(prefix -> prefix.contains(address));
  }
}
