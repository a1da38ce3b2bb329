package dev.holdfast.steer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.lab.Namespace;
import dev.holdfast.redirector.migration.MigrationPlan.Check;
import dev.holdfast.redirector.steer.EndpointSteering;
import dev.holdfast.redirector.steer.ForwardProbe;
import dev.holdfast.redirector.steer.Preflight;
import dev.holdfast.redirector.steer.SteeringPlan;
import dev.holdfast.suite.SideBySide;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketView;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Rule sets as libvirt, Docker, firewalld and ufw install them, on either host: preflight names the
 * rule that is in the way, packets really do not pass, nobody hears an error of this host, and the
 * command that preflight gives as the fix opens the way.
 *
 * <p>{@link OldSite} and {@link NewSite} draw the hosts; the rule sets are files in {@code
 * filters/}.
 */
class FiltersIT {
  private static final List<IpAddress> OLD =
      List.of(IpAddress.parse(OldSite.OLD4), IpAddress.parse(OldSite.OLD6));
  private static final Pattern FIX = Pattern.compile("open it at its head: ([^(]*)");

  @TempDir private Path folder;

  /**
   * @param atOld what the checks at the old host must name, each of them
   * @param delivered to which peers the guest answers at the new host all the same: a tracked
   *     answer passes where what the guest begins does not
   */
  record RuleSet(String name, List<String> atOld, List<String> atNew, List<String> delivered) {
    RuleSet(String name, List<String> atOld, List<String> atNew) {
      this(name, atOld, atNew, List.of());
    }

    @Override
    public String toString() {
      return name;
    }
  }

  static Stream<RuleSet> ruleSets() {
    return Stream.of(
        new RuleSet(
            "libvirt",
            List.of(
                "table ip filter, chain LIBVIRT_FWO (from FORWARD): "
                    + "LIBVIRT_FWO -i br0 -j REJECT --reject-with icmp-port-unreachable",
                "table ip6 filter, chain LIBVIRT_FWO (from FORWARD): LIBVIRT_FWO -i br0 -j REJECT"),
            List.of("chain LIBVIRT_FWI (from FORWARD): LIBVIRT_FWI -o br0 -j REJECT")),
        new RuleSet(
            "libvirt-nft",
            List.of("table ip libvirt_network, chain guest_output (from forward): iif br0 reject"),
            List.of("table ip libvirt_network, chain guest_input (from forward): oif br0 reject")),
        new RuleSet(
            "docker",
            List.of("table ip filter, chain FORWARD: policy drop", "table ip6 filter"),
            List.of("table ip filter, chain FORWARD: policy drop", "table ip6 filter")),
        new RuleSet(
            "firewalld",
            List.of(
                "table inet firewalld, chain filter_FWD_public (from filter_FORWARD): "
                    + "reject with icmpx admin-prohibited",
                "chain filter_PREROUTING: meta nfproto ipv6 fib saddr . mark . iif oif missing"),
            List.of("chain filter_FWD_public (from filter_FORWARD)", "chain filter_PREROUTING"),
            List.of("192.0.2.2")),
        new RuleSet(
            "ufw",
            List.of("table ip filter, chain FORWARD: policy drop", "table ip6 filter"),
            List.of("table ip filter, chain FORWARD: policy drop", "table ip6 filter")),
        new RuleSet(
            "default-drop",
            List.of("table ip filter, chain FORWARD: policy drop"),
            List.of("table ip filter, chain FORWARD: policy drop")));
  }

  private void load(RuleSet set, Namespace host, String prefix) throws Exception {
    int loaded = 0;
    for (String kind : List.of("ip", "ip6", "nft")) {
      String name = "/filters/" + set.name() + "." + kind;
      try (InputStream resource = FiltersIT.class.getResourceAsStream(name)) {
        if (resource == null) {
          continue;
        }
        String text = new String(resource.readAllBytes(), StandardCharsets.UTF_8);
        Path file = folder.resolve(set.name() + "." + kind);
        Files.writeString(file, text.replace("@LAN@", "br0").replace("@PREFIX4@", prefix));
        switch (kind) {
          case "ip" -> host.run("iptables-nft-restore", file.toString());
          case "ip6" -> host.run("ip6tables-nft-restore", file.toString());
          default -> host.run("nft", "-f", file.toString());
        }
        loaded++;
      }
    }
    assertThat(loaded).as("files of " + set.name()).isPositive();
  }

  private static void expectNamed(List<Check> checks, List<String> places) {
    for (String place : places) {
      assertThat(checks)
          .as("%s", checks)
          .anyMatch(check -> check.result().equals("failed") && check.detail().contains(place));
    }
    assertThat(checks)
        .filteredOn(check -> check.result().equals("failed"))
        .allMatch(check -> check.fix().contains("--capture pcap"));
  }

  /** Runs the commands of every fix in {@code host}. */
  private static void mend(Namespace host, List<Check> checks) throws Exception {
    Set<String> commands = new LinkedHashSet<>();
    for (Check check : checks) {
      Matcher fix = FIX.matcher(check.fix());
      if (fix.find()) {
        commands.addAll(List.of(fix.group(1).strip().split(" && ")));
      }
    }
    assertThat(commands).isNotEmpty();
    for (String command : commands) {
      host.run(command.split(" "));
    }
  }

  /** A probe of every way; it must not be noticed anywhere, whatever becomes of it. */
  private static List<ForwardProbe.Way> probe(Rig rig, SteeringPlan plan, boolean redirector)
      throws Exception {
    ForwardProbe probe = new ForwardProbe(rig.kernel, plan, redirector);
    List<String> before = Snapshot.of(rig.host());
    int seen = rig.tun.seen().size();
    List<ForwardProbe.Way> ways = rig.in(() -> probe.run(rig.tun::write));
    assertThat(probe.notSent()).isEmpty();
    assertThat(ways).hasSize(4);
    assertThat(rig.tun.seen()).hasSize(seen);
    assertThat(Snapshot.differences(before, Snapshot.of(rig.host())))
        .allMatch(line -> line.contains("counter"));
    return ways;
  }

  private static void expectNothingInTheWay(List<Check> checks) {
    assertThat(checks).as("%s", checks).allMatch(check -> check.result().equals("ok"));
  }

  /** A connection attempt of the kernel of {@code from}: packets that every filter looks at. */
  private static void knock(Namespace from, String address) throws Exception {
    try {
      from.run("timeout", "0.3", "bash", "-c", "exec 3<>/dev/tcp/" + address + "/7000");
      throw new AssertionError("nobody listens there");
    } catch (IOException notAnswered) {
      // neither is it refused: the peer hears nothing at all
      assertThat(notAnswered).hasMessageContaining("ended with 124");
    }
  }

  private static List<IpAddress> arrivedAt(TunEcho tun) {
    List<IpAddress> destinations = new ArrayList<>();
    for (TunEcho.Seen seen : tun.seen()) {
      if (seen.protocol() == 6 && !destinations.contains(seen.destination())) {
        destinations.add(seen.destination());
      }
    }
    return destinations;
  }

  @SideBySide
  @ParameterizedTest
  @MethodSource("ruleSets")
  void atTheOldHost(RuleSet set) throws Exception {
    try (ArmedOldSite old = new ArmedOldSite(folder)) {
      Namespace host = old.site.host;
      Preflight preflight = new Preflight("host-a", old.rig.facts, old.rig.ledger);
      expectNothingInTheWay(old.rig.in(() -> preflight.filtersAtRedirector(OLD, "br0", Rig.TUN)));
      assertThat(probe(old.rig, old.plan, true)).allMatch(ForwardProbe.Way::isOpen);
      load(set, host, "10.11.0.0/24");
      List<Check> checks = old.rig.in(() -> preflight.filtersAtRedirector(OLD, "br0", Rig.TUN));
      expectNamed(checks, set.atOld());
      old.rig.nft(old.steering.holdScript());
      old.rig.tun.forget();
      long errors = old.errorsHeard();
      knock(old.site.client, OldSite.OLD4);
      knock(old.site.client, OldSite.OLD6);
      // libvirt's nft backend, as 9's ip6tables, is for both families.
      assertThat(arrivedAt(old.rig.tun)).isEmpty();
      assertThat(old.errorsHeard()).as("errors of this host").isEqualTo(errors);

      mend(host, checks);

      assertThat(probe(old.rig, old.plan, true)).allMatch(ForwardProbe.Way::isOpen);
      expectNothingInTheWay(old.rig.in(() -> preflight.filtersAtRedirector(OLD, "br0", Rig.TUN)));
      knock(old.site.client, OldSite.OLD4);
      knock(old.site.client, OldSite.OLD6);
      assertThat(arrivedAt(old.rig.tun)).containsExactlyElementsOf(OLD);
      assertThat(Pings.answered(old.site.client, OldSite.OLD4)).as("answers come back").isOne();
      assertThat(Pings.answered(old.site.client, OldSite.OLD6)).isOne();
    }
  }

  @SideBySide
  @ParameterizedTest
  @MethodSource("ruleSets")
  void atTheNewHost(RuleSet set) throws Exception {
    NewSite site = new NewSite();
    try (Rig rig = new Rig(site.host, folder)) {
      SteeringPlan plan = NewSite.plan();
      rig.arm(new EndpointSteering(plan, rig.facts), plan);
      site.rememberGateways();
      Preflight preflight = new Preflight("host-b", rig.facts, rig.ledger);
      expectNothingInTheWay(rig.in(() -> preflight.filtersAtEndpoint(OLD, "br0", Rig.TUN)));
      assertThat(probe(rig, plan, false)).allMatch(ForwardProbe.Way::isOpen);
      load(set, site.host, "10.22.0.0/24");
      List<Check> checks = rig.in(() -> preflight.filtersAtEndpoint(OLD, "br0", Rig.TUN));
      expectNamed(checks, set.atNew());
      assertThat(probe(rig, plan, false))
          .filteredOn(way -> way.what().contains("into the tunnel"))
          .allMatch(way -> way.lost().startsWith("by a filter at"), "lost in a filter");
      rig.tun.forget();
      long heard = resets(site.guest);
      reach(rig);
      knock(site.guest, "198.51.100.77");
      knock(site.guest, "2001:db8:7::77");
      assertThat(arrivedAt(rig.tun).stream().map(IpAddress::toString).toList())
          .isEqualTo(set.delivered());
      assertThat(resets(site.guest) - heard)
          .as("segments that the guest has answered")
          .isEqualTo(set.delivered().size());

      mend(site.host, checks);

      assertThat(probe(rig, plan, false)).allMatch(ForwardProbe.Way::isOpen);
      expectNothingInTheWay(rig.in(() -> preflight.filtersAtEndpoint(OLD, "br0", Rig.TUN)));
      rig.tun.forget();
      reach(rig);
      knock(site.guest, "198.51.100.77");
      knock(site.guest, "2001:db8:7::77");
      assertThat(arrivedAt(rig.tun))
          .contains(IpAddress.parse("198.51.100.77"), IpAddress.parse("2001:db8:7::77"));
      for (IpAddress old : OLD) {
        rig.tun.await(seen -> seen.source().equals(old) && seen.destination().equals(peerOf(old)));
      }
    } finally {
      site.close();
    }
  }

  /** A segment of an old connection for each address; the guest, which knows none, resets it. */
  private static void reach(Rig rig) throws Exception {
    for (IpAddress old : OLD) {
      rig.tun.send(
          new PacketBuilder(peerOf(old), old)
              .tcp(40_000, 7_000, 1_000, 2_000, PacketView.ACK, 500));
    }
  }

  private static IpAddress peerOf(IpAddress old) {
    return IpAddress.parse(old.isV4() ? "192.0.2.2" : "2001:db8:2::2");
  }

  private static long resets(Namespace where) throws Exception {
    return where
        .run("nstat", "-asz", "TcpOutRsts")
        .lines()
        .filter(line -> line.startsWith("TcpOutRsts"))
        .mapToLong(line -> Long.parseLong(line.strip().split("\\s+")[1]))
        .sum();
  }
}
