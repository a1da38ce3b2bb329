package dev.holdfast.scenario;

import static dev.holdfast.scenario.Expected.everythingSurvived;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.redirector.demo.Bystander;
import dev.holdfast.redirector.demo.Ending;
import dev.holdfast.redirector.demo.Scenario;
import dev.holdfast.redirector.demo.ScenarioOptions;
import dev.holdfast.redirector.demo.ScenarioResult;
import dev.holdfast.redirector.demo.Story;
import dev.holdfast.redirector.demo.host.DemoHost;
import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.Lab;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.redirector.migration.MigrationView;
import dev.holdfast.suite.SideBySide;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A migration is taken back in the demo's lab (drawn in {@code dev.holdfast.redirector.demo.lab}):
 * the connections go on at the old host, and nothing is left.
 */
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
class RollbackIT {
  private static final Duration LIMIT = Duration.ofSeconds(20);

  private static ScenarioResult takeBack(
      Ending ending,
      boolean ipv6,
      String encapsulation,
      boolean lowestMac,
      String capture,
      Bystander bystander)
      throws Exception {
    ScenarioResult result =
        Scenario.run(
            ScenarioOptions.defaults()
                .with(o -> {
                  o.ending = ending;
                  o.rehearsed = false;
                  o.ipv6 = ipv6;
                  o.encapsulation = encapsulation;
                  o.capture = capture;
                  o.lowestMac = lowestMac;
                  o.pause = Duration.ofSeconds(1);
                  o.peerConnections = 4;
                }),
            Story.silent(),
            bystander);
    everythingSurvived(result);
    return result;
  }

  @SideBySide
  @ParameterizedTest
  @CsvSource({
    "ROLLED_BACK_FROM_ARMED,   false, tls,  false, tun",
    "ROLLED_BACK_FROM_HOLDING, false, ipip, true, tun",
    "ROLLED_BACK_FROM_REDIRECTING, true,  tls,  false, tun",
    "ROLLED_BACK_FROM_REDIRECTING, false, tls,  false, pcap",
    "ROLLED_BACK_FROM_HOLDING, true,  tls,  true,  pcap",
  })
  void theConnectionsGoOnAtTheOldHost(
      Ending ending, boolean ipv6, String encapsulation, boolean lowestMac, String capture)
      throws Exception {
    var unused = takeBack(ending, ipv6, encapsulation, lowestMac, capture, Bystander.NONE);
  }

  @Tag("suite-ways")
  @SideBySide
  @ParameterizedTest
  @CsvSource({
    "false, ipip, true,  tun",
    "true,  ipip, true,  pcap",
    "false, ipip, false, 'tun,pcap'",
    "true,  tls,  false, 'pcap,tun'",
  })
  void theConnectionsGoOnAtTheOldHostInOtherWays(
      boolean ipv6, String encapsulation, boolean lowestMac, String capture) throws Exception {
    Ending ending = Ending.ROLLED_BACK_FROM_REDIRECTING;
    var unused = takeBack(ending, ipv6, encapsulation, lowestMac, capture, Bystander.NONE);
  }

  /** The guest goes on at the new host until the migration drains, and only then comes back. */
  private static final Bystander UNTIL_IT_DRAINS =
      new Bystander() {
        @Override
        public void reached(MigrationState state, DemoHost oldHost, DemoHost newHost)
            throws Exception {
          if (state == MigrationState.REDIRECTING) {
            await(() -> oldHost.control().show("web1").state().equals("draining"));
          }
        }

        @Override
        public void moved(Lab lab) {}
      };

  private static void fromDraining(boolean ipv6, String encapsulation, String capture)
      throws Exception {
    Ending ending = Ending.ROLLED_BACK_FROM_REDIRECTING;
    ScenarioResult result = takeBack(ending, ipv6, encapsulation, false, capture, UNTIL_IT_DRAINS);
    assertThat(Objects.requireNonNull(result.old()).history())
        .extracting(MigrationView.HistoryEntry::state)
        .endsWith("redirecting", "draining", "rolled-back");
  }

  @Tag("suite-ways")
  @SideBySide
  @Test
  void theConnectionsGoOnAtTheOldHostAfterDraining() throws Exception {
    fromDraining(false, "tls", "tun");
  }

  @Tag("suite-ways")
  @SideBySide
  @Test
  void theConnectionsGoOnAtTheOldHostAfterDrainingByPcap() throws Exception {
    fromDraining(true, "ipip", "pcap");
  }

  /** The endpoint is told that the guest is about to go back; nothing more goes there. */
  private static final class HeldForTheWayBack implements Bystander {
    private long sent;

    @Override
    public void reached(MigrationState state, DemoHost oldHost, DemoHost newHost) throws Exception {
      if (state != MigrationState.REDIRECTING) {
        return;
      }
      await(() -> oldHost.control().show("web1").state().equals("redirecting"));
      await(() -> oldHost.control().show("web1").traffic().toGuestPackets() > 0);
      assertThat(newHost.control().holdToReturn("web1").wayBack()).isNotNull();
      MigrationView held = oldHost.control().show("web1");
      assertThat(held.wayBack()).isNotNull();
      sent = held.traffic().toGuestPackets();
    }

    @Override
    public void moved(Lab lab) {}

    @Override
    public void takeBack(Cleanup.Step rollback, DemoHost oldHost, DemoHost newHost)
        throws Exception {
      MigrationView held = oldHost.control().show("web1");
      assertThat(held.traffic().toGuestPackets()).isEqualTo(sent);
      assertThat(held.held().packets()).isPositive();
      assertThat(newHost.control().show("web1").held().packets()).isZero(); // all is returned
      assertThatThrownBy(() -> oldHost.control().finish("web1", true))
          .hasMessageContaining("on its way back");
      rollback.run();
      assertThat(oldHost.control().show("web1").wayBack()).isNull();
    }
  }

  @SideBySide
  @Test
  void whatIsHeldForTheWayBackIsGivenAtTheOldHost() throws Exception {
    giveAtTheOldHost(false, "tls", "tun");
  }

  @Tag("suite-ways")
  @SideBySide
  @Test
  void soItIsByPcapAndIpInIp() throws Exception {
    giveAtTheOldHost(true, "ipip", "pcap");
  }

  private static void giveAtTheOldHost(boolean ipv6, String encapsulation, String capture)
      throws Exception {
    var unused =
        takeBack(
            Ending.ROLLED_BACK_FROM_REDIRECTING,
            ipv6,
            encapsulation,
            false,
            capture,
            new HeldForTheWayBack());
  }

  private interface Condition {
    boolean isMet() throws Exception;
  }

  private static void await(Condition condition) throws Exception {
    long end = System.nanoTime() + LIMIT.toNanos();
    while (!condition.isMet()) {
      assertThat(System.nanoTime() - end).as("it does not come").isNegative();
      Thread.sleep(20);
    }
  }

  /** Asks on a thread of its own; whether it got no answer is known when the task is over. */
  private static FutureTask<?> refused(Cleanup.Step rollback) {
    var asking =
        new FutureTask<>(() -> assertThatThrownBy(rollback::run).as("no answer").isNotNull());
    Thread.ofPlatform().start(asking);
    return asking;
  }

  /** The endpoint is frozen when it is asked, and one of the two is killed before it answers. */
  private record KilledInTheMiddle(boolean old) implements Bystander {
    @Override
    public void moved(Lab lab) {}

    @Override
    public void takeBack(Cleanup.Step rollback, DemoHost oldHost, DemoHost newHost)
        throws Exception {
      newHost.freeze(true);
      FutureTask<?> asking = refused(rollback);
      Path journal = oldHost.configFile().resolveSibling("state").resolve("migrations.jsonl");
      await(() -> Files.readString(journal).matches("(?s).*\"takingBack\":\\d.*"));
      if (old) {
        oldHost.kill();
        newHost.freeze(false);
        oldHost.startAgain();
      } else {
        newHost.kill();
        newHost.startAgain();
      }
      var _ = asking.get();
      await(() -> oldHost.control().show("web1").state().equals("rolled-back"));
    }
  }

  @Tag("suite-ways")
  @SideBySide
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void oneThatWasKilledInTheMiddleGoesOn(boolean old) throws Exception {
    ScenarioResult result =
        Scenario.run(
            ScenarioOptions.defaults()
                .with(o -> {
                  o.ending = Ending.ROLLED_BACK_FROM_REDIRECTING;
                  o.pause = Duration.ofSeconds(1);
                }),
            Story.silent(),
            new KilledInTheMiddle(old));
    // A daemon that is dead has no port open, and the other one knocks.
    everythingSurvived(result, line -> line.startsWith("RST ") && line.contains(":4754 "));
  }

  /**
   * The endpoint agrees to forget a guest that is held and runs at the old host again, and the
   * daemon there is killed before it reads that.
   */
  private static final class KilledBeforeItReadsTheAnswer implements Bystander {
    @Override
    public void moved(Lab lab) {}

    @Override
    public void takeBack(Cleanup.Step rollback, DemoHost oldHost, DemoHost newHost)
        throws Exception {
      newHost.freeze(true);
      FutureTask<?> asking = refused(rollback);
      Thread.sleep(Duration.ofSeconds(1)); // the question is on its way
      oldHost.freeze(true);
      newHost.freeze(false);
      await(() -> newHost.control().show("web1").state().equals("rolled-back"));
      oldHost.kill();
      var _ = asking.get();
      oldHost.startAgain();
      await(() -> oldHost.control().show("web1").state().equals("rolled-back"));
    }
  }

  @Tag("suite-ways")
  @SideBySide
  @Test
  void oneThatWasHeldIsNotHeldAgainByTheNextDaemon() throws Exception {
    ScenarioResult result =
        Scenario.run(
            ScenarioOptions.defaults()
                .with(o -> {
                  o.ending = Ending.ROLLED_BACK_FROM_HOLDING;
                  o.pause = Duration.ofSeconds(1);
                }),
            Story.silent(),
            new KilledBeforeItReadsTheAnswer());
    // A daemon that is dead has no port open, and the other one knocks.
    everythingSurvived(result, line -> line.startsWith("RST ") && line.contains(":4754 "));
  }
}
