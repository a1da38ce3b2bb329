package dev.holdfast.redirector.steer;

import dev.holdfast.redirector.steer.KernelChange.Command;
import java.util.List;

/**
 * The nft tables of capture by pcap: rules that drop, and nothing else. libpcap is given a copy
 * before them, so each frame that we take is kept from the kernel.
 *
 * <pre>
 * where the LAN's interface is a bridge, which libpcap makes promiscuous:
 *   frame for the old address, or of the guest from it
 *     -> bridge forward: dropped, so it goes to no other port       (captured4/6, return4/6)
 *     -> up to the bridge itself: libpcap's copy
 *        -> netdev ingress of the bridge: dropped                   (captured4/6, return4/6)
 *   the guest's multicast and broadcast from it
 *     -> bridge prerouting: dropped, and counted                 (grouped4/6)
 *   multicast and broadcast towards the held guest
 *     -> bridge forward, output: dropped, and counted             (missed)
 *   the guest's ARP and NS as an old address, and its NS for the LAN that it has left
 *     -> bridge forward: dropped; answered from a packet socket, or
 *        asked from there as its new address                        (return4/6, kept6)
 * on any other interface:
 *   libpcap's copy -> netdev ingress: dropped
 *   the guest's multicast and broadcast -> there too, and counted (grouped4/6)
 * </pre>
 *
 * <p>No frame is changed, no route, rule, address, neighbour or sysctl is made. When the daemon is
 * dead its promiscuous mode is gone and the drops stay: nothing answers.
 */
final class PcapTables {
  static final String TABLE = "holdfast_pcap";

  private static final String TO_GROUP = "ether daddr and 01:00:00:00:00:00 == 01:00:00:00:00:00";

  private PcapTables() {}

  /** Makes the tables, or makes their rules anew; what the sets hold stays. */
  static KernelChange tables() {
    return new KernelChange(
        "make the nft tables " + TABLE + " (bridge, netdev), empty",
        List.of(new Command.Nft(SCRIPT)),
        "delete the nft tables " + TABLE,
        List.of(new Command.Nft(removal())));
  }

  private static String removal() {
    StringBuilder script = new StringBuilder();
    for (String family : new String[] {"bridge", "netdev"}) {
      String table = " table " + family + " " + TABLE + "\n";
      script.append("add").append(table).append("delete").append(table);
    }
    return script.toString();
  }

  /** Keeps what is captured on {@code device} from this host's own kernel. */
  static KernelChange ingress(String device) {
    String chain = " chain netdev " + TABLE + " in_" + device.replaceAll("[^A-Za-z0-9_.-]", "_");
    String rule = "add rule" + chain.substring(" chain".length()) + " ";
    return new KernelChange(
        "drop what is captured on " + device + " before this host's kernel sees it",
        List.of(
            new Command.Nft(
                "add"
                    + chain
                    + " { type filter hook ingress device \""
                    + device
                    + "\" priority -350; policy accept; }\n"
                    + "flush"
                    + chain
                    + "\n"
                    + rule
                    + "ip daddr @captured4 counter drop\n"
                    + rule
                    + "ip6 daddr @captured6 counter drop\n"
                    + rule
                    + "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert }"
                    + " ether saddr . ip6 saddr @return6 counter drop\n"
                    + rule
                    + TO_GROUP
                    + " ether saddr . ip saddr @grouped4 drop\n"
                    + rule
                    + TO_GROUP
                    + " ether saddr . ip6 saddr @grouped6 drop\n"
                    + rule
                    + "ether saddr . ip saddr @return4 counter drop\n"
                    + rule
                    + "ether saddr . ip6 saddr @return6 counter drop\n")),
        "nothing: it goes with its table",
        List.of());
  }

  private static final String SCRIPT =
      """
      add table bridge holdfast_pcap
      flush table bridge holdfast_pcap
      table bridge holdfast_pcap {
        set captured4 { type ipv4_addr; }
        set captured6 { type ipv6_addr; }
        set return4 { typeof ether saddr . ip saddr; }
        set return6 { typeof ether saddr . ip6 saddr; }
        set grouped4 { typeof ether saddr . ip saddr; counter; }
        set grouped6 { typeof ether saddr . ip6 saddr; counter; }
        set kept6 { typeof ether saddr . @th,64,128; flags interval; }
        set blocked { type ifname; }
        set announced { type ifname . ether_addr; }
        set missed { type ifname; counter; }

        chain prerouting {
          type filter hook prerouting priority -350; policy accept;
          iifname @blocked counter drop
          ether daddr and 01:00:00:00:00:00 == 01:00:00:00:00:00 jump to_group
        }
        chain to_group {
          icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } return
          ether saddr . ip saddr @grouped4 drop
          ether saddr . ip6 saddr @grouped6 drop
        }
        chain to_held {
          icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } return
          ether type { ip, ip6 } oifname @blocked oifname @missed drop
        }
        chain forward {
          type filter hook forward priority -350; policy accept;
          ether daddr and 01:00:00:00:00:00 == 01:00:00:00:00:00 jump to_held
          oifname @blocked counter drop
          ip daddr @captured4 counter drop
          ip6 daddr @captured6 counter drop
          ether saddr . ip saddr @return4 counter drop
          ether saddr . ip6 saddr @return6 counter drop
          ether saddr . arp saddr ip @return4 counter drop
          icmpv6 type nd-neighbor-solicit ether saddr . @th,64,128 @kept6 counter drop
        }
        chain output {
          type filter hook output priority -350; policy accept;
          ether daddr and 01:00:00:00:00:00 == 01:00:00:00:00:00 jump to_held
          oifname @blocked counter drop
          icmpv6 type nd-neighbor-advert oifname . ether saddr @announced counter drop
          ether type arp oifname . ether saddr @announced counter drop
        }
      }
      table netdev holdfast_pcap {
        set captured4 { type ipv4_addr; }
        set captured6 { type ipv6_addr; }
        set return4 { typeof ether saddr . ip saddr; }
        set return6 { typeof ether saddr . ip6 saddr; }
        set grouped4 { typeof ether saddr . ip saddr; counter; }
        set grouped6 { typeof ether saddr . ip6 saddr; counter; }
      }
      """;
}
