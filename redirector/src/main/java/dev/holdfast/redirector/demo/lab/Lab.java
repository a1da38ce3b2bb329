package dev.holdfast.redirector.demo.lab;

import dev.holdfast.tunnel.packet.IpAddress;
import java.util.ArrayList;
import java.util.List;
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
    gateway = options.isDelayed() ? next.next() : router;
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
    if (options.isDelayed()) {
      names.add("gateway");
    }
    if (options.peer()) {
      names.add("peer");
    }
    names.replaceAll(name -> options.prefix() + name);
    var lab = new Lab(options, Namespace.make(cleanup, names));
    lab.wireSites();
    lab.wireGuest();
    if (options.isDelayed()) {
      lab.wireDelay(cleanup);
    }
    for (LabAddresses family : List.of(LabAddresses.V4, LabAddresses.V6)) {
      lab.address(family);
    }
    for (Namespace forwarding : List.of(lab.router, lab.gateway, lab.oldHost, lab.newHost)) {
      forwarding.sysctl("net/ipv4/ip_forward", "1");
      forwarding.sysctl("net/ipv6/conf/all/forwarding", "1");
    }
    return lab;
  }

  private void wireSites() throws Exception {
    cable.sysctl("net/ipv6/conf/default/disable_ipv6", "1"); // it only carries frames
    router.ip(
        "link set lo up",
        "link add to-client type veth peer name eth0 netns " + client,
        "link add to-old type veth peer name eth0 netns " + oldHost,
        "link set to-client up",
        "link set to-old up");
    List<String> atNewSite = new ArrayList<>();
    if (gateway != router) {
      atNewSite.add("link set lo up");
    }
    atNewSite.add("link add to-new type veth peer name eth0 netns " + newHost);
    atNewSite.add("link set to-new up");
    gateway.ip(atNewSite);
    client.ip("link set lo up", "link set eth0 up");
    wireHost(oldHost, "52:54:00:a1:00:02");
    wireHost(newHost, "52:54:00:a2:00:02");
  }

  private static void wireHost(Namespace host, String uplinkMac) throws Exception {
    host.ip(
        "link set lo up",
        "link set eth0 address " + uplinkMac,
        "link add " + BRIDGE + " type bridge forward_delay 0 stp_state 0",
        "link set " + BRIDGE + " up",
        "link set eth0 master " + BRIDGE,
        "link set eth0 up");
  }

  private void wireGuest() throws Exception {
    cable.ip(
        "link add cable type bridge forward_delay 0 stp_state 0 mcast_snooping 0",
        "link set cable up",
        "link add guest type veth peer name eth0 netns " + guest,
        "link add old type veth peer name " + OLD_PORT + " netns " + oldHost,
        "link add new type veth peer name " + NEW_PORT + " netns " + newHost,
        "link set guest master cable",
        "link set old master cable",
        "link set new master cable",
        "link set guest up",
        "link set old up");
    guest.ip("link set lo up", "link set eth0 address " + GUEST_MAC, "link set eth0 up");
    plugPort(oldHost, OLD_PORT, options.lowestMac() ? LOWEST_MAC : HIGH_MAC);
    plugPort(newHost, NEW_PORT, HIGH_MAC);
    if (peer != null) {
      oldHost.ip("link add vnet4 type veth peer name eth0 netns " + peer);
      plugPort(oldHost, "vnet4", "fe:54:00:10:00:20");
      peer.ip("link set lo up", "link set eth0 up");
    }
  }

  /** As a hypervisor does it: a port has no address of its own in the host, IPv6 neither. */
  private static void plugPort(Namespace host, String port, String mac) throws Exception {
    host.sysctl("net/ipv6/conf/" + port + "/disable_ipv6", "1");
    host.ip(
        "link set " + port + " address " + mac,
        "link set " + port + " master " + BRIDGE,
        "link set " + port + " up");
  }

  private void wireDelay(Cleanup cleanup) throws Exception {
    DelayRelay relay = DelayRelay.start(router, gateway, WAN, options.delay());
    cleanup.add("the delay between the sites", relay::close);
    for (Namespace each : List.of(router, gateway)) {
      each.ip("link set " + WAN + " mtu 1500 txqueuelen 10000", "link set " + WAN + " up");
    }
  }

  private void address(LabAddresses lan) throws Exception {
    addresses(lan, client, "eth0", lan.client(), lan.router().toString());
    addresses(lan, router, "to-client", lan.router(), null);
    addresses(lan, router, "to-old", lan.oldGateway(), null);
    addresses(lan, gateway, "to-new", lan.newGateway(), null);
    addresses(lan, oldHost, BRIDGE, lan.oldHost(), lan.oldGateway().toString());
    addresses(lan, newHost, BRIDGE, lan.newHost(), lan.newGateway().toString());
    addresses(lan, guest, "eth0", lan.guestOld(), lan.oldGateway().toString());
    if (peer != null) {
      addresses(lan, peer, "eth0", lan.peer(), lan.oldGateway().toString());
    }
    if (gateway != router) {
      addresses(lan, router, WAN, lan.wanRouter(), null);
      addresses(lan, gateway, WAN, lan.wanGateway(), lan.wanRouter().toString());
      router.ip("route add %s via %s dev %s".formatted(lan.newLan(), lan.wanGateway(), WAN));
    }
  }

  private static void addresses(
      LabAddresses lan,
      Namespace machine,
      String device,
      IpAddress address,
      @Nullable String defaultRoute)
      throws Exception {
    List<String> lines = new ArrayList<>();
    lines.add(
        "addr add " + lan.inLan(address) + " dev " + device + (address.isV6() ? " nodad" : ""));
    if (defaultRoute != null) {
      lines.add("route add default via " + defaultRoute + " dev " + device);
    }
    machine.ip(lines);
  }

  public LabOptions options() {
    return options;
  }

  public Namespace client() {
    return client;
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
