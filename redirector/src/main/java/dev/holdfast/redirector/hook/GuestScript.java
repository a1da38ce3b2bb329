package dev.holdfast.redirector.hook;

import dev.holdfast.redirector.migration.MigrationView;
import dev.holdfast.tunnel.packet.IpAddress;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a guest runs that knows its new address: a script for any sh with iproute2 or busybox.
 *
 * <p>The old addresses stay, as /32 and /128, so that old connections go on, and their LAN is
 * forgotten, so that its hosts are reached through the tunnel like everybody else. They are
 * deprecated (RFC 4862 section 5.5.4): what begins now takes the new one. An address is added
 * before a wider one goes, since the kernel would forget its routes with it; for IPv6, which has an
 * address once only, the other way round, within a moment and without asking the neighbours
 * (nodad).
 *
 * <p>Run twice it changes nothing. What was before is kept in the guest, for the way back.
 *
 * @param gateways of the new LAN, one of each family at most; where there is none the default route
 *     stays as it is
 * @param prefix4 length of the new IPv4 network's prefix
 * @param dhcp whether the new addresses and routes come of their own accord
 */
public record GuestScript(
    MigrationView migration, List<IpAddress> gateways, int prefix4, int prefix6, boolean dhcp) {

  private static final String FUNCTIONS =
      """
      all() { ip -o addr show dev "$dev"; }
      has() { all | grep -qF " $1 "; }
      wide() { all | sed -n "s#.* \\($1/[0-9]*\\) .*#\\1#p"; }
      """;

  /** The way there. */
  public String there() {
    StringBuilder text = head("has moved");
    text.append(FUNCTIONS);
    text.append("if [ ! -e \"$before\" ]; then\n  {\n");
    for (IpAddress old : olds()) {
      text.append("    wide ").append(old).append(" | sed 's/^/addr /'\n");
    }
    text.append("    ip route show default | sed 's/^/route -4 /'\n");
    text.append("    ip -6 route show default 2>/dev/null | sed '/proto ra/d; s/^/route -6 /'\n");
    text.append("  } >\"$before.new\" && mv \"$before.new\" \"$before\"\nfi\n");
    for (IpAddress old : olds()) {
      text.append(old.isV4() ? narrow4(old) : narrow6(old));
    }
    if (!dhcp) {
      news().forEach(fresh -> text.append(add(fresh, length(fresh))));
      gateways.forEach(gateway -> text.append(route(gateway)));
    }
    return text.toString();
  }

  /** The way back, where the guest runs at the old host again. */
  public String back() {
    StringBuilder text = head("is back");
    text.append(FUNCTIONS);
    text.append("[ -e \"$before\" ] || { echo \"there is no $before\" >&2; exit 1; }\n");
    if (!dhcp) {
      for (IpAddress fresh : news()) {
        String address = fresh + "/" + length(fresh);
        text.append(
            """
            ip %1$s route show default 2>/dev/null | grep -F " src %2$s " | while read -r each; do
              ip %1$s route del $each
            done
            """
                .formatted(fresh.isV4() ? "-4" : "-6", fresh));
        text.append("! has %s || ip addr del %s dev \"$dev\"\n".formatted(address, address));
      }
    }
    text.append(
        """
        while read -r what value rest; do
          case $what in
            addr)
              one=${value%/*}
              case $one in *:*) narrow=$one/128 ;; *) narrow=$one/32 ;; esac
              case $value in
                "$narrow") ;;
                *:*)
                  ! has "$narrow" || ip addr del "$narrow" dev "$dev"
                  has "$value" || ip addr add "$value" dev "$dev" nodad 2>/dev/null ||
                    ip addr add "$value" dev "$dev"
                  ;;
                *)
                  has "$value" || ip addr add "$value" dev "$dev"
                  ! has "$narrow" || ip addr del "$narrow" dev "$dev"
                  ;;
              esac
              ;;
            route) ip "$value" route replace $rest ;;
          esac
        done <"$before"
        rm -f "$before"
        """);
    return text.toString();
  }

  private StringBuilder head(String what) {
    List<String> addresses = new ArrayList<>(migration.oldAddresses());
    addresses.addAll(migration.newAddresses());
    String any = String.join(" ", addresses);
    return new StringBuilder(
        """
        #!/bin/sh
        # For the guest of %s, which %s. May be run twice.
        set -eu
        before=/run/holdfast-%s
        [ -w /run ] || before=/tmp/holdfast-%s
        dev=
        for each in %s; do
          [ -n "$dev" ] || dev=$(
            ip -o addr | sed -n "s#^[0-9]*: *\\([^ :@]*\\).* $each/.*#\\1#p" | head -n 1
          )
        done
        [ -n "$dev" ] || { echo "no interface has one of %s" >&2; exit 1; }
        """
            .formatted(migration.name(), what, migration.name(), migration.name(), any, any));
  }

  private static String narrow4(IpAddress old) {
    return """
    has %1$s/32 || ip addr add %1$s/32 dev "$dev" preferred_lft 0 2>/dev/null ||
      ip addr add %1$s/32 dev "$dev"
    wide %1$s | while read -r each; do
      [ "$each" = %1$s/32 ] || ip addr del "$each" dev "$dev"
    done
    """
        .formatted(old);
  }

  private static String narrow6(IpAddress old) {
    return """
    wide %1$s | while read -r each; do
      [ "$each" = %1$s/128 ] || ip addr del "$each" dev "$dev"
    done
    has %1$s/128 || ip addr add %1$s/128 dev "$dev" nodad preferred_lft 0 2>/dev/null ||
      ip addr add %1$s/128 dev "$dev"
    """
        .formatted(old);
  }

  private static String add(IpAddress fresh, int length) {
    String address = fresh + "/" + length;
    return fresh.isV4()
        ? "has %1$s || ip addr add %1$s dev \"$dev\"\n".formatted(address)
        : """
        has %1$s || ip addr add %1$s dev "$dev" nodad 2>/dev/null || ip addr add %1$s dev "$dev"
        """
            .formatted(address);
  }

  private String route(IpAddress gateway) {
    for (IpAddress fresh : news()) {
      if (fresh.isV4() == gateway.isV4()) {
        return "ip %s route replace default via %s dev \"$dev\" src %s\n"
            .formatted(gateway.isV4() ? "-4" : "-6", gateway, fresh);
      }
    }
    return "";
  }

  /** A new address of the other family than all gateways; null where each has its gateway. */
  public @Nullable IpAddress withoutGateway() {
    return news().stream()
        .filter(fresh -> gateways.stream().noneMatch(each -> each.isV4() == fresh.isV4()))
        .findFirst()
        .orElse(null);
  }

  private int length(IpAddress fresh) {
    return fresh.isV4() ? prefix4 : prefix6;
  }

  private List<IpAddress> olds() {
    return migration.oldAddresses().stream().map(IpAddress::parse).toList();
  }

  private List<IpAddress> news() {
    return migration.newAddresses().stream().map(IpAddress::parse).toList();
  }
}
