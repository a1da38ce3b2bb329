package dev.holdfast.redirector.dns;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.migration.MigrationPlan.Check;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.time.Clock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DnsCheckTest {
  @TempDir Path folder;
  private DnsBench bench;

  @BeforeEach
  void start() throws Exception {
    bench = new DnsBench(folder);
  }

  @AfterEach
  void stop() {
    bench.close();
  }

  @Test
  void allIsWell() throws Exception {
    List<Check> checks = DnsCheck.run(bench.updater(bench.zone()), "host-a");
    assertThat(checks)
        .extracting(Check::name)
        .containsExactly(
            "dns lab.test. key",
            "dns lab.test. server",
            "dns lab.test. update",
            "dns lab.test. clock");
    assertThat(checks).extracting(Check::result).containsOnly("ok");
    assertThat(checks).extracting(Check::host).containsOnly("host-a");
    assertThat(checks).extracting(Check::fix).containsOnly("");
    assertThat(checks.get(1).detail()).contains("serial 7");
    assertThat(bench.server.zone().serial()).as("nothing has been changed").isEqualTo(7);
  }

  @Test
  void aKeyFileThatEverybodyMayReadIsAWarning() throws Exception {
    Config.DnsZone zone = bench.zone();
    Files.setPosixFilePermissions(
        zone.keySecretFile(), PosixFilePermissions.fromString("rw-r--r--"));
    assertThat(DnsCheck.run(bench.updater(zone), "h"))
        .extracting(Check::result)
        .containsExactly("warning", "ok", "ok", "ok");
  }

  @Test
  void aKeyFileThatIsGone() throws Exception {
    Config.DnsZone zone =
        DnsBench.zone("lab.test.", bench.address, "mv-key.", folder.resolve("none"));
    List<Check> checks = DnsCheck.run(bench.updater(zone), "h");
    assertThat(checks).extracting(Check::result).containsExactly("failed", "ok");
    assertThat(checks.getFirst().fix()).contains("tsig-keygen");
  }

  @Test
  void aSecretThatIsNotTheServers() throws Exception {
    Path file = bench.file("tsig.key", DnsBench.OTHER_SECRET);
    List<Check> checks =
        DnsCheck.run(
            bench.updater(DnsBench.zone("lab.test.", bench.address, "mv-key.", file)), "h");
    assertThat(checks).extracting(Check::result).containsExactly("ok", "ok", "failed");
    assertThat(checks.getLast().detail()).contains("BADSIG");
  }

  @Test
  void aServerThatIsDownOrHasAnotherZone() throws Exception {
    Path file = bench.file("tsig.key", DnsBench.SECRET);
    List<Check> other =
        DnsCheck.run(
            bench.updater(DnsBench.zone("else.test.", bench.address, "mv-key.", file)), "h");
    assertThat(other.getLast().detail()).contains("REFUSED");
    bench.server.close();
    List<Check> down = DnsCheck.run(bench.updater(bench.zone()), "h");
    assertThat(down).extracting(Check::result).containsExactly("ok", "failed");
    assertThat(down.getLast().detail()).contains("nothing listens there");
  }

  @Test
  void aDryRunOfOneMoveLooksAtItsRecords() throws Exception {
    Path file = bench.file("tsig.key", DnsBench.SECRET);
    DnsUpdater dns =
        bench.updater(bench.zone(), DnsBench.zone("else.test.", bench.address, "mv-key.", file));
    List<IpAddress> nobodys = List.of(IpAddress.parse("10.99.99.99"));
    List<IpAddress> fresh = List.of(IpAddress.parse("10.2.0.10"));
    List<Check> wrong =
        DnsCheck.run(dns, "h", List.of(new DnsMove("vm.lab.test.", nobodys, fresh)));
    assertThat(wrong)
        .as("another name's zone is only warned of")
        .filteredOn(check -> check.name().startsWith("dns else.test."))
        .extracting(Check::result)
        .containsExactly("ok", "warning");
    assertThat(wrong.getLast().name()).isEqualTo("DNS name");
    assertThat(wrong.getLast().result()).isEqualTo("failed");
    assertThat(wrong.getLast().detail())
        .contains("None of the old addresses")
        .contains("10.99.99.99");
    assertThat(wrong.getLast().fix()).isNotEmpty();
    assertThat(bench.server.zone().serial()).as("nothing has been changed").isEqualTo(7);
  }

  @Test
  void aKeyThatMayChangeTheWholeZoneIsSaid() throws Exception {
    List<Check> checks = DnsCheck.run(bench.updater(bench.zone()), "h");
    assertThat(checks)
        .filteredOn(check -> check.name().endsWith(" update"))
        .extracting(Check::detail)
        .singleElement()
        .asString()
        .contains("is accepted. Nothing limits the key:");
    assertThat(bench.server.zone().serial()).as("nothing has been changed").isEqualTo(7);
  }

  @Test
  void clocksThatAreApart() throws Exception {
    Clock slow =
        new Clock() {
          @Override
          public long nanoTime() {
            return bench.clock.nanoTime();
          }

          @Override
          public long epochNanos() {
            return bench.clock.epochNanos() - Duration.ofSeconds(100).toNanos();
          }
        };
    List<Check> checks = DnsCheck.run(bench.updater(DnsBench.TIMING, slow, bench.zone()), "h");
    assertThat(checks.getLast().result()).isEqualTo("warning");
    assertThat(checks.getLast().detail())
        .isEqualTo("The server's clock is 100 s ahead of this host's.");
  }
}
