package dev.holdfast.scenario;

import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.Namespace;
import java.util.List;

/**
 * Two guests of one host, which move to different hosts.
 *
 * <pre>
 *                        client 172.20.4.9/28
 *                              |
 *             .1/26 -------- hub -------- .1/23
 *               |              |            |
 *   alpha lanbr 192.168.77.5   |      beta virbr7 192.168.98.5
 *        tap12     tap13       |          tap40
 *          |         |         |            |
 *       wire w0   wire w1      +-- gamma br9 192.168.120.5/24 - tap50
 *
 *   w0: guest0, at alpha 192.168.77.40, later at beta  192.168.99.200
 *   w1: guest1, at alpha 192.168.77.41, later at gamma 192.168.120.200
 * </pre>
 */
final class TwoGuestsLab {
  /** Where one of the guests goes, and what it is called on the way. */
  record Guest(
      String mac, String old, String fresh, String oldPort, String gateway, String freshLan) {}

  static final List<Guest> GUESTS =
      List.of(
          new Guest(
              "5e:10:77:aa:bb:00",
              "192.168.77.40",
              "192.168.99.200",
              "tap12",
              "192.168.98.1",
              "/23"),
          new Guest(
              "5e:10:77:aa:bb:01",
              "192.168.77.41",
              "192.168.120.200",
              "tap13",
              "192.168.120.1",
              "/24"));

  private final List<Namespace> made;

  TwoGuestsLab(Cleanup cleanup) throws Exception {
    String prefix = "hfg" + ProcessHandle.current().pid() + "-";
    made =
        Namespace.make(
            cleanup,
            List.of("client", "hub", "alpha", "beta", "gamma", "wire", "guest0", "guest1").stream()
                .map(name -> prefix + name)
                .toList());
    hub()
        .ip(
            "link add hub-c type veth peer name c0 netns " + client(),
            "link add hub-a type veth peer name ens3 netns " + alpha(),
            "link add hub-b type veth peer name ens5 netns " + beta(),
            "link add hub-g type veth peer name ens7 netns " + gamma(),
            "addr add 172.20.4.1/28 dev hub-c",
            "addr add 192.168.77.1/26 dev hub-a",
            "addr add 192.168.98.1/23 dev hub-b",
            "addr add 192.168.120.1/24 dev hub-g",
            "link set lo up",
            "link set hub-c up",
            "link set hub-a up",
            "link set hub-b up",
            "link set hub-g up");
    client()
        .ip(
            "link set lo up",
            "link set c0 up",
            "addr add 172.20.4.9/28 dev c0",
            "route add default via 172.20.4.1");
    wire(0, "tap12", beta(), "tap40");
    wire(1, "tap13", gamma(), "tap50");
    OtherLab.host(alpha(), "lanbr", "ens3", "tap12", "192.168.77.5/26", "192.168.77.1");
    alpha().ip("link set tap13 master lanbr", "link set tap13 up");
    OtherLab.host(beta(), "virbr7", "ens5", "tap40", "192.168.98.5/23", "192.168.98.1");
    OtherLab.host(gamma(), "br9", "ens7", "tap50", "192.168.120.5/24", "192.168.120.1");
    for (Namespace each : List.of(hub(), alpha(), beta(), gamma())) {
      each.sysctl("net/ipv4/ip_forward", "1");
    }
  }

  /** The cable of one guest, plugged in at alpha. */
  private void wire(int number, String oldPort, Namespace fresh, String freshPort)
      throws Exception {
    Guest guest = GUESTS.get(number);
    wire()
        .ip(
            "link add w" + number + " type bridge forward_delay 0 mcast_snooping 0",
            "link add left" + number + " type veth peer name " + oldPort + " netns " + alpha(),
            "link add right" + number + " type veth peer name " + freshPort + " netns " + fresh,
            "link add middle" + number + " type veth peer name enp1s0 netns " + guest(number),
            "link set left" + number + " master w" + number,
            "link set right" + number + " master w" + number,
            "link set middle" + number + " master w" + number,
            "link set w" + number + " up",
            "link set left" + number + " up",
            "link set middle" + number + " up");
    guest(number)
        .ip(
            "link set lo up",
            "link set enp1s0 address " + guest.mac(),
            "link set enp1s0 up",
            "addr add " + guest.old() + "/26 dev enp1s0",
            "route add default via 192.168.77.1");
  }

  Namespace client() {
    return made.get(0);
  }

  private Namespace hub() {
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

  void unplug(int number) throws Exception {
    wire().ip("link set left" + number + " down", "link set middle" + number + " down");
  }

  /** Plugs a guest in where it goes, and gives it its new address. */
  void plugInAgain(int number) throws Exception {
    Guest guest = GUESTS.get(number);
    wire().ip("link set right" + number + " up", "link set middle" + number + " up");
    guest(number)
        .ip(
            "addr add " + guest.old() + "/32 dev enp1s0 preferred_lft 0",
            "addr del " + guest.old() + "/26 dev enp1s0",
            "addr add " + guest.fresh() + guest.freshLan() + " dev enp1s0",
            "route replace default via " + guest.gateway() + " dev enp1s0");
  }
}
