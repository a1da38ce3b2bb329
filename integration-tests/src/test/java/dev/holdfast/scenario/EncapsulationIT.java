package dev.holdfast.scenario;

import static dev.holdfast.scenario.Expected.everythingSurvived;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.Bystander;
import dev.holdfast.redirector.demo.Scenario;
import dev.holdfast.redirector.demo.ScenarioOptions;
import dev.holdfast.redirector.demo.ScenarioResult;
import dev.holdfast.redirector.demo.Story;
import dev.holdfast.redirector.demo.host.DemoHost;
import dev.holdfast.redirector.demo.lab.Lab;
import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.redirector.demo.lab.Tool;
import dev.holdfast.redirector.demo.load.Outcome;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.redirector.migration.MigrationView;
import dev.holdfast.suite.SideBySide;
import dev.holdfast.tunnel.packet.IpAddress;
import java.nio.file.Files;
import java.time.Duration;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * How packets travel between the hosts of the demo's lab (drawn in {@code
 * dev.holdfast.redirector.demo.lab}): both families in both, what {@code auto} chooses and says, a
 * NAT between the hosts, and a new host that changes its address. No connection is lost by any of
 * it.
 */
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
class EncapsulationIT {

  private static final String DAEMON = ":4754 ";

  private static ScenarioResult move(Bystander bystander, Consumer<ScenarioOptions.Draft> change)
      throws Exception {
    ScenarioResult result =
        Scenario.run(
            ScenarioOptions.defaults()
                .with(o -> {
                  o.pause = Duration.ofMillis(200);
                  o.rehearsed = false;
                  o.connections = 16;
                })
                .with(change),
            Story.silent(),
            bystander);
    everythingSurvived(result);
    return result;
  }

  private static MigrationView old(ScenarioResult result) {
    return Objects.requireNonNull(result.old());
  }

  /** What both hosts say while the guest is tunnelled. */
  private static final class Witness implements Bystander {
    private @Nullable MigrationView fresh;
    private String oldHostIs = "";

    @Override
    public void reached(MigrationState state, DemoHost oldHost, DemoHost newHost) throws Exception {
      if (state == MigrationState.REDIRECTING) {
        fresh = newHost.control().show("web1");
        oldHostIs = newHost.control().status().remotes().getFirst().problem();
      }
    }

    @Override
    public void moved(Lab lab) {}

    MigrationView fresh() {
      return Objects.requireNonNull(fresh);
    }
  }

  @SideBySide
  @Test
  void ipv6InIpv6ByAutoWhereBothAllowClearText() throws Exception {
    var witness = new Witness();
    ScenarioResult result =
        move(
            witness,
            o -> {
              o.ipv6 = true;
              o.encapsulation = "auto";
              o.plaintext = true;
              o.seed = 31;
            });
    assertThat(old(result).encapsulation()).isEqualTo("ipip");
    assertThat(old(result).encapsulationReason())
        .isEqualTo(
            "auto: ipip, which both hosts allow and probes of up to 1460 bytes have proven both"
                + " ways");
    assertThat(witness.fresh().encapsulation()).isEqualTo("ipip");
    assertThat(witness.fresh().encapsulationReason()).contains("both hosts allow");
  }

  /**
   * Who sends with a TTL that is used up at a host of ours hears of nothing, and the host's
   * migration counts it: the client's packets pass the router first, the guest's come straight.
   */
  private static final class UsedUp implements Bystander {
    private @Nullable Namespace client;
    private @Nullable Namespace guest;
    private Map<String, Long> atOld = Map.of();
    private Map<String, Long> atNew = Map.of();

    @Override
    public void begun(Lab lab) {
      client = lab.client();
      guest = lab.guest();
    }

    @Override
    public void reached(MigrationState state, DemoHost oldHost, DemoHost newHost) throws Exception {
      if (state == MigrationState.REDIRECTING) {
        ping(Objects.requireNonNull(client), "-t2", "10.1.0.10");
        ping(Objects.requireNonNull(guest), "-t1", "-I10.1.0.10", "10.9.0.2");
        atOld = oldHost.control().show("web1").drops();
        atNew = newHost.control().show("web1").drops();
      }
    }

    private static void ping(Namespace from, String... options) throws Exception {
      String command = "ping -n -c1 -W0.5 " + String.join(" ", options) + " || true";
      assertThat(Tool.run(from.within("sh", "-c", command)))
          .contains("1 packets transmitted, 0 received")
          .doesNotContain("exceeded");
    }

    @Override
    public void moved(Lab lab) {}
  }

  @SideBySide
  @Test
  void ipv4InIpv6() throws Exception {
    var usedUp = new UsedUp();
    ScenarioResult result =
        move(
            usedUp,
            o -> {
              o.encapsulation = "ipip";
              o.underlay = "ipv6";
              o.seed = 32;
            });
    assertThat(old(result).encapsulation()).isEqualTo("ipip");
    assertThat(old(result).encapsulationReason()).as("nobody had to choose").isNull();
    assertThat(usedUp.atOld).containsEntry("ttl-exceeded", 1L);
    assertThat(usedUp.atNew).containsEntry("ttl-exceeded", 1L);
    assertThat(Objects.requireNonNull(old(result).report()).dropped())
        .containsEntry("ttl-exceeded", 1L);
  }

  @SideBySide
  @Test
  void aGuestOfBothFamiliesInIpv4AsItIsExplained() throws Exception {
    var explained = new ExplainedTunnel();
    move(
        explained,
        o -> {
          o.encapsulation = "ipip";
          o.dualStack = true;
          o.seed = 33;
        });
    assertThat(explained.hasCompared()).isTrue();
  }

  /** Drops what IP-in-IP is to others, on its way or where it arrives. */
  private record Filter(String hook) implements Bystander {
    @Override
    public void begun(Lab lab) throws Exception {
      Tool.run(
          host(lab).within("nft", "-f", "-"),
          """
          table inet in_the_way {
            chain passing {
              type filter hook %s priority filter;
              meta l4proto { 4, 41 } drop
            }
          }
          """
              .formatted(hook));
    }

    @Override
    public void moved(Lab lab) throws Exception {
      Tool.run(host(lab).within("nft", "delete table inet in_the_way"));
    }

    private Namespace host(Lab lab) {
      return hook.equals("input") ? lab.newHost() : lab.router();
    }
  }

  @Tag("suite-ways")
  @SideBySide
  @Test
  void autoFallsBackToTlsWhereAFilterIsInTheWay() throws Exception {
    ScenarioResult result =
        move(
            new Filter("forward"),
            o -> {
              o.encapsulation = "auto";
              o.plaintext = true;
              o.seed = 34;
            });
    assertThat(old(result).encapsulation()).isEqualTo("tls");
    assertThat(old(result).encapsulationReason())
        .isEqualTo(
            "auto: tls, since a small probe by IP protocol 4 to new-host was not answered (4"
                + " tries)");
  }

  @SideBySide
  @Test
  void autoIsTlsWhereTheNewHostKnowsOfAFilter() throws Exception {
    ScenarioResult result =
        move(
            new Filter("input"),
            o -> {
              o.encapsulation = "auto";
              o.plaintext = true;
              o.seed = 38;
            });
    assertThat(old(result).encapsulation()).isEqualTo("tls");
    assertThat(old(result).encapsulationReason())
        .startsWith("auto: tls, since new-host finds: filters: ")
        .contains("in_the_way", "IP protocol 4");
  }

  @SideBySide
  @Test
  void theOldHostIsBehindANat() throws Exception {
    var witness = new Witness();
    ScenarioResult result =
        move(
            witness,
            o -> {
              o.encapsulation = "auto";
              o.plaintext = true;
              o.nat = true;
              o.seed = 35;
            });
    assertThat(witness.oldHostIs).as("the NAT's address").isEqualTo("it connects from 10.2.0.1");
    assertThat(old(result).encapsulation()).isEqualTo("tls");
    assertThat(old(result).encapsulationReason())
        .isEqualTo(
            "auto: tls, since new-host has no endpoint of old-host in its config (it may be behind"
                + " a NAT), so IP-in-IP has no address to send to");
    assertThat(witness.fresh().encapsulationReason()).isEqualTo(old(result).encapsulationReason());
  }

  /** Gives the new host another address as soon as it has released. */
  private static final class Roaming implements Bystander {
    private static final IpAddress ELSEWHERE = IpAddress.parse("fd00:2::22");

    private final boolean named;
    private @Nullable Lab lab;
    private @Nullable DemoHost oldHost;
    private String said = "";

    Roaming(boolean named) {
      this.named = named;
    }

    @Override
    public void begun(Lab built) {
      lab = built;
    }

    @Override
    public void reached(MigrationState state, DemoHost old, DemoHost fresh) throws Exception {
      if (state == MigrationState.REDIRECTING) {
        oldHost = old;
        Objects.requireNonNull(lab)
            .newHost()
            .ip("addr add " + ELSEWHERE + "/64 dev br0 nodad", "addr del fd00:2::2/64 dev br0");
        if (named) {
          old.resolves("new-host.lab.test", ELSEWHERE);
        }
      }
    }

    @Override
    public void moved(Lab built) throws Exception {
      said = Objects.requireNonNull(oldHost).control().status().remotes().getFirst().problem();
    }
  }

  /**
   * The old host finds the new one where it has proven itself, or by its name alone: from behind a
   * NAT, where the new one cannot tell it.
   */
  @Tag("suite-ways")
  @SideBySide
  @ParameterizedTest(name = "by its name: {0}")
  @ValueSource(booleans = {false, true})
  void theNewHostHasAnotherAddressWhileItIsTunnelledTo(boolean named) throws Exception {
    var roaming = new Roaming(named);
    ScenarioResult result =
        Scenario.run(
            ScenarioOptions.defaults()
                .with(o -> {
                  o.pause = Duration.ofMillis(200);
                  o.rehearsed = false;
                  o.connections = 16;
                  o.encapsulation = "tls";
                  o.underlay = "ipv6";
                  o.roaming = true;
                  o.named = named;
                  o.nat = named;
                  o.seed = 36;
                }),
            Story.silent(),
            roaming);
    assertThat(result.connections())
        .hasSize(16)
        .allSatisfy(each -> assertThat(each.outcome()).as("%s", each).isEqualTo(Outcome.SURVIVED));
    assertThat(result.faults()).isEmpty();
    assertThat(result.newConnectionOk()).isTrue();
    assertThat(result.unrecovered()).isZero();
    // The kernels of the two hosts may reset each other's connections of before.
    assertThat(result.forbidden())
        .filteredOn(line -> !(line.startsWith("RST ") && line.contains(DAEMON)))
        .isEmpty();
    assertThat(result.leftBehind()).isNotEmpty().allMatch(line -> line.contains("fd00:2::2"));
    assertThat(roaming.said).isEqualTo(named ? "" : "it is at " + Roaming.ELSEWHERE + " now");
  }

  /** The old host comes back with another address, which the new one's config does not have. */
  private static final class ComingBack implements Bystander {
    private @Nullable Lab lab;

    @Override
    public void begun(Lab built) {
      lab = built;
    }

    @Override
    public void reached(MigrationState state, DemoHost old, DemoHost fresh) throws Exception {
      if (state == MigrationState.REDIRECTING) {
        old.kill();
        Objects.requireNonNull(lab)
            .oldHost()
            .ip(
                "addr del 10.1.0.2/24 dev br0",
                "addr add 10.1.0.22/24 dev br0",
                "route add default via 10.1.0.1");
        String config = Files.readString(old.configFile());
        assertThat(config).contains("10.1.0.2:4754");
        Files.writeString(old.configFile(), config.replace("10.1.0.2:4754", "10.1.0.22:4754"));
        old.startAgain();
      }
    }

    @Override
    public void moved(Lab built) {}
  }

  @Tag("suite-ways")
  @SideBySide
  @Test
  void theOldHostHasAnotherAddressByIpInIp() throws Exception {
    ScenarioResult result =
        Scenario.run(
            ScenarioOptions.defaults()
                .with(o -> {
                  o.pause = Duration.ofMillis(200);
                  o.rehearsed = false;
                  o.connections = 16;
                  o.encapsulation = "ipip";
                  o.seed = 39;
                }),
            Story.silent(),
            new ComingBack());
    assertThat(result.connections())
        .hasSize(16)
        .allSatisfy(each -> assertThat(each.outcome()).as("%s", each).isEqualTo(Outcome.SURVIVED));
    assertThat(result.unrecovered()).isZero();
    assertThat(result.forbidden())
        .filteredOn(line -> !(line.startsWith("RST ") && line.contains(DAEMON)))
        .isEmpty();
  }
}
