package dev.holdfast.golden;

import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.DelayRelay;
import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.redirector.demo.lab.LabOptions;
import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.redirector.demo.lab.Tool;
import dev.holdfast.redirector.demo.lab.Wan;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A client, and a site with two guests, as it is before anybody moves; IPv6 alike (fd00:9::2,
 * fd00:1::1 and so on).
 *
 * <pre>
 *  client           router                      site                  guest
 *  eth0 --- to-client   wan0 ~~~ delay ~~~ wan0     br0 -+- vnet3 --- eth0
 *  10.9.0.2     10.9.0.1                     10.1.0.1    |             10.1.0.10
 *                                                        +- vnet4 --- eth0
 *                                                      second guest    10.1.0.20
 * </pre>
 */
final class GoldenLab {
  static final String PORT = "vnet3";
  static final String BRIDGE = "br0";
  static final String WAN = "wan0";
  static final String SECOND_WAY = "wan1";

  private static final LabAddresses V4 = LabAddresses.V4;
  private static final LabAddresses V6 = LabAddresses.V6;
  private static final AtomicInteger LABS = new AtomicInteger();

  private final Namespace client;
  private final Namespace router;
  private final Namespace site;
  private final Namespace guest;
  private final Namespace second;
  private final Path folder;
  private final Cleanup cleanup;
  private final String precision;
  private int recordings;

  private GoldenLab(List<Namespace> made, Path folder, Cleanup cleanup, String precision) {
    client = made.get(0);
    router = made.get(1);
    site = made.get(2);
    guest = made.get(3);
    second = made.get(4);
    this.folder = folder;
    this.cleanup = cleanup;
    this.precision = precision;
  }

  /** Builds what a case wants; it goes with {@code cleanup}, files go to {@code folder}. */
  static GoldenLab build(GoldenCase wanted, Path folder, Cleanup cleanup) throws Exception {
    String prefix = LabOptions.ofThisProcess() + "g" + LABS.incrementAndGet() + "-";
    List<String> names =
        List.of("client", "router", "site", "guest", "second").stream()
            .map(name -> prefix + name)
            .toList();
    String precision = wanted.form() == Form.PCAP_MICROSECONDS ? "micro" : "nano";
    var lab = new GoldenLab(Namespace.make(cleanup, names), folder, cleanup, precision);
    lab.wire(wanted.wan());
    if (!wanted.hasOffloads()) {
      lab.withoutOffloads();
    }
    return lab;
  }

  private void wire(Wan wan) throws Exception {
    DelayRelay relay = DelayRelay.start(router, site, WAN, wan);
    cleanup.add("the delay", relay::close);
    client.ip("link set lo up");
    router.ip(
        "link set lo up",
        "link add to-client address 52:54:00:09:00:01 type veth peer name eth0 address"
            + " 52:54:00:09:00:02 netns "
            + client,
        "link set to-client up",
        "link set wan0 mtu 1500 txqueuelen 10000",
        "link set wan0 up");
    site.ip(
        "link set lo up",
        "link add br0 address 52:54:00:a1:00:01 type bridge forward_delay 0 stp_state 0"
            + " mcast_snooping 0",
        "link set br0 up",
        "link set wan0 mtu 1500 txqueuelen 10000",
        "link set wan0 up");
    port(PORT, guest, "10");
    port("vnet4", second, "20");
    address(V4, "");
    address(V6, " nodad");
    for (Namespace each : List.of(router, site)) {
      each.sysctl("net/ipv4/ip_forward", "1");
      each.sysctl("net/ipv6/conf/all/forwarding", "1");
      each.sysctl("net/ipv4/conf/all/rp_filter", "0");
      each.sysctl("net/ipv4/conf/wan0/rp_filter", "0");
    }
  }

  private void port(String port, Namespace whose, String number) throws Exception {
    site.ip(
        "link add %s address fe:54:00:10:00:%s type veth peer name eth0 address 52:54:00:10:00:%s netns %s"
            .formatted(port, number, number, whose));
    site.sysctl("net/ipv6/conf/" + port + "/disable_ipv6", "1");
    site.ip("link set " + port + " master br0", "link set " + port + " up");
    whose.ip("link set lo up", "link set eth0 up");
  }

  private void address(LabAddresses lan, String option) throws IOException {
    client.ip(
        "link set eth0 up",
        "addr add " + lan.inLan(lan.client()) + " dev eth0" + option,
        "route add default via " + lan.router());
    router.ip(
        "addr add " + lan.inLan(lan.router()) + " dev to-client" + option,
        "addr add " + lan.inLan(lan.wanRouter()) + " dev wan0" + option,
        "route add " + lan.oldLan() + " via " + lan.wanGateway());
    site.ip(
        "addr add " + lan.inLan(lan.oldGateway()) + " dev br0" + option,
        "addr add " + lan.inLan(lan.wanGateway()) + " dev wan0" + option,
        "route add default via " + lan.wanRouter());
    guest.ip(
        "addr add " + lan.inLan(lan.guestOld()) + " dev eth0" + option,
        "route add default via " + lan.oldGateway());
    second.ip(
        "addr add " + lan.inLan(lan.peer()) + " dev eth0" + option,
        "route add default via " + lan.oldGateway());
  }

  /** As between machines of metal: segments are cut and sums made before a packet is recorded. */
  private void withoutOffloads() throws IOException {
    for (Namespace each : List.of(client, guest, second)) {
      Tool.run(
          each.within(
              "ethtool", "-K", "eth0", "tx", "off", "tso", "off", "gso", "off", "gro", "off"));
    }
  }

  /**
   * Sends every fifth packet between router and site another way, both ways, on which it takes
   * longer.
   */
  void addSecondWay(Wan wan) throws Exception {
    DelayRelay relay = DelayRelay.start(router, site, SECOND_WAY, wan);
    cleanup.add("the second way", relay::close);
    for (Namespace each : List.of(router, site)) {
      boolean isRouter = each == router;
      each.sysctl("net/ipv4/conf/wan1/rp_filter", "0");
      each.ip(
          "link set wan1 mtu 1500 txqueuelen 10000",
          "link set wan1 up",
          "rule add fwmark 1 lookup 100",
          "route add " + (isRouter ? V4.oldLan() : "10.9.0.0/24") + " dev wan1 table 100");
      filter(
          each,
          """
          table ip golden {
            chain prerouting {
              type filter hook prerouting priority mangle;
              iifname "%s" numgen inc mod 5 == 3 meta mark set 1
            }
          }
          """
              .formatted(isRouter ? "to-client" : BRIDGE));
    }
  }

  /** Loads a ruleset of nft. */
  void filter(Namespace where, String ruleset) throws IOException {
    Tool.run(where.within("nft", "-f", "-"), ruleset);
  }

  /** Begins to record an interface; it ends with the lab at the latest. */
  Recording record(Namespace where, String device) throws IOException, InterruptedException {
    String name = where.name().substring(where.name().lastIndexOf('-') + 1);
    String whose = where == second ? "second guest" : where == site ? "site's router" : name;
    return record(where, "the " + whose, device);
  }

  Recording record(Namespace where, String whose, String device)
      throws IOException, InterruptedException {
    var recording =
        new Recording(where, whose, device, precision, folder.resolve(recordings++ + ".pcap"));
    cleanup.add("tcpdump on " + device, recording::close);
    return recording;
  }

  Namespace client() {
    return client;
  }

  Namespace router() {
    return router;
  }

  Namespace site() {
    return site;
  }

  Namespace guest() {
    return guest;
  }

  Namespace second() {
    return second;
  }

  /** For what a case needs beside. */
  Path folder() {
    return folder;
  }

  Cleanup cleanup() {
    return cleanup;
  }

  /** Starts a program, which ends with the lab; what it prints is in a file of that name. */
  Process start(Namespace where, String name, String... command) throws IOException {
    List<String> all = new ArrayList<>(where.within(command));
    Process process =
        new ProcessBuilder(all)
            .redirectErrorStream(true)
            .redirectOutput(folder.resolve(name).toFile())
            .start();
    cleanup.add(
        name,
        () -> {
          process.destroy();
          process.waitFor();
        });
    return process;
  }
}
