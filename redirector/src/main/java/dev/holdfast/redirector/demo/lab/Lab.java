package dev.holdfast.redirector.demo.lab;

import dev.holdfast.tunnel.packet.IpAddress;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The machines of the lab, wired and addressed; the package's description draws them.
 *
 * <p>The guest runs at the old host when the lab is built. {@link GuestCable} moves it.
 */
public final class Lab {
  /** The guest's port at the old host. */
  public static final String OLD_PORT = "vnet3";

  /** The guest's port at the new host; it has no carrier until the guest is plugged in. */
  public static final String NEW_PORT = "vnet7";

  public static final String BRIDGE = "br0";
  public static final String GUEST_MAC = "52:54:00:10:00:10";

  private static final String LOWEST_MAC = "02:00:00:00:00:03";
  private static final String HIGH_MAC = "fe:54:00:10:00:10"; // what libvirt gives a tap
  private static final String PEER_PORT = "vnet4";
  private static final String WAN = "wan0";

  private final LabOptions options;
  private final Namespace client;

  private final Namespace router;
  private final Namespace oldHost;
  private final Namespace newHost;
  private final Namespace cable;
  private final Namespace guest;
  private final @Nullable Namespace peer;
  private final Namespace gateway;

  private Lab(LabOptions options, List<Namespace> made) {
    this.options = options;
    var next = made.iterator();
    client = next.next();
    router = next.next();
    oldHost = next.next();
    newHost = next.next();
    cable = next.next();
    guest = next.next();
    gateway = options.hasGateway() ? next.next() : router;
    peer = options.peer() ? next.next() : null;
  }

  /**
   * Makes everything; it goes with {@code cleanup}.
   *
   * @throws Exception with the words of the tool that failed
   */
  public static Lab build(LabOptions options, Cleanup cleanup) throws Exception {
    List<String> names =
        new ArrayList<>(List.of("client", "router", "old", "new", "cable", "guest"));
    if (options.hasGateway()) {
      names.add("gateway");
    }
    if (options.peer()) {
      names.add("peer");
    }
    names.replaceAll(name -> options.prefix() + name);
    var lab = new Lab(options, Namespace.make(cleanup, names));
    lab.layCables();
    if (options.hasGateway()) {
      DelayRelay relay = DelayRelay.start(lab.router, lab.gateway, WAN, options.wan());
      cleanup.add("the delay between the sites", relay::close);
    }
    lab.configure();
    return lab;
  }

  private void layCables() throws Exception {
    cable.sysctl("net/ipv6/conf/default/disable_ipv6", "1"); // it only carries frames
    router.ip(veth("to-client", client, "eth0"), veth("to-old", oldHost, "eth0"));
    gateway.ip(veth("to-new", newHost, "eth0"));
    cable.ip(
        "link add cable type bridge forward_delay 0 stp_state 0 mcast_snooping 0",
        "link set cable up",
        veth("guest", guest, "eth0"),
        veth("old", oldHost, OLD_PORT),
        veth("new", newHost, NEW_PORT),
        "link set guest master cable",
        "link set old master cable",
        "link set new master cable",
        "link set guest up",
        "link set old up");
    if (peer != null) {
      oldHost.ip(veth(PEER_PORT, peer, "eth0"));
    }
  }

  private static String veth(String device, Namespace other, String otherDevice) {
    return "link add %s type veth peer name %s netns %s".formatted(device, otherDevice, other);
  }

  private void configure() throws Exception {
    var lines = new Lines();
    lines.up(client, "eth0");
    lines.up(router, "to-client", "to-old");
    lines.up(gateway, "to-new");
    lines.add(guest, "link set eth0 address " + GUEST_MAC);
    lines.up(guest, "eth0");
    host(lines, oldHost, "52:54:00:a1:00:02");
    host(lines, newHost, "52:54:00:a2:00:02");
    port(lines, oldHost, OLD_PORT, options.lowestMac() ? LOWEST_MAC : HIGH_MAC);
    port(lines, newHost, NEW_PORT, HIGH_MAC);
    if (peer != null) {
      port(lines, oldHost, PEER_PORT, "fe:54:00:10:00:20");
      lines.up(peer, "eth0");
    }
    if (gateway != router) {
      for (Namespace each : List.of(router, gateway)) {
        lines.add(each, "link set " + WAN + " mtu 1500 txqueuelen 10000");
        if (options.wan().hurts()) {
          lines.add(each, "link set " + WAN + " gso_max_segs 1");
        }
        lines.up(each, WAN);
      }
    }
    address(lines, LabAddresses.V4);
    address(lines, LabAddresses.V6);
    lines.run();
    for (Namespace forwarding : new HashSet<>(List.of(router, gateway, oldHost, newHost))) {
      forwarding.sysctl("net/ipv4/ip_forward", "1");
      forwarding.sysctl("net/ipv6/conf/all/forwarding", "1");
    }
  }

  private static void host(Lines lines, Namespace host, String uplinkMac) {
    lines.add(
        host,
        "link set eth0 address " + uplinkMac,
        "link add " + BRIDGE + " type bridge forward_delay 0 stp_state 0",
        "link set eth0 master " + BRIDGE);
    lines.up(host, BRIDGE, "eth0");
  }

  /** As a hypervisor does it: a port has no address of its own in the host, IPv6 neither. */
  private static void port(Lines lines, Namespace host, String port, String mac) throws Exception {
    host.sysctl("net/ipv6/conf/" + port + "/disable_ipv6", "1");
    lines.add(host, "link set " + port + " address " + mac);
    lines.add(host, "link set " + port + " master " + BRIDGE);
    lines.up(host, port);
  }

  private void address(Lines lines, LabAddresses lan) {
    lines.address(client, "eth0", lan, lan.client(), lan.router());
    lines.address(router, "to-client", lan, lan.router(), null);
    lines.address(router, "to-old", lan, lan.oldGateway(), null);
    lines.address(gateway, "to-new", lan, lan.newGateway(), null);
    lines.address(oldHost, BRIDGE, lan, lan.oldHost(), lan.oldGateway());
    lines.address(newHost, BRIDGE, lan, lan.newHost(), lan.newGateway());
    lines.address(guest, "eth0", lan, lan.guestOld(), null);
    lines.add(guest, "route add default via " + lan.oldGateway() + " dev eth0" + acknowledging());
    if (peer != null) {
      lines.address(peer, "eth0", lan, lan.peer(), lan.oldGateway());
    }
    if (gateway != router) {
      lines.address(router, WAN, lan, lan.wanRouter(), null);
      lines.address(gateway, WAN, lan, lan.wanGateway(), lan.wanRouter());
      lines.add(
          router, "route add %s via %s dev %s".formatted(lan.newLan(), lan.wanGateway(), WAN));
    }
  }

  /** What each machine is to be told, gathered so that {@code ip} runs once for each. */
  private static final class Lines {
    private final Map<Namespace, List<String>> all = new LinkedHashMap<>();

    void add(Namespace machine, String... more) {
      all.computeIfAbsent(machine, key -> new ArrayList<>(List.of("link set lo up")))
          .addAll(List.of(more));
    }

    void up(Namespace machine, String... devices) {
      for (String device : devices) {
        add(machine, "link set " + device + " up");
      }
    }

    void address(
        Namespace machine,
        String device,
        LabAddresses lan,
        IpAddress address,
        @Nullable IpAddress defaultRoute) {
      String option = address.isV6() ? " nodad" : "";
      add(machine, "addr add " + lan.inLan(address) + " dev " + device + option);
      if (defaultRoute != null) {
        add(machine, "route add default via " + defaultRoute + " dev " + device);
      }
    }

    void run() throws IOException {
      for (var each : all.entrySet()) {
        each.getKey().ip(each.getValue());
      }
    }
  }

  public LabOptions options() {
    return options;
  }

  public Namespace client() {
    return client;
  }

  /**
   * Of the guest's routes: its kernel acknowledges what it gets without waiting for its program's
   * answer, to send both in one (RFC 1122, section 4.2.3.2). How soon a packet has come to the
   * guest can be told by that, however long the program waits for a processor, which here it shares
   * with all the hosts and all the other programs. It costs a packet for each that comes, so who
   * measures throughput goes without.
   */
  String acknowledging() {
    return options.quickAck() ? " quickack 1" : "";
  }

  /**
   * From now on the old host is behind a NAT at the new site's router, in both families: what it
   * sends there comes from the router's own address, and nobody there can connect to it. What
   * guests and clients send is not touched.
   */
  public void hideOldHost() throws IOException {
    var rules = new StringBuilder("add table inet nat_of_lab\n");
    rules.append(
        "add chain inet nat_of_lab out { type nat hook postrouting priority srcnat; }\n"
            + "add chain inet nat_of_lab in { type filter hook forward priority filter; }\n");
    for (LabAddresses lan : List.of(LabAddresses.V4, LabAddresses.V6)) {
      String ip = lan.oldHost().isV4() ? "ip" : "ip6";
      rules.append(
          "add rule inet nat_of_lab out oifname to-new %s saddr %s masquerade\n"
              .formatted(ip, lan.oldHost()));
      rules.append(
          "add rule inet nat_of_lab in iifname to-new %s daddr %s ct state new drop\n"
              .formatted(ip, lan.oldHost()));
    }
    Tool.run(gateway.within("nft", "-f", "-"), rules.toString());
  }

  public Namespace router() {
    return router;
  }

  public Namespace oldHost() {
    return oldHost;
  }

  public Namespace newHost() {
    return newHost;
  }

  public Namespace guest() {
    return guest;
  }

  /** The machine on the old LAN; null where none was asked for. */
  public @Nullable Namespace peer() {
    return peer;
  }

  Namespace cable() {
    return cable;
  }
}
