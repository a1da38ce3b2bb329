package dev.holdfast.scenario;

import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.Namespace;
import java.util.List;

/**
 * A topology that has nothing of the demo's but its shape.
 *
 * <pre>
 *   client c0 172.20.4.9/28
 *          |
 *       hub-c 172.20.4.1
 *         hub
 *       hub-a 192.168.77.1/26          hub-b 192.168.98.1/23
 *          |                              |
 *        ens3                           ens5
 *   alpha lanbr 192.168.77.5       beta virbr7 192.168.98.5
 *        tap12                          tap40
 *          \                              /
 *          left -------- wire ---------right
 *                         |
 *   guest enp1s0 192.168.77.40, later 192.168.99.200
 * </pre>
 */
final class OtherLab {
  static final String GUEST_MAC = "5e:10:77:aa:bb:cc";
  static final String OLD = "192.168.77.40";

  /** What alpha and beta grant each other. */
  static final String GRANTED = "192.168.77.32/27";

  static final String NEW = "192.168.99.200";

  private final List<Namespace> made;

  OtherLab(Cleanup cleanup) throws Exception {
    String prefix = "hft" + ProcessHandle.current().pid() + "-";
    made =
        Namespace.make(
            cleanup,
            List.of("client", "hub", "alpha", "beta", "wire", "guest").stream()
                .map(name -> prefix + name)
                .toList());
    hub()
        .ip(
            "link add hub-c type veth peer name c0 netns " + client(),
            "link add hub-a type veth peer name ens3 netns " + alpha(),
            "link add hub-b type veth peer name ens5 netns " + beta(),
            "addr add 172.20.4.1/28 dev hub-c",
            "addr add 192.168.77.1/26 dev hub-a",
            "addr add 192.168.98.1/23 dev hub-b",
            "link set lo up",
            "link set hub-c up",
            "link set hub-a up",
            "link set hub-b up");
    wire()
        .ip(
            "link add wire type bridge forward_delay 0 mcast_snooping 0",
            "link add left type veth peer name tap12 netns " + alpha(),
            "link add right type veth peer name tap40 netns " + beta(),
            "link add middle type veth peer name enp1s0 netns " + guest(),
            "link set left master wire",
            "link set right master wire",
            "link set middle master wire",
            "link set wire up",
            "link set left up",
            "link set middle up");
    client()
        .ip(
            "link set lo up",
            "link set c0 up",
            "addr add 172.20.4.9/28 dev c0",
            "route add default via 172.20.4.1");
    host(alpha(), "lanbr", "ens3", "tap12", "192.168.77.5/26", "192.168.77.1");
    host(beta(), "virbr7", "ens5", "tap40", "192.168.98.5/23", "192.168.98.1");
    guest()
        .ip(
            "link set lo up",
            "link set enp1s0 address " + GUEST_MAC,
            "link set enp1s0 up",
            "addr add " + OLD + "/26 dev enp1s0",
            "route add default via 192.168.77.1");
    for (Namespace each : List.of(hub(), alpha(), beta())) {
      each.sysctl("net/ipv4/ip_forward", "1");
    }
  }

  static void host(
      Namespace host, String bridge, String uplink, String port, String address, String gateway)
      throws Exception {
    host.sysctl("net/ipv6/conf/" + port + "/disable_ipv6", "1");
    host.ip(
        "link set lo up",
        "link add " + bridge + " type bridge forward_delay 0",
        "link set " + uplink + " master " + bridge,
        "link set " + port + " master " + bridge,
        "link set " + uplink + " up",
        "link set " + port + " up",
        "link set " + bridge + " up",
        "addr add " + address + " dev " + bridge,
        "route add default via " + gateway);
  }

  Namespace client() {
    return made.get(0);
  }

  Namespace hub() {
    return made.get(1);
  }

  Namespace alpha() {
    return made.get(2);
  }

  Namespace beta() {
    return made.get(3);
  }

  private Namespace wire() {
    return made.get(4);
  }

  Namespace guest() {
    return made.get(5);
  }

  /** Pulls the guest's cable. */
  void unplug() throws Exception {
    wire().ip("link set left down", "link set middle down");
  }

  /** Plugs the guest in at beta and gives it its new address. */
  void plugInAtBeta() throws Exception {
    wire().ip("link set right up", "link set middle up");
    guest()
        .ip(
            "addr add " + OLD + "/32 dev enp1s0 preferred_lft 0",
            "addr del " + OLD + "/26 dev enp1s0",
            "addr add " + NEW + "/23 dev enp1s0",
            "route replace default via 192.168.98.1 dev enp1s0");
  }

  /** Plugs the guest in at alpha again, as it was. */
  void plugInAtAlpha() throws Exception {
    wire().ip("link set right down", "link set left up", "link set middle up");
    guest()
        .ip(
            "addr add " + OLD + "/26 dev enp1s0",
            "addr del " + OLD + "/32 dev enp1s0",
            "addr del " + NEW + "/23 dev enp1s0",
            "route replace default via 192.168.77.1 dev enp1s0");
  }

  /** Pulls the guest's cable at beta. */
  void unplugAtBeta() throws Exception {
    wire().ip("link set right down", "link set middle down");
  }
}
