package dev.holdfast.steer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.migration.MigrationPlan.Check;
import dev.holdfast.redirector.steer.HostFacts;
import dev.holdfast.redirector.steer.KernelLedger;
import dev.holdfast.redirector.steer.LinuxKernel;
import dev.holdfast.redirector.steer.Preflight;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.time.SystemClock;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Preflight asks both LANs who has the guest's addresses and MAC; {@link OldSite} and {@link
 * NewSite} draw them.
 */
class OwnersIT {
  private static final MacAddress GUEST = MacAddress.parse(OldSite.GUEST_MAC);
  private static final List<IpAddress> OLD =
      List.of(IpAddress.parse(OldSite.OLD4), IpAddress.parse(OldSite.OLD6));
  private static final List<IpAddress> NEW =
      List.of(IpAddress.parse(NewSite.NEW4), IpAddress.parse(NewSite.NEW6));

  @TempDir private Path folder;

  private Preflight preflight(LinuxKernel kernel) throws Exception {
    return new Preflight(
        "host-a", new HostFacts(kernel), KernelLedger.open(folder.resolve("ledger"), kernel));
  }

  private static void expect(
      List<Check> checks, String name, String result, int count, String... words) {
    assertThat(checks)
        .filteredOn(check -> check.name().equals(name))
        .as("%s", checks)
        .hasSize(count)
        .allMatch(check -> check.result().equals(result), "is " + result)
        .allMatch(check -> check.fix().isEmpty() == result.equals("ok"))
        .allSatisfy(check -> assertThat(check.detail()).contains(words));
  }

  @Test
  void onTheOldLan() throws Exception {
    try (LinuxKernel kernel = new LinuxKernel();
        OldSite site = new OldSite()) {
      Preflight preflight = preflight(kernel);
      List<Check> sound = atOld(site, preflight, "gp", GUEST);
      expect(sound, "old address owner", "ok", 2, OldSite.GUEST_MAC + " alone answers");
      expect(sound, "guest port MAC", "ok", 1, "is behind gp");

      List<Check> otherMac = atOld(site, preflight, "gp", MacAddress.parse("02:00:00:00:11:99"));
      expect(
          otherMac,
          "old address owner",
          "failed",
          2,
          OldSite.GUEST_MAC + " answers for",
          "not the guest's MAC 02:00:00:00:11:99");
      expect(otherMac, "guest port MAC", "failed", 1, "seen there: [" + OldSite.GUEST_MAC + "]");

      List<Check> otherPort = atOld(site, preflight, "pp", GUEST);
      expect(otherPort, "guest port MAC", "failed", 1, "is behind gp, not behind pp");

      site.peer.ip("addr add " + OldSite.OLD4 + "/24 dev eth0");
      site.peer.ip("addr add " + OldSite.OLD6 + "/64 dev eth0 nodad");
      String peer = mac(site);
      expect(
          atOld(site, preflight, "gp", GUEST),
          "old address owner",
          "failed",
          2,
          "more than one machine answers",
          OldSite.GUEST_MAC,
          peer);
      site.peer.ip("addr del " + OldSite.OLD4 + "/24 dev eth0");
      site.peer.ip("addr del " + OldSite.OLD6 + "/64 dev eth0");

      site.guest.ip("link set eth0 down");
      expect(
          atOld(site, preflight, "gp", GUEST),
          "old address owner",
          "warning",
          2,
          "nobody answers for");
    }
  }

  private static String mac(OldSite site) throws Exception {
    String link = site.peer.ip("-o link show eth0");
    return link.replaceAll("(?s).*link/ether (\\S+).*", "$1");
  }

  private static List<Check> atOld(OldSite site, Preflight preflight, String port, MacAddress guest)
      throws Exception {
    return site.host.call(
        () -> preflight.ownersAtRedirector(OLD, "br0", port, guest, SystemClock.INSTANCE));
  }

  @Test
  void onTheNewLan() throws Exception {
    try (LinuxKernel kernel = new LinuxKernel();
        NewSite site = new NewSite()) {
      Preflight preflight = preflight(kernel);
      List<Check> alreadyHere = atNew(site, preflight);
      assertThat(alreadyHere.stream().filter(check -> check.result().equals("failed")))
          .hasSize(2)
          .allMatch(check -> check.detail().startsWith("the guest itself, " + OldSite.GUEST_MAC))
          .allMatch(check -> check.fix().startsWith("arm at the host where the guest runs"));

      site.guest.ip("link set eth0 down");
      expect(atNew(site, preflight), "new address owner", "ok", 4, "nobody else has");

      site.neighbour.ip("addr add " + NewSite.NEW4 + "/24 dev eth0");
      site.neighbour.ip("addr add " + NewSite.NEW6 + "/64 dev eth0 nodad");
      List<Check> taken = atNew(site, preflight);
      assertThat(taken.stream().filter(check -> check.result().equals("failed")))
          .hasSize(2)
          .allMatch(check -> check.detail().contains(" answers for "))
          .allMatch(check -> !check.detail().contains(OldSite.GUEST_MAC));
    }
  }

  private static List<Check> atNew(NewSite site, Preflight preflight) throws Exception {
    return site.host.call(
        () -> preflight.ownersAtEndpoint(OLD, NEW, "br0", GUEST, SystemClock.INSTANCE));
  }
}
