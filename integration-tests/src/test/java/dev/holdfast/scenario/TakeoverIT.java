package dev.holdfast.scenario;

import static dev.holdfast.scenario.Expected.everythingSurvived;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.Bystander;
import dev.holdfast.redirector.demo.Ending;
import dev.holdfast.redirector.demo.Scenario;
import dev.holdfast.redirector.demo.ScenarioOptions;
import dev.holdfast.redirector.demo.ScenarioResult;
import dev.holdfast.redirector.demo.Story;
import dev.holdfast.redirector.demo.host.DemoHost;
import dev.holdfast.redirector.demo.lab.Lab;
import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.redirector.demo.lab.Tool;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.redirector.migration.MigrationView;
import dev.holdfast.suite.SideBySide;
import dev.holdfast.tunnel.packet.SolicitedNode;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * A daemon is killed in the middle of a migration, in the demo's lab (drawn in {@code
 * dev.holdfast.redirector.demo.lab}), and the next one takes over: no connection is lost, and
 * nothing is left behind.
 */
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
class TakeoverIT {

  private static final String DAEMON = ":4754 ";

  /**
   * Kills daemons with SIGKILL in one state, and starts them again.
   *
   * @param flushed the host's firewall is loaded anew meanwhile, which takes our tables along
   */
  private record Killer(MigrationState when, boolean old, boolean fresh, boolean flushed)
      implements Bystander {
    @Override
    public void reached(MigrationState state, DemoHost oldHost, DemoHost newHost) throws Exception {
      if (state != when) {
        return;
      }
      boolean wasMember = isMember(oldHost);
      assertThat(wasMember).isEqualTo(oldHost.control().show("web1").oldAddresses().size() > 1);
      if (old) {
        oldHost.kill();
        assertThat(isMember(oldHost)).as("the group goes with the process").isFalse();
      }
      if (fresh) {
        newHost.kill();
      }
      Thread.sleep(Duration.ofMillis(300)); // the kernel is alone with the packets
      if (old) {
        again(oldHost);
      }
      if (fresh) {
        again(newHost);
      }
      assertThat(isMember(oldHost)).as("it is joined again").isEqualTo(wasMember);
    }

    /**
     * Whether the old host reports the old IPv6 address's solicited-node group on its bridge (RFC
     * 4291 section 2.7.1): a switch that snoops MLD brings it neighbours' questions only then.
     */
    private static boolean isMember(DemoHost oldHost) throws Exception {
      String group = SolicitedNode.groupOf(LabAddresses.V6.guestOld()).toString();
      String groups = oldHost.plan().machine().query("-6", "maddr", "show", "dev", Lab.BRIDGE);
      return groups
          .lines()
          .map(String::strip)
          .anyMatch(line -> line.matches("inet6 +" + group + "( .*)?"));
    }

    private void again(DemoHost host) throws Exception {
      if (flushed) {
        String unused = Tool.run(host.plan().machine().within("nft", "flush", "ruleset"));
      }
      host.startAgain();
      assertThat(host.control().show("web1").alerts())
          .noneMatch(alert -> alert.contains("could not be taken over"));
    }

    @Override
    public void moved(Lab lab) {}
  }

  @SideBySide
  @ParameterizedTest
  @CsvSource({
    "HOLDING,     true,  false, tls,  tun,  false, true",
    "HOLDING,     false, true,  ipip, tun,  false, false",
    "REDIRECTING, true,  true,  tls,  pcap, true,  false",
  })
  void theNextDaemonGoesOn(
      MigrationState when,
      boolean old,
      boolean fresh,
      String encapsulation,
      String capture,
      boolean flushed,
      boolean dualStack)
      throws Exception {
    takeOver(encapsulation, capture, dualStack, new Killer(when, old, fresh, flushed));
  }

  @Tag("suite-ways")
  @ParameterizedTest
  @CsvSource({
    "ARMED,       true,  true,  tls,  tun",
    "REDIRECTING, true,  false, tls,  tun",
    "REDIRECTING, false, true,  ipip, tun",
    "ARMED,       true,  true,  ipip, pcap",
    "HOLDING,     true,  false, tls,  pcap",
    "REDIRECTING, true,  true,  tls,  pcap",
  })
  void soItDoesInEveryStateWithEitherCapture(
      MigrationState when, boolean old, boolean fresh, String encapsulation, String capture)
      throws Exception {
    takeOver(encapsulation, capture, false, new Killer(when, old, fresh, false));
  }

  private static void takeOver(
      String encapsulation, String capture, boolean dualStack, Killer killer) throws Exception {
    ScenarioResult result =
        Scenario.run(
            ScenarioOptions.defaults()
                .with(o -> {
                  o.encapsulation = encapsulation;
                  o.capture = capture;
                  o.dualStack = dualStack;
                  o.pause = Duration.ofSeconds(1);
                }),
            Story.silent(),
            killer);
    // A daemon that is dead has no port open, and the other one knocks; and its kernel resets what
    // it had not yet read.
    everythingSurvived(result, line -> line.startsWith("RST ") && line.contains(DAEMON));
  }

  /** Kills both daemons while the migration drains, which happens by itself. */
  private static final class KillerWhileDraining implements Bystander {
    private static final Duration LIMIT = Duration.ofSeconds(20);

    private @Nullable DemoHost old;
    private @Nullable DemoHost fresh;
    private @Nullable MigrationView afterwards;

    @Override
    public void reached(MigrationState state, DemoHost oldHost, DemoHost newHost) {
      old = oldHost;
      fresh = newHost;
    }

    @Override
    public void moved(Lab lab) throws Exception {
      DemoHost redirector = Objects.requireNonNull(old);
      long end = System.nanoTime() + LIMIT.toNanos();
      while (!redirector.control().show("web1").state().equals("draining")) {
        assertThat(System.nanoTime() - end).as("it does not drain").isNegative();
        Thread.sleep(50);
      }
      for (DemoHost host : List.of(redirector, Objects.requireNonNull(fresh))) {
        host.kill();
        host.startAgain();
      }
      afterwards = redirector.control().show("web1");
      Thread.sleep(Duration.ofSeconds(2)); // the connections are open: it may not end
      assertThat(redirector.control().show("web1").state()).isEqualTo("draining");
    }
  }

  @SideBySide
  @Test
  void oneThatDrainsGoesOnDraining() throws Exception {
    var killer = new KillerWhileDraining();
    ScenarioResult result =
        Scenario.run(
            ScenarioOptions.defaults().with(o -> o.pause = Duration.ofSeconds(1)),
            Story.silent(),
            killer);
    everythingSurvived(result, line -> line.startsWith("RST ") && line.contains(DAEMON));
    assertThat(Objects.requireNonNull(killer.afterwards).state()).isEqualTo("draining");
  }

  /** An endpoint that is down while the migration is taken back, and comes back afterwards. */
  private static final class Away implements Bystander {
    /** Longer than the old host tries to tell it. */
    private static final Duration LENGTH = Duration.ofSeconds(9);

    private @Nullable DemoHost host;
    private long since;

    @Override
    public void reached(MigrationState state, DemoHost oldHost, DemoHost newHost) throws Exception {
      if (state == MigrationState.ARMED) {
        newHost.kill();
        host = newHost;
        since = System.nanoTime();
      }
    }

    @Override
    public void moved(Lab lab) throws Exception {
      Duration gone = Duration.ofNanos(System.nanoTime() - since);
      if (gone.compareTo(LENGTH) < 0) {
        Thread.sleep(LENGTH.minus(gone));
      }
      Objects.requireNonNull(host).startAgain();
    }
  }

  @Tag("suite-ways")
  @Test
  void anEndpointThatWasAwayLearnsOfTheEnd() throws Exception {
    ScenarioResult result =
        Scenario.run(
            ScenarioOptions.defaults().with(o -> o.ending = Ending.ROLLED_BACK_FROM_ARMED),
            Story.silent(),
            new Away());
    everythingSurvived(result, line -> line.startsWith("RST ") && line.contains(DAEMON));
  }
}
