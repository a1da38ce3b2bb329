package dev.holdfast.redirector.steer;

import static dev.holdfast.redirector.steer.SteeringNames.DELIVERY_MARK;
import static dev.holdfast.redirector.steer.SteeringNames.MAPPED_MARK;
import static dev.holdfast.redirector.steer.SteeringNames.RETURN_MARK;
import static dev.holdfast.redirector.steer.SteeringNames.hex;

import dev.holdfast.redirector.steer.KernelChange.Command;
import java.util.List;

/**
 * The nft tables that map the new address of a guest that does not know it to its old one, 1:1 (NAT
 * as in RFC 3022 section 2.1, "basic NAT", by the kernel's connection tracking).
 *
 * <pre>
 * prerouting  (-150, connections are known by then)
 *             packet for a new address: delivery mark, so that it is routed to the guest    (fresh)
 *             packet of the guest, which has the return mark of {@link HoldfastTables}:
 *               of a connection that is mapped                         -> return mark off   (fresh)
 *               of another that is known: an old one                   -> the tunnel
 *               to its old LAN, while the tunnel is there              -> the tunnel        (lans)
 *               SYN alone, first UDP, ICMP echo                        -> return mark off
 *               SYN and ACK, mid-stream, all else                      -> the tunnel
 * prerouting, output (-110)   destination NEW becomes OLD              (inward)
 * postrouting, input (90)     source OLD becomes NEW, of what begins   (outward)
 * forward     packet for a new address that is not mapped, or not yet: dropped           (reserved)
 * output      this host's own packets for a new address: delivery mark                      (fresh)
 * </pre>
 *
 * <p>Old and new connections are in one zone of connection tracking. Where a client's new
 * connection would look to the guest as its old one (same ports), the kernel gives it another
 * source port towards the guest; for old ones that are silent it can do so only if it has been told
 * of them.
 *
 * <p>They are tables of their own, since a chain of type nat makes the kernel track connections.
 * Ours come before other chains of that type (-100, 100): the first one decides.
 */
final class MappingTables {
  private static final List<String> FAMILIES = List.of("ip", "ip6");

  private MappingTables() {}

  /** Makes the tables, or makes their rules anew; what the sets and maps hold stays. */
  static String script() {
    StringBuilder script = new StringBuilder();
    for (String family : FAMILIES) {
      script.append(
          SCRIPT
              .replace("@F@", family)
              .replace("@TYPE@", family.equals("ip") ? "ipv4_addr" : "ipv6_addr")
              .replace("@ICMP@", family.equals("ip") ? "icmp" : "icmpv6")
              .replace("@REDIRECT@", family.equals("ip") ? "redirect" : "nd-redirect")
              .replace("@RETURN@", hex(RETURN_MARK))
              .replace("@NOT_RETURN@", hex(~RETURN_MARK))
              .replace("@MAPPED@", hex(MAPPED_MARK))
              .replace("@DELIVERY@", hex(DELIVERY_MARK)));
    }
    return script.toString();
  }

  /** The tables as a change that all migrations of this host share. */
  static KernelChange change() {
    StringBuilder removal = new StringBuilder();
    for (String family : FAMILIES) {
      String table = " table " + family + " " + SteeringNames.TABLE + "\n";
      removal.append("add").append(table).append("delete").append(table);
    }
    return new KernelChange(
        "make the nft tables holdfast (ip, ip6), empty; from now on this host tracks connections",
        List.of(new Command.Nft(script())),
        "delete the nft tables holdfast (ip, ip6)",
        List.of(new Command.Nft(removal.toString())));
  }

  private static final String SCRIPT =
      """
      add table @F@ holdfast
      flush table @F@ holdfast

      table @F@ holdfast {
        map inward { type @TYPE@ : @TYPE@; }
        map outward { type @TYPE@ : @TYPE@; }
        set fresh { type @TYPE@; }
        set olds { type @TYPE@; }
        set reserved { type @TYPE@; }
        set lans { typeof @F@ saddr . @F@ daddr; flags interval; }

        chain choose {
          type filter hook prerouting priority mangle; policy accept;
          @F@ daddr @fresh meta mark set meta mark or @DELIVERY@ counter
          meta mark and @RETURN@ != 0 @F@ saddr @olds jump from_guest
        }
        chain from_guest {
          ct original @F@ daddr @fresh goto mapped
          ct reply @F@ daddr @fresh goto mapped
          ct state != new return
          @F@ saddr . @F@ daddr @lans return
          udp dport { 67, 547 } return
          tcp flags & (fin | syn | rst | ack) == syn goto mapped
          meta l4proto { udp, udplite } goto mapped
          @ICMP@ type echo-request goto mapped
        }
        chain mapped {
          meta mark set meta mark and @NOT_RETURN@ or @MAPPED@ counter
        }
        chain arrives {
          type nat hook prerouting priority -110; policy accept;
          counter dnat to @F@ daddr map @inward
        }
        chain arrives_from_here {
          type nat hook output priority -110; policy accept;
          counter dnat to @F@ daddr map @inward
        }
        chain leaves {
          type nat hook postrouting priority 90; policy accept;
          meta mark and @MAPPED@ != 0 counter snat to @F@ saddr map @outward
        }
        chain leaves_to_here {
          type nat hook input priority 90; policy accept;
          meta mark and @MAPPED@ != 0 counter snat to @F@ saddr map @outward
        }
        chain forward {
          type filter hook forward priority raw; policy accept;
          @F@ daddr @reserved counter drop
        }
        chain output {
          type route hook output priority mangle; policy accept;
          @ICMP@ type @REDIRECT@ @F@ daddr @olds counter drop
          @F@ daddr @fresh meta mark set meta mark or @DELIVERY@ counter
        }
      }
      """;
}
