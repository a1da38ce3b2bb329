package dev.holdfast.redirector.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.dns.server.AuthoritativeServer;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Against the embedded server, which is the zone's only one. */
class DnsCommandTest {
  private static final String ZONE =
      """
      $TTL 300
      @ IN SOA ns1 admin 7 3600 600 86400 30
      @ IN NS ns1
      vm IN A 10.1.0.10
      vm IN A 10.1.0.99
      """;

  @TempDir private Path folder;
  private AuthoritativeServer server;
  private InetSocketAddress address;
  private Path config;

  @BeforeEach
  void start() throws Exception {
    server = Configs.nameServer(ZONE);
    address = server.start(new InetSocketAddress("127.0.0.1", 0));
    config = Configs.withZone(folder, address);
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private CliRun dns(String command) {
    return CliRun.of(("dns " + command + " --config=" + config).split(" "));
  }

  @Test
  void showPrintsWhatTheServersGive() {
    CliRun run = dns("show vm.lab.test");
    assertThat(run.exitCode()).isZero();
    assertThat(run.out())
        .startsWith("vm.lab.test. in zone lab.test.\nSERVER ")
        .contains("127.0.0.1 port " + address.getPort(), "A ", "300", "10.1.0.10, 10.1.0.99");
    JsonNode json = JsonMapper.shared().readTree(dns("show vm.lab.test --json").out());
    assertThat(json.get("schema").stringValue()).isEqualTo("holdfast.dns/1");
    assertThat(json.at("/servers/0/records/0/ttl").intValue()).isEqualTo(300);
  }

  @Test
  void aDryRunChangesNothing() {
    CliRun run = dns("update vm.lab.test --old 10.1.0.10 --new 10.2.0.10 --dry-run");
    assertThat(run.exitCode()).isZero();
    assertThat(run.out()).contains("10.1.0.10 becomes 10.2.0.10");
    assertThat(server.counters().updates()).isZero();
  }

  @Test
  void updateMovesTheNameAndGivesItItsTtlBack() {
    CliRun run = dns("update vm.lab.test --old 10.1.0.10 --new 10.2.0.10");
    assertThat(run.err()).contains("Updating vm.lab.test.");
    assertThat(run.exitCode()).isZero();
    assertThat(run.out())
        .startsWith("vm.lab.test: 10.1.0.10, 10.1.0.99 -> ")
        .contains("10.2.0.10", ", in ");
    assertThat(dns("show vm.lab.test").out()).contains("300", "10.1.0.99", "10.2.0.10");
  }

  @Test
  void showTakesAnAddressForItsReverseName() {
    CliRun run = dns("show 10.1.0.10");
    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).contains("10.0.1.10.in-addr.arpa is in none of the configured zones");
  }

  @Test
  void severalNamesDoNotWaitForEachOther() {
    CliRun dry =
        dns("update vm.lab.test nobody.lab.test --old 10.1.0.10 --new 10.2.0.10 --dry-run");
    assertThat(dry.exitCode()).isEqualTo(5);
    assertThat(dry.out()).contains("A of vm.lab.test").doesNotContain("nobody");
    assertThat(dry.err()).contains("Not every name can be moved.", "nobody.lab.test");

    CliRun run = dns("update nobody.lab.test vm.lab.test --old 10.1.0.10 --new 10.2.0.10 --json");
    assertThat(run.exitCode()).isEqualTo(5);
    assertThat(run.err())
        .contains(
            "Not every name was moved. None of the old addresses is in the records of nobody");
    JsonNode json = JsonMapper.shared().readTree(run.out());
    assertThat(json.get("done").booleanValue()).isFalse();
    assertThat(json.at("/names/0/state").stringValue()).isEqualTo("failed");
    assertThat(json.at("/names/0/problem").stringValue()).contains("nothing to move");
    assertThat(json.at("/names/1/state").stringValue()).isEqualTo("published");
    assertThat(json.at("/names/1/now").toString()).contains("10.2.0.10");
    assertThat(dns("show vm.lab.test").out()).contains("300", "10.1.0.99, 10.2.0.10");
  }

  @Test
  void allOrNonePutsBackWhatWasMoved() {
    CliRun run =
        dns("update vm.lab.test nobody.lab.test --old 10.1.0.10 --new 10.2.0.10 --all-or-none");
    assertThat(run.exitCode()).isNotZero().isNotEqualTo(5);
    assertThat(run.err()).contains("nothing to move", "The others were put back.");
    assertThat(server.counters().applied()).as("moved, and back").isEqualTo(2);
    assertThat(dns("show vm.lab.test").out()).contains("300", "10.1.0.10, 10.1.0.99");
  }

  @Test
  void whatDoesNotFitIsRefused() {
    CliRun other = dns("update vm.lab.test --old 10.7.7.7 --new 10.2.0.10 --dry-run");
    assertThat(other.exitCode()).isEqualTo(4);
    assertThat(other.err()).contains("there is nothing to move");
    CliRun zone = dns("show vm.else.test");
    assertThat(zone.exitCode()).isEqualTo(2);
    assertThat(zone.err()).contains("vm.else.test is in none of the configured zones (lab.test.)");
    CliRun text = dns("update vm.lab.test --old ten --new 10.2.0.10");
    assertThat(text.exitCode()).isEqualTo(2);
    assertThat(text.err()).startsWith("'ten' is not an IP address.");
    assertThat(server.counters().updates()).isZero();
  }

  @Test
  void checkSaysWhetherItWouldWork() {
    CliRun good = dns("check");
    assertThat(good.exitCode()).isZero();
    assertThat(good.out()).contains("ok ", "dns lab.test. update");
    server.close();
    CliRun down = dns("check");
    assertThat(down.exitCode()).isEqualTo(1);
    assertThat(down.out()).contains("failed ", "fix: ");
    JsonNode json = JsonMapper.shared().readTree(dns("check --json").out());
    assertThat(json.get("schema").stringValue()).isEqualTo("holdfast.checks/1");
  }
}
