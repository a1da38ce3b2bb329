package dev.holdfast.redirector.steer;

import static dev.holdfast.redirector.steer.SteeringNames.CAPTURE_MARK;
import static dev.holdfast.redirector.steer.SteeringNames.DELIVERY_MARK;
import static dev.holdfast.redirector.steer.SteeringNames.LENT_MARK;
import static dev.holdfast.redirector.steer.SteeringNames.MAPPED_MARK;
import static dev.holdfast.redirector.steer.SteeringNames.RETURN_MARK;
import static dev.holdfast.redirector.steer.SteeringNames.hex;

/**
 * The nft tables: rules that never change, over sets and maps whose elements do.
 *
 * <p>A frame's way through them, on the old host (redirector) and on the new one (endpoint):
 *
 * <pre>
 * bridge prerouting   frame for the guest's MAC and old address   -> bridge's own MAC   (capture4/6)
 *                     ARP to the guest's MAC, NS for the old one  -> bridge's own MAC   (asked4/6)
 *                     frame of the guest from its old address     -> bridge's own MAC,
 *                                                                    return mark        (return4/6)
 *                     that to multicast and broadcast         -> dropped, counted    (grouped4/6)
 *                     its ARP and NS for the old LAN              -> bridge's own MAC   (kept4/6)
 *                     its ARP and NS for the new LAN              -> from its new address (renamed4/6)
 * bridge forward,     multicast and broadcast towards the held guest: dropped,
 *   output            counted                                                           (missed)
 * inet prerouting     the guest's multicast and broadcast from its old address, where its LAN is
 *                     no bridge: dropped, counted                                       (grouped4/6)
 *                     packet for the old address: capture mark, untracked               (captured4/6)
 *                     whose TTL is used up: dropped and counted                         (spent4/6)
 * (routing            capture mark -> TUN; return mark -> TUN; from the TUN -> guest)
 * inet forward        neighbour discovery never enters the tunnel; where forwarding was off before
 *                     us, what comes to this host's own MAC must be ours to go on       (narrow4/6)
 *                     or go to the old address, for neighbours who missed a rollback    (passed4/6)
 * inet output         redirects, which a router says before it asks the rules above (unrouted4/6)
 *                     this host's own packets for the old address: capture mark
 *                     resets that a filter of this host makes in the guest's name: dropped
 *                     this host's own ICMP errors about an old address: dropped       (silenced4/6)
 * arp input           ARP for the old address: capture mark, so that the kernel's own proxy entry
 *                     sees a route by the TUN and answers when this program cannot; but
 *                     never to announcements of that address itself                     (captured4)
 * inet postrouting    multicast and broadcast towards the held guest: dropped, counted  (missed)
 * bridge output       what we advertise in the guest's name goes not to its own port    (announced)
 * </pre>
 *
 * <p>A guest that does not know its new address ({@link MappingTables}) is kept from what would
 * give it another: what it asks routers and DHCP servers of the new LAN, and what these say, dies
 * in the bridge ({@code unaware}, {@code unaware4}). By which port it is there, its own frames tell
 * ({@code behind}).
 *
 * <p>The bridge rules run before every other's (-350; the kernel's own bridge netfilter is at 0,
 * nft's lowest named priority at -300).
 */
final class HoldfastTables {
  private HoldfastTables() {}

  /** As below, with a hop taken, as at any router. */
  static String script(String tun) {
    return script(tun, false);
  }

  /**
   * Makes the tables, or makes their rules anew; what the sets and maps hold stays.
   *
   * @param keepTtl whether what passes the TUN keeps its TTL
   */
  static String script(String tun, boolean keepTtl) {
    return SCRIPT
        .replace("@HOP_CHAINS@", HopLimitRules.chains(keepTtl))
        .replace("@HOP_TAKEN@", HopLimitRules.prerouting(keepTtl))
        .replace("@HOP_GIVEN@", HopLimitRules.forward(keepTtl))
        .replace("@TUN@", tun)
        .replace("@CAPTURE@", hex(CAPTURE_MARK))
        .replace("@RETURN@", hex(RETURN_MARK))
        .replace("@DELIVERY@", hex(DELIVERY_MARK))
        .replace("@LENT@", hex(LENT_MARK))
        .replace("@FORWARDED@", hex(CAPTURE_MARK | RETURN_MARK | DELIVERY_MARK | MAPPED_MARK))
        .replace("@OURS@", hex(CAPTURE_MARK | RETURN_MARK));
  }

  /** Takes them away with all they hold, whether they are there or not. */
  static String removal() {
    StringBuilder script = new StringBuilder();
    for (String family : new String[] {"bridge", "inet", "arp"}) {
      String table = " table " + family + " " + SteeringNames.TABLE + "\n";
      script.append("add").append(table).append("delete").append(table);
    }
    return script.toString();
  }

  private static final String SCRIPT =
      """
      add table bridge holdfast
      flush table bridge holdfast
      add table inet holdfast
      flush table inet holdfast
      add table arp holdfast
      flush table arp holdfast

      table bridge holdfast {
        map capture4 { typeof ether daddr . ip daddr : ether daddr; }
        map capture6 { typeof ether daddr . ip6 daddr : ether daddr; }
        map asked4 { typeof ether daddr . arp daddr ip : ether daddr; }
        map asked6 { typeof @th,64,128 : ether daddr; }
        map return4 { typeof ether saddr . ip saddr : ether daddr; }
        map return6 { typeof ether saddr . ip6 saddr : ether daddr; }
        map kept4 { typeof ether saddr . arp saddr ip . arp daddr ip : ether daddr; flags interval; }
        map kept6 { typeof ether saddr . @th,64,128 : ether daddr; flags interval; }
        set grouped4 { typeof ether saddr . ip saddr; counter; }
        set grouped6 { typeof ether saddr . ip6 saddr; counter; }
        map renamed4 { typeof ether saddr . arp saddr ip : arp saddr ip; }
        map renamed6 { typeof ether saddr . ip6 saddr : ip6 saddr; }
        set unaware { type ether_addr; }
        set unaware4 { type ipv4_addr; }
        set behind { type ifname; flags dynamic,timeout; timeout 1d; }
        set blocked { type ifname; }
        set announced { type ifname . ether_addr; }
        set missed { type ifname; counter; }

        chain prerouting {
          type filter hook prerouting priority -350; policy accept;
          iifname @blocked counter drop
          ether saddr @unaware jump unaware
          ether type arp jump address_resolution
          icmpv6 type nd-neighbor-solicit jump neighbor_solicit
          ether daddr set ether daddr . ip daddr map @capture4 meta pkttype set host counter accept
          ether daddr set ether daddr . ip6 daddr map @capture6 meta pkttype set host counter accept
          meta pkttype { broadcast, multicast } goto to_group
          ether daddr set ether saddr . ip saddr map @return4 \
      meta pkttype set host meta mark set meta mark or @RETURN@ counter accept
          ether daddr set ether saddr . ip6 saddr map @return6 \
      meta pkttype set host meta mark set meta mark or @RETURN@ counter accept
        }
        chain address_resolution {
          arp operation request \
      ether daddr set ether daddr . arp daddr ip map @asked4 meta pkttype set host counter accept
          ether daddr set ether saddr . arp saddr ip . arp daddr ip map @kept4 \
      meta pkttype set host counter accept
          arp operation request arp saddr ip set ether saddr . arp saddr ip map @renamed4 counter
        }
        chain neighbor_solicit {
          ether daddr set @th,64,128 map @asked6 meta pkttype set host counter accept
          ether daddr set ether saddr . @th,64,128 map @kept6 meta pkttype set host counter accept
          ip6 saddr set ether saddr . ip6 saddr map @renamed6 counter accept
        }
        chain to_group {
          ether saddr . ip saddr @grouped4 drop
          ether saddr . ip6 saddr @grouped6 drop
        }
        chain to_held {
          icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } return
          ether type { ip, ip6 } oifname @blocked oifname @missed drop
        }
        chain unaware {
          update @behind { iifname }
          icmpv6 type nd-router-solicit counter drop
          udp dport 547 counter drop
          ip daddr 255.255.255.255 udp dport 67 counter drop
        }
        chain to_unaware {
          icmpv6 type { nd-router-advert, nd-redirect } counter drop
          ip daddr != @unaware4 udp sport 67 udp dport 68 counter drop
          udp sport 547 udp dport 546 counter drop
        }
        chain forward {
          type filter hook forward priority -350; policy accept;
          ether daddr and 01:00:00:00:00:00 == 01:00:00:00:00:00 jump to_held
          oifname @blocked counter drop
          ether daddr @unaware jump to_unaware
          oifname @behind jump to_unaware
        }
        chain output {
          type filter hook output priority -350; policy accept;
          ether daddr and 01:00:00:00:00:00 == 01:00:00:00:00:00 jump to_held
          oifname @blocked counter drop
          ether daddr & 01:00:00:00:00:00 == 01:00:00:00:00:00 oifname @behind jump to_unaware
          icmpv6 type nd-neighbor-advert oifname . ether saddr @announced counter drop
          ether type arp oifname . ether saddr @announced counter drop
        }
      }

      table inet holdfast {
        set captured4 { type ipv4_addr; }
        set captured6 { type ipv6_addr; }
        set returned4 { type ifname . ipv4_addr; }
        set returned6 { type ifname . ipv6_addr; }
        set delivered4 { type ipv4_addr; }
        set delivered6 { type ipv6_addr; }
        set silenced4 { typeof @th,192,32; counter; }
        set silenced6 { typeof @th,256,128; counter; }
        set passed4 { type ipv4_addr; counter; }
        set passed6 { type ipv6_addr; counter; }
        set narrow4 { type ifname . ether_addr; }
        set narrow6 { type ifname . ether_addr; }
        set spent4 { type ipv4_addr; counter; }
        set spent6 { type ipv6_addr; counter; }
        set unrouted4 { type ifname; }
        set unrouted6 { type ifname; }
        set blocked { type ifname; }
        set grouped4 { type ifname . ipv4_addr; counter; }
        set grouped6 { type ifname . ipv6_addr; counter; }
        set missed { type ifname; counter; }

      @HOP_CHAINS@
        chain from_guest {
          icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } return
          iifname . ip saddr @grouped4 drop
          iifname . ip6 saddr @grouped6 drop
        }
        chain to_held {
          icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } return
          oifname @blocked oifname @missed drop
        }
        chain prerouting {
          type filter hook prerouting priority raw; policy accept;
          iifname @blocked counter drop
          meta pkttype { broadcast, multicast } jump from_guest
          ip daddr @captured4 meta mark set meta mark or @CAPTURE@ notrack counter
          ip6 daddr @captured6 meta mark set meta mark or @CAPTURE@ notrack counter
          iifname "@TUN@" ip saddr @captured4 notrack
          iifname "@TUN@" ip6 saddr @captured6 notrack
          iifname . ip saddr @returned4 meta mark set meta mark or @RETURN@ counter
          iifname . ip6 saddr @returned6 meta mark set meta mark or @RETURN@ counter
      @HOP_TAKEN@
        }
        chain forward {
          type filter hook forward priority raw; policy accept;
          meta mark and @OURS@ != 0 icmpv6 type { nd-router-solicit, nd-router-advert, \
      nd-neighbor-solicit, nd-neighbor-advert, nd-redirect } counter drop
      @HOP_GIVEN@
          meta mark and @FORWARDED@ != 0 accept
          ip daddr @passed4 accept
          ip6 daddr @passed6 accept
          meta nfproto ipv4 iifname . ether daddr @narrow4 counter drop
          meta nfproto ipv6 iifname . ether daddr @narrow6 counter drop
        }
        chain output {
          type filter hook output priority raw; policy accept;
          icmp type destination-unreachable icmp code frag-needed accept
          icmp type { destination-unreachable, time-exceeded, redirect } \
      @th,192,32 @silenced4 counter drop
          icmp type { destination-unreachable, time-exceeded, redirect } \
      @th,160,32 @silenced4 counter drop
          icmpv6 type { destination-unreachable, time-exceeded } @th,256,128 @silenced6 counter drop
          icmpv6 type { destination-unreachable, time-exceeded } @th,128,128 @silenced6 counter drop
          icmpv6 type nd-redirect @th,192,128 @silenced6 counter drop
          oifname @unrouted4 icmp type redirect counter drop
          oifname @unrouted6 icmpv6 type nd-redirect counter drop
          ip saddr @captured4 tcp flags & rst != 0 counter drop
          ip6 saddr @captured6 tcp flags & rst != 0 counter drop
          ip saddr @delivered4 tcp flags & rst != 0 counter drop
          ip6 saddr @delivered6 tcp flags & rst != 0 counter drop
          ip daddr @captured4 notrack
          ip6 daddr @captured6 notrack
        }
        chain reroute {
          type route hook output priority mangle; policy accept;
          ip daddr @captured4 meta mark set meta mark or @CAPTURE@ counter
          ip6 daddr @captured6 meta mark set meta mark or @CAPTURE@ counter
          icmp type destination-unreachable ip daddr @delivered4 \
      meta mark set meta mark or @DELIVERY@ counter
          icmpv6 type packet-too-big ip6 daddr @delivered6 \
      meta mark set meta mark or @DELIVERY@ counter
        }
        chain postrouting {
          type filter hook postrouting priority raw; policy accept;
          oifname @blocked fib daddr type { multicast, broadcast } jump to_held
          oifname @blocked counter drop
        }
      }

      table arp holdfast {
        set captured4 { typeof arp daddr ip; }
        chain input {
          type filter hook input priority 0; policy accept;
          arp saddr ip @captured4 accept
          arp daddr ip @captured4 meta mark set meta mark or @CAPTURE@ counter
        }
      }
      """;
}
