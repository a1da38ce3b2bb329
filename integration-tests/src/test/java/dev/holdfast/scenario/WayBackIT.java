package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.KernelSnapshot;
import dev.holdfast.redirector.demo.lab.Tool;
import dev.holdfast.redirector.demo.load.Clients;
import dev.holdfast.redirector.demo.load.Outcome;
import dev.holdfast.redirector.demo.load.Phase;
import dev.holdfast.redirector.demo.load.Workload;
import dev.holdfast.redirector.demo.measure.ForbiddenPackets;
import dev.holdfast.redirector.demo.measure.Tap;
import dev.holdfast.redirector.steer.Announcer;
import dev.holdfast.scenario.Sites.Site;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/**
 * What happens when a move does not come to its end, driven through the command line in {@link
 * OtherLab}: the connections live through all of it, and nothing is left.
 */
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
class WayBackIT {
  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final String STRANGER = "02:00:5e:00:53:77";

  private final Cleanup cleanup = new Cleanup();
  private OtherLab lab;
  private Sites sites;
  private Site alpha;
  private Site beta;
  private KernelSnapshot alphaBefore;
  private KernelSnapshot betaBefore;
  private ForbiddenPackets forbidden;
  private Workload workload;

  @TempDir private Path folder;

  @BeforeEach
  void start() throws Exception {
    lab = new OtherLab(cleanup);
    sites = new Sites(folder, cleanup);
    alpha = new Site(lab.alpha(), "alpha", "192.168.77.5:9911", "lanbr");
    beta = new Site(lab.beta(), "beta", "192.168.98.5:9922", "virbr7");
    sites.writeConfig(alpha, "[hold]\nlimit = \"6s\"\nno-release = \"rollback\"\n");
    sites.writeConfig(beta, "");
    sites.trust(alpha, beta, OtherLab.GRANTED);
    sites.trust(beta, alpha, OtherLab.GRANTED);
    trackConnections();
    alphaBefore = KernelSnapshot.of(lab.alpha());
    betaBefore = KernelSnapshot.of(lab.beta());
    forbidden = new ForbiddenPackets(IpAddress.parse(OtherLab.OLD));
    Tap tap = forbidden.watch(lab.client(), "c0", null, null);
    cleanup.add("a tap", tap::close);
    workload =
        Workload.open(
            lab.guest(),
            IpAddress.parse(OtherLab.OLD),
            List.of(new Clients(lab.client(), IpAddress.parse("172.20.4.9"), 8)),
            false,
            31,
            cleanup);
    sites.start(alpha);
    sites.start(beta);
  }

  @AfterEach
  void takeDown() {
    cleanup.close();
    assertThat(cleanup.problems()).isEmpty();
  }

  /** As a host's firewall does that asks for a connection's state. */
  private void trackConnections() throws Exception {
    lab.alpha().sysctl("net/bridge/bridge-nf-call-iptables", "1");
    for (String rule :
        List.of(
            "add table inet watch",
            "add chain inet watch pass { type filter hook forward priority 0 ; }",
            "add rule inet watch pass ct state established,related accept")) {
      List<String> command = new ArrayList<>(lab.alpha().within("nft"));
      command.add(rule);
      var unused = Tool.run(command);
    }
  }

  private Holdfast.Outcome arm(String name, boolean listed) throws Exception {
    List<String> line =
        new ArrayList<>(
            List.of(
                "migration",
                "arm",
                name,
                "--old",
                OtherLab.OLD,
                "--new",
                OtherLab.NEW,
                "--remote",
                "beta",
                "--guest-port",
                "tap12",
                "--guest-mac",
                OtherLab.GUEST_MAC,
                "--deliver",
                "virbr7",
                "--encapsulation",
                "tls"));
    if (listed) {
      line.add("--flow-list-command");
      line.add(String.join(" ", lab.guest().within("ss", "-Htn")));
    }
    return sites.ask(alpha, line.toArray(String[]::new));
  }

  private void move() throws Exception {
    sites.ask(alpha, "migration", "hold", "second").endsWith(0);
    lab.unplug();
    lab.plugInAtBeta();
    sites.ask(beta, "migration", "release", "second").endsWith(0);
  }

  private String show(Site site, String name) throws Exception {
    return sites.ask(site, "migration", "show", name, "--json").endsWith(0).out();
  }

  private void await(Site site, String name, String text) throws Exception {
    long end = System.nanoTime() + LIMIT.toNanos();
    while (!show(site, name).contains(text)) {
      assertThat(System.nanoTime() - end).as("%s at %s", text, site.name()).isNegative();
      Thread.sleep(100);
    }
  }

  @Tag("suite-ways")
  @Test
  void theConnectionsLiveThroughEveryWayBack() throws Exception {
    // Idle connections are known by connection tracking alone: nobody lists them.
    arm("first", false).endsWith(0);
    assertThat(sites.ask(alpha, "flow", "list", "--migration", "first").endsWith(0).out())
        .contains("conntrack");
    workload.enter(Phase.DURING);
    sites.ask(alpha, "migration", "hold", "first").endsWith(0);
    sites.ask(alpha, "wait", "first", "--for", "done", "--timeout", "30s").endsWith(1);
    assertThat(show(alpha, "first")).contains("\"rolled-back\"", "as hold.no-release says");
    await(beta, "first", "\"rolled-back\"");

    arm("second", true).endsWith(0);
    move();
    aStrangerIsNoticed();
    refusalsSayWhatToDo();

    lab.unplugAtBeta();
    sites.kill(beta);
    Holdfast.Outcome alone = sites.ask(alpha, "migration", "rollback", "second").endsWith(4);
    assertThat(alone.err()).contains("beta cannot be used", "--force");
    lab.plugInAtAlpha();
    assertThat(sites.ask(alpha, "migration", "rollback", "second", "--force").endsWith(0).out())
        .contains("second is rolled-back.", "cannot follow the guest back");
    workload.enter(Phase.AFTER);
    assertThat(workload.awaitMoved(LIMIT, moved -> {})).as("connections that stall").isZero();
    assertThat(workload.finish(LIMIT))
        .hasSize(8)
        .allSatisfy(each -> assertThat(each.outcome()).as("%s", each).isEqualTo(Outcome.SURVIVED));
    sites.start(beta);
    await(beta, "second", "\"rolled-back\"");

    anAddressThatIsAskedForAnewIsGivenUp();
    sites.stop();
    assertThat(alphaBefore.differences(KernelSnapshot.of(lab.alpha()), line -> false)).isEmpty();
    assertThat(betaBefore.differences(KernelSnapshot.of(lab.beta()), line -> false)).isEmpty();
    cleanup.close(); // the tap has read everything then
    assertThat(forbidden.seen()).isEmpty();
  }

  /** Somebody in the old LAN was given the address, and says so. */
  private void aStrangerIsNoticed() throws Exception {
    var unused =
        lab.hub()
            .call(() -> {
              try (Announcer announcer = Announcer.open("hub-a")) {
                return announcer.announce(
                    MacAddress.parse(STRANGER), List.of(IpAddress.parse(OtherLab.OLD)));
              }
            });
    await(alpha, "second", STRANGER + " uses " + OtherLab.OLD);
  }

  private void refusalsSayWhatToDo() throws Exception {
    assertThat(sites.ask(alpha, "migration", "rollback", "second").endsWith(4).err())
        .contains("the guest runs at beta, where " + OtherLab.OLD, "stop it there", "--force");
    assertThat(Sites.state(show(alpha, "second"))).isIn("redirecting", "draining");
    Holdfast.Outcome finish = sites.ask(alpha, "migration", "finish", "second").endsWith(4);
    assertThat(finish.err()).contains("8 connections still use the old address");
    assertThat(finish.out().lines().filter(line -> line.contains(OtherLab.OLD + ":"))).hasSize(8);
    assertThat(finish.out()).contains("the connection is open; it ends by FIN or RST");
  }

  /** A redirector that has lost what it knew may arm again; the endpoint gives the earlier up. */
  private void anAddressThatIsAskedForAnewIsGivenUp() throws Exception {
    arm("third", true).endsWith(0);
    sites.kill(alpha);
    sites.cleanUp(alpha);
    sites.start(alpha);
    arm("fourth", true).endsWith(0);
    assertThat(Sites.state(show(beta, "third"))).isEqualTo("rolled-back");
    assertThat(Sites.state(show(beta, "fourth"))).isEqualTo("armed");
    sites.ask(alpha, "migration", "rollback", "fourth").endsWith(0);
  }
}
