package dev.holdfast.dns;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.dns.real.NameServerLab;
import dev.holdfast.dns.real.NameServerLab.Guest;
import dev.holdfast.dns.real.Software;
import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.dns.DnsChange;
import dev.holdfast.redirector.dns.DnsListener;
import dev.holdfast.redirector.dns.DnsState;
import dev.holdfast.redirector.dns.DnsUpdater;
import dev.holdfast.tunnel.time.SystemClock;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;
import org.xbill.DNS.Type;

/**
 * The last stale second with a secondary that lags and with one that is down, the same for BIND 9,
 * Knot and PowerDNS ({@link NameServerLab} draws the servers). The secondary lags since it cannot
 * reach the primary, while everybody else reaches both.
 */
@Tag("suite-tools")
@ParameterizedClass(name = "{0}")
@EnumSource(Software.class)
class DnsSecondaryIT {
  private static final Duration LAG = Duration.ofSeconds(2);

  @TempDir private static Path folder;
  private static NameServerLab lab;

  @Parameter Software software;

  @BeforeParameterizedClassInvocation
  static void start(Software software) throws Exception {
    lab = NameServerLab.start(software, folder.resolve(software.name()));
  }

  @AfterParameterizedClassInvocation
  static void stop() throws Exception {
    lab.close();
  }

  private static void cutOff() throws Exception {
    lab.secondary().place().ip("route add blackhole 10.9.0.53/32");
  }

  private static void reconnect() throws Exception {
    lab.secondary().place().ip("route del blackhole 10.9.0.53/32");
    lab.primary().announce(lab.secondary(), "lab.test.");
  }

  /** A cache that asked the secondary at its last old answer has that for the TTL that it had. */
  @Test
  void theLastStaleSecondIsThatOfASecondaryThatLags() throws Exception {
    Guest guest = lab.guest();
    Config.DnsZone right = lab.zone();
    Config.DnsZone notLowered =
        new Config.DnsZone(
            right.zone(),
            right.server(),
            right.keyName(),
            right.keyAlgorithm(),
            right.keySecretFile(),
            NameServerLab.TTL);
    DnsChange change = begin(Timings.updater(notLowered), guest);
    run(change::arm);
    cutOff();
    run(change::publish);
    assertLastStale(guest, change);
    assertThat(change.state().lastStaleEpochNanos())
        .isEqualTo(
            change.state().newSeenEpochNanos() + Duration.ofSeconds(NameServerLab.TTL).toNanos());
  }

  /** One that has never shown the lowered TTL gave the old one until it gave the new address. */
  @Test
  void theOldTtlCountsWhereTheSecondaryHasNotSeenTheLoweredOne() throws Exception {
    Guest guest = lab.guest();
    DnsChange change = begin(Timings.waitingBriefly(lab.zone()), guest);
    cutOff();
    run(change::arm);
    assertThat(change.state().ttlSeenEpochNanos()).isZero();
    run(change::publish);
    assertLastStale(guest, change);
  }

  /** Watches the secondary beside the product, which knows the same in the end. */
  private static void assertLastStale(Guest guest, DnsChange change) throws Exception {
    var awaiting =
        new FutureTask<>(() -> {
          run(change::awaitServers);
          return true;
        });
    Thread.ofPlatform().start(awaiting);
    long began = System.nanoTime();
    long lastOld = 0;
    while (gives(guest.olds().getFirst(), guest)) {
      lastOld = SystemClock.INSTANCE.epochNanos();
      if (began != 0 && System.nanoTime() - began > LAG.toNanos()) {
        assertThat(awaiting.isDone()).as("it has seen the new address too early").isFalse();
        reconnect();
        began = 0;
      }
      Thread.sleep(20);
    }
    assertThat(began).as("it lagged for as long as it was cut off").isZero();
    assertThat(gives(guest.news().getFirst(), guest)).isTrue();
    assertThat(awaiting.get()).isTrue();
    DnsState state = change.state();
    assertThat(state.newSeenEpochNanos())
        .isGreaterThan(state.publishedEpochNanos() + LAG.toNanos());
    assertThat(state.lastStaleEpochNanos())
        .as("a cache may have the last old answer for its whole TTL")
        .isGreaterThanOrEqualTo(lastOld + Duration.ofSeconds(NameServerLab.TTL).toNanos())
        .isLessThan(lastOld + Duration.ofSeconds(NameServerLab.TTL + 30).toNanos());
    assertThat(change.view().problem()).isNull();
  }

  private static boolean gives(String address, Guest guest) throws Exception {
    return lab.records(lab.secondary(), guest.name(), Type.A).stream()
        .anyMatch(each -> each.endsWith(" " + address));
  }

  @Test
  void aSecondaryThatIsDownIsNamedAndNotWaitedFor() throws Exception {
    Guest guest = lab.guest();
    DnsChange change = begin(Timings.waitingBriefly(lab.zone()), guest);
    run(change::arm);
    lab.secondary().stop();
    try {
      run(change::publish);
      run(change::awaitServers);
    } finally {
      lab.secondary().startAgain(lab.client());
    }
    assertThat(change.view().problem())
        .startsWith("Not waited for: The DNS server 10.9.0.54 port 53 gave no usable answer");
    assertThat(change.state().lastStaleEpochNanos())
        .as("it may have told others the old address until just now")
        .isGreaterThan(change.state().publishedEpochNanos() + Duration.ofSeconds(1).toNanos());
    run(change::finish);
    assertThat(lab.addresses(lab.primary(), guest.name()))
        .isEqualTo(guest.records(NameServerLab.TTL, true));
  }

  private static DnsChange begin(DnsUpdater updater, Guest guest) {
    return updater.begin(guest.move(guest.name()), DnsListener.NONE);
  }

  private interface Step {
    void run() throws Exception;
  }

  private static void run(Step step) throws Exception {
    lab.here(() -> {
      step.run();
      return true;
    });
  }
}
