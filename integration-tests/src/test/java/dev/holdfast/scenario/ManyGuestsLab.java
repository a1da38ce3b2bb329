package dev.holdfast.scenario;

import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.Namespace;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * Three guests of one host, of which two move to the same host and one to another. All machines
 * have both families; tunnels go by IPv4.
 *
 * <pre>
 *                     client 172.20.4.9/28, fd20::9
 *                              |
 *     .1/26, fd77::1 -------- hub -------- .1/23, fd98::1
 *               |              |            |
 *   alpha lanbr 192.168.77.5   |      beta virbr7 192.168.98.5
 *     tap10   tap11   tap12    |         tap40  tap41
 *       |       |       |      |            |    |
 *   wires w0    w1      w2     |            w0   w1
 *                              +-- gamma br9 192.168.120.5/24 (.1, fd12::1) - tap42 - w2
 *
 *   w0: guest0, at alpha 192.168.77.40, .41, fd77::40, ::41   later at beta  192.168.99.200
 *   w1: guest1, at alpha 192.168.77.42, fd77::42              later at beta  192.168.99.201
 *   w2: guest2, at alpha 192.168.77.43, fd77::43              later at gamma 192.168.120.200
 * </pre>
 */
final class ManyGuestsLab {
  static final String CLIENT4 = "172.20.4.9";
  static final String CLIENT6 = "fd20::9";

  /** Which of {@link #GUESTS} there are. */
  static final int COUNT = 3;

  /**
   * A guest, and where it goes.
   *
   * @param olds IPv4 addresses, then as many of IPv6
   * @param news one of each family
   * @param gateways at the new site, one of each family
   */
  record Guest(
      String mac,
      List<String> olds,
      List<String> news,
      int newLength,
      List<String> gateways,
      String remote,
      String deliver) {
    String port() {
      return "tap1" + mac.charAt(mac.length() - 1);
    }

    private String freshPort() {
      return "tap4" + mac.charAt(mac.length() - 1);
    }

    private Stream<String> olds4() {
      return olds.stream().filter(old -> !isV6(old));
    }

    private Stream<String> olds6() {
      return olds.stream().filter(ManyGuestsLab::isV6);
    }
  }

  static final List<Guest> GUESTS =
      List.of(
          new Guest(
              "5e:10:77:aa:bb:00",
              List.of("192.168.77.40", "192.168.77.41", "fd77::40", "fd77::41"),
              List.of("192.168.99.200", "fd98::200"),
              23,
              List.of("192.168.98.1", "fd98::1"),
              "beta",
              "virbr7"),
          new Guest(
              "5e:10:77:aa:bb:01",
              List.of("192.168.77.42", "fd77::42"),
              List.of("192.168.99.201", "fd98::201"),
              23,
              List.of("192.168.98.1", "fd98::1"),
              "beta",
              "virbr7"),
          new Guest(
              "5e:10:77:aa:bb:02",
              List.of("192.168.77.43", "fd77::43"),
              List.of("192.168.120.200", "fd12::200"),
              24,
              List.of("192.168.120.1", "fd12::1"),
              "gamma",
              "br9"));

  private final List<Namespace> made;

  ManyGuestsLab(Cleanup cleanup) throws Exception {
    String prefix = "hfm" + ProcessHandle.current().pid() + "-";
    Stream<String> guests = Stream.of("guest0", "guest1", "guest2");
    made =
        Namespace.make(
            cleanup,
            Stream.concat(Stream.of("client", "hub", "alpha", "beta", "gamma", "wire"), guests)
                .map(name -> prefix + name)
                .toList());
    site(client(), "c0", "hub-c", "172.20.4.1/28", "fd20::1/64");
    site(alpha(), "ens3", "hub-a", "192.168.77.1/26", "fd77::1/64");
    site(beta(), "ens5", "hub-b", "192.168.98.1/23", "fd98::1/64");
    site(gamma(), "ens7", "hub-g", "192.168.120.1/24", "fd12::1/64");
    hub().ip("link set lo up");
    client()
        .ip(
            "link set lo up",
            "link set c0 up",
            "addr add " + CLIENT4 + "/28 dev c0",
            "addr add " + CLIENT6 + "/64 dev c0 nodad",
            "route add default via 172.20.4.1",
            "route add default via fd20::1");
    for (int i = 0; i < COUNT; i++) {
      wire(i);
    }
    OtherLab.host(alpha(), "lanbr", "ens3", "tap10", "192.168.77.5/26", "192.168.77.1");
    more(alpha(), "lanbr", "fd77::", "tap11", "tap12");
    OtherLab.host(beta(), "virbr7", "ens5", "tap40", "192.168.98.5/23", "192.168.98.1");
    more(beta(), "virbr7", "fd98::", "tap41");
    OtherLab.host(gamma(), "br9", "ens7", "tap42", "192.168.120.5/24", "192.168.120.1");
    more(gamma(), "br9", "fd12::");
    for (Namespace each : List.of(hub(), alpha(), beta(), gamma())) {
      each.sysctl("net/ipv4/ip_forward", "1");
      each.sysctl("net/ipv6/conf/all/forwarding", "1");
    }
  }

  private static boolean isV6(String address) {
    return address.indexOf(':') >= 0;
  }

  private void site(Namespace machine, String device, String atHub, String v4, String v6)
      throws Exception {
    hub()
        .ip(
            "link add " + atHub + " type veth peer name " + device + " netns " + machine,
            "addr add " + v4 + " dev " + atHub,
            "addr add " + v6 + " dev " + atHub + " nodad",
            "link set " + atHub + " up");
  }

  private static void more(Namespace host, String bridge, String net, String... ports)
      throws Exception {
    host.ip(
        "addr add " + net + "5/64 dev " + bridge + " nodad", "route add default via " + net + "1");
    for (String port : ports) {
      host.sysctl("net/ipv6/conf/" + port + "/disable_ipv6", "1");
      host.ip("link set " + port + " master " + bridge, "link set " + port + " up");
    }
  }

  /** The cable of one guest, plugged in at alpha. */
  private void wire(int number) throws Exception {
    Guest guest = GUESTS.get(number);
    Namespace fresh = guest.remote().equals("beta") ? beta() : gamma();
    wire()
        .ip(
            "link add w" + number + " type bridge forward_delay 0 mcast_snooping 0",
            "link add left" + number + " type veth peer name " + guest.port() + " netns " + alpha(),
            "link add right%d type veth peer name %s netns %s"
                .formatted(number, guest.freshPort(), fresh),
            "link add middle" + number + " type veth peer name enp1s0 netns " + guest(number),
            "link set left" + number + " master w" + number,
            "link set right" + number + " master w" + number,
            "link set middle" + number + " master w" + number,
            "link set w" + number + " up",
            "link set left" + number + " up",
            "link set middle" + number + " up");
    // Of two addresses with one prefix the second goes with the first otherwise.
    guest(number).sysctl("net/ipv4/conf/all/promote_secondaries", "1");
    List<String> lines = new ArrayList<>();
    lines.add("link set lo up");
    lines.add("link set enp1s0 address " + guest.mac());
    lines.add("link set enp1s0 up");
    guest.olds4().forEach(old -> lines.add("addr add " + old + "/26 dev enp1s0"));
    guest.olds6().forEach(old -> lines.add("addr add " + old + "/64 dev enp1s0 nodad"));
    lines.add("route add default via 192.168.77.1");
    lines.add("route add default via fd77::1");
    guest(number).ip(lines);
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

  Namespace gamma() {
    return made.get(4);
  }

  private Namespace wire() {
    return made.get(5);
  }

  Namespace guest(int number) {
    return made.get(6 + number);
  }

  /** Pulls a guest's cable, at whichever host it is. */
  void unplug(int number) throws Exception {
    wire()
        .ip(
            "link set left" + number + " down",
            "link set right" + number + " down",
            "link set middle" + number + " down");
  }

  /** Plugs a guest in where it goes, with its new addresses beside the old ones. */
  void plugInAtNewHost(int number) throws Exception {
    Guest guest = GUESTS.get(number);
    wire().ip("link set right" + number + " up", "link set middle" + number + " up");
    List<String> lines = new ArrayList<>();
    guest
        .olds4()
        .forEach(old -> {
          lines.add("addr add " + old + "/32 dev enp1s0 preferred_lft 0");
          lines.add("addr del " + old + "/26 dev enp1s0");
        });
    guest
        .olds6()
        .forEach(old ->
            lines.add("addr change " + old + "/64 dev enp1s0 preferred_lft 0 noprefixroute"));
    lines.add("addr add " + guest.news().getFirst() + "/" + guest.newLength() + " dev enp1s0");
    lines.add("addr add " + guest.news().getLast() + "/64 dev enp1s0 nodad");
    guest.gateways().forEach(by -> lines.add("route replace default via " + by + " dev enp1s0"));
    guest(number).ip(lines);
  }

  /** Plugs a guest in at alpha again, as it was. */
  void plugInAtOldHost(int number) throws Exception {
    Guest guest = GUESTS.get(number);
    wire().ip("link set left" + number + " up", "link set middle" + number + " up");
    List<String> lines = new ArrayList<>();
    guest
        .olds4()
        .forEach(old -> {
          lines.add("addr add " + old + "/26 dev enp1s0");
          lines.add("addr del " + old + "/32 dev enp1s0");
        });
    guest
        .olds6()
        .forEach(old -> lines.add("addr change " + old + "/64 dev enp1s0 preferred_lft forever"));
    lines.add("addr del " + guest.news().getFirst() + "/" + guest.newLength() + " dev enp1s0");
    lines.add("addr del " + guest.news().getLast() + "/64 dev enp1s0");
    lines.add("route replace default via 192.168.77.1 dev enp1s0");
    lines.add("route replace default via fd77::1 dev enp1s0");
    guest(number).ip(lines);
  }
}
