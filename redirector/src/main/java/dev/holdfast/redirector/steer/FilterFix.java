package dev.holdfast.redirector.steer;

import dev.holdfast.redirector.filter.Obstacle;
import dev.holdfast.redirector.filter.Passage;
import dev.holdfast.tunnel.packet.IpAddress;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** What to do about a rule of others that is in the way, in the words of the tool that made it. */
final class FilterFix {
  private FilterFix() {}

  static String of(Obstacle obstacle, List<Passage> ways, String tun) {
    Set<String> commands = new LinkedHashSet<>();
    boolean forwarded = true;
    for (Passage way : ways) {
      forwarded &= !way.out().isEmpty() && !isMapped(way, tun);
      commands.add(command(obstacle, way, tun));
    }
    String open = "open it at its head: " + String.join(" && ", commands) + owner(obstacle);
    return forwarded ? "take packets before netfilter (--capture pcap), or " + open : open;
  }

  /** By this host's own routes, not through the tunnel: pcap is no way around. */
  private static boolean isMapped(Passage way, String tun) {
    return !way.out().isEmpty() && !way.in().equals(tun) && !way.out().equals(tun);
  }

  private static String command(Obstacle obstacle, Passage way, String tun) {
    boolean nft = obstacle.tool().equals("nft");
    String which;
    if (way.out().isEmpty()) {
      String port = way.port() < 0 ? "" : (nft ? " tcp dport " : " --dport ") + way.port();
      String protocol = number(way.protocol());
      String family = way.source().isV4() ? "ip" : "ip6";
      which =
          nft
              ? family
                  + " saddr "
                  + way.source()
                  + (port.isEmpty() ? " meta l4proto " + protocol : port)
              : "-s " + way.source() + " -p " + protocol + port;
    } else {
      boolean in = way.in().equals(tun);
      if (!in
          && (isMapped(way, tun)
              || obstacle.hook().equals("prerouting"))) { // where it will leave is not known there
        boolean toGuest = !way.destination().equals(FilterChecks.farPeer(way.destination()));
        IpAddress old = toGuest ? way.destination() : way.source();
        String family = old.isV4() ? "ip" : "ip6";
        which =
            nft
                ? "iifname %s %s %s %s"
                    .formatted(way.in(), family, toGuest ? "daddr" : "saddr", old)
                : "-i %s %s %s".formatted(way.in(), toGuest ? "-d" : "-s", old);
      } else {
        which = nft ? (in ? "iifname " : "oifname ") + tun : (in ? "-i " : "-o ") + tun;
      }
    }
    if (nft) {
      return "nft insert rule %s %s %s %s accept"
          .formatted(obstacle.family(), obstacle.table(), obstacle.base(), which);
    }
    String table = obstacle.table().equals("filter") ? "" : " -t " + obstacle.table();
    return "%s%s -I %s %s -j ACCEPT".formatted(obstacle.tool(), table, obstacle.base(), which);
  }

  /** In numbers, for tools that know no names. */
  private static String number(String protocol) {
    return switch (protocol) {
      case "ipencap" -> "4";
      case "ipv6" -> "41";
      default -> protocol;
    };
  }

  /** Whose rules these are, and when they come back. */
  private static String owner(Obstacle obstacle) {
    if (obstacle.table().equals("firewalld")) {
      return " (firewalld's; until it is reloaded. For good: a policy with target ACCEPT)";
    }
    if (obstacle.chain().startsWith("LIBVIRT_") || obstacle.table().startsWith("libvirt")) {
      return " (libvirt's; it puts its own before that when one of its networks starts)";
    }
    if (obstacle.chain().startsWith("DOCKER")) {
      return " (Docker's)";
    }
    return "";
  }
}
