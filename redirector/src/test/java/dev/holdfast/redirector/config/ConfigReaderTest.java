package dev.holdfast.redirector.config;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.config.Config.Encapsulation;
import dev.holdfast.redirector.config.Config.HoldPolicy;
import dev.holdfast.redirector.config.Config.NoRelease;
import dev.holdfast.redirector.config.Config.StaleSyn;
import dev.holdfast.tunnel.encap.OuterPolicy;
import dev.holdfast.tunnel.packet.IpPrefix;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ConfigReaderTest {
  private static final String HEX =
      "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
  private static final String MINIMAL =
      """
      [tunnel]
      listen = "10.1.0.2:4754"
      uplink = "eth0"
      [identity]
      certificate = "host.crt"
      key = "/keys/host.key"
      """;
  @TempDir private Path folder;

  @Test
  void theExampleIsRead() throws Exception {
    Config config = ConfigReader.read(Path.of("../conf/holdfast.toml"));

    assertThat(config.daemon().name()).isEqualTo("host-a");
    assertThat(config.tunnel().listen()).isEqualTo(new InetSocketAddress("10.1.0.2", 4754));
    assertThat(config.identity().key()).isEqualTo(Path.of("/etc/holdfast/host.key"));
    assertThat(config.remotes())
        .containsExactly(
            new Config.Remote(
                "host-b",
                new InetSocketAddress("10.2.0.2", 4754),
                HEX,
                List.of(IpPrefix.parse("10.1.0.0/24"), IpPrefix.parse("fd00:1::/64")),
                false));
    assertThat(config.dns())
        .containsExactly(
            new Config.DnsZone(
                "lab.test.",
                new InetSocketAddress("10.9.0.53", 53),
                "mv-key.",
                "hmac-sha256",
                Path.of("/etc/holdfast/tsig.key"),
                30));
  }

  @Test
  void theExampleShowsTheDefaults() throws Exception {
    Config example = ConfigReader.read(Path.of("../conf/holdfast.toml"));
    Config minimal = ConfigReader.read(write(MINIMAL));

    assertThat(minimal.hold()).isEqualTo(example.hold());
    assertThat(minimal.drain()).isEqualTo(example.drain());
    assertThat(minimal.tunnel()).isEqualTo(example.tunnel());
    assertThat(minimal.daemon())
        .isEqualTo(
            new Config.Daemon(
                Files.readString(Path.of("/proc/sys/kernel/hostname")).strip(),
                example.daemon().control(),
                example.daemon().state(),
                example.daemon().pins(),
                null));
    assertThat(minimal.remotes()).isEmpty();
    assertThat(minimal.dns()).isEmpty();
  }

  @Test
  void hooksAreTaken() throws Exception {
    Config config =
        ConfigReader.read(
            write(
                MINIMAL
                    + """
                    [[hook]]
                    events = ["armed", "rolled-back"]
                    command = ["/bin/x", "-v", "-v"]
                    [[hook]]
                    events = ["alert"]
                    command = ["/bin/y"]
                    timeout = "2m"
                    migration = "web*.example?"
                    """));

    assertThat(config.hooks())
        .containsExactly(
            new Config.Hook(
                List.of(Config.HookEvent.ARMED, Config.HookEvent.ROLLED_BACK),
                List.of("/bin/x", "-v", "-v"),
                Duration.ofSeconds(30),
                "*"),
            new Config.Hook(
                List.of(Config.HookEvent.ALERT),
                List.of("/bin/y"),
                Duration.ofMinutes(2),
                "web*.example?"));
    assertThat(config.hooks().getFirst().isFor("rolled-back", "any")).isTrue();
    assertThat(config.hooks().getFirst().isFor("done", "any")).isFalse();
    assertThat(config.hooks().getLast().isFor("alert", "web12.example1")).isTrue();
    assertThat(config.hooks().getLast().isFor("alert", "web12xexample1")).isFalse();
    assertThat(config.hooks().getLast().isFor("alert", "web.example")).isFalse();
  }

  @Test
  void everySettingIsTaken() throws Exception {
    Config config =
        ConfigReader.read(
            write(
                """
                [daemon]
                name = "site_a.1"
                control = "c.sock"
                metrics = "[::1]:9475"
                [tunnel]
                listen = "[fd00::2]:99"
                uplink = "bond0.100"
                encapsulation = "ipip"
                fast-path = "off"
                device = "hf9"
                ttl = "keep"
                hop-limit = 7
                dscp = "af41"
                [identity]
                certificate = "tls/host.crt"
                key = "../host.key"
                [[dns]]
                zone = "Lab.Test"
                server = "127.0.0.1:5353"
                key-name = "k"
                key-algorithm = "hmac-sha512"
                key-secret-file = "/x"
                ttl = 1
                [hold]
                policy = "drop"
                max-bytes = "512KiB"
                max-age = "250ms"
                no-release = "rollback"
                limit = "2m"
                [drain]
                time-wait = "0s"
                minimum = "3h"
                after = "1s"
                stale-syn = "reject"
                """));

    assertThat(config.daemon().name()).isEqualTo("site_a.1");
    assertThat(config.daemon().control()).isEqualTo(folder.resolve("c.sock"));
    assertThat(config.daemon().metrics()).isEqualTo(new InetSocketAddress("::1", 9475));
    assertThat(config.tunnel().listen()).isEqualTo(new InetSocketAddress("fd00::2", 99));
    assertThat(config.tunnel().uplink()).isEqualTo("bond0.100");
    assertThat(config.tunnel().encapsulation()).isEqualTo(Encapsulation.IPIP);
    assertThat(config.tunnel().device()).isEqualTo("hf9");
    assertThat(config.tunnel().keepsTtl()).isTrue();
    assertThat(config.tunnel().outer()).isEqualTo(new OuterPolicy(7, 34));
    assertThat(config.identity().certificate()).isEqualTo(folder.resolve("tls/host.crt"));
    assertThat(config.identity().key()).isEqualTo(folder.resolveSibling("host.key"));
    assertThat(config.dns().getFirst().zone()).isEqualTo("lab.test.");
    assertThat(config.dns().getFirst().keyName()).isEqualTo("k.");
    assertThat(config.dns().getFirst().ttl()).isEqualTo(1);
    assertThat(config.hold())
        .isEqualTo(
            new Config.Hold(
                HoldPolicy.DROP,
                512 * 1024,
                Duration.ofMillis(250),
                NoRelease.ROLLBACK,
                Duration.ofMinutes(2)));
    assertThat(config.drain())
        .isEqualTo(
            new Config.Drain(
                Duration.ZERO, Duration.ofHours(3), Duration.ofSeconds(1), StaleSyn.REJECT));
  }

  @ParameterizedTest
  @CsvSource({
    "'\"copy\"', -1",
    "0, 0",
    "63, 63",
    "'\"CS0\"', 0",
    "'\"CS7\"', 56",
    "'\"AF11\"', 10",
    "'\"AF43\"', 38",
    "'\"EF\"', 46",
    "'\"LE\"', 1",
    "'\"ef\"', 46"
  })
  void aDscpHasANumberOrAName(String written, int dscp) throws Exception {
    String text = MINIMAL.replace("uplink = ", "dscp = " + written + "\nuplink = ");
    assertThat(ConfigReader.read(write(text)).tunnel().outer().dscp()).isEqualTo(dscp);
  }

  @Test
  void aRemoteHostMayHaveANameForAnAddressOrNoneAtAll() throws Exception {
    String remotes =
        """
        [[remote]]
        name = "b"
        endpoint = "b.example.org:4754"
        fingerprint = "sha256:%1$s"
        addresses = ["10.1.0.0/24"]
        plaintext = true
        [[remote]]
        name = "c"
        fingerprint = "sha256:a%2$s"
        addresses = ["10.1.0.0/24"]
        [[remote]]
        name = "d"
        endpoint = ""
        fingerprint = "sha256:b%2$s"
        addresses = ["10.1.0.0/24"]
        """
            .formatted(HEX, HEX.substring(1));
    List<Config.Remote> read = ConfigReader.read(write(MINIMAL + remotes)).remotes();
    assertThat(read.get(0).endpoint())
        .isEqualTo(InetSocketAddress.createUnresolved("b.example.org", 4754));
    assertThat(read.get(0).endpointText()).isEqualTo("b.example.org:4754");
    assertThat(read.get(0).plaintext()).isTrue();
    assertThat(read.get(1).endpoint()).isNull();
    assertThat(read.get(1).plaintext()).isFalse();
    assertThat(read.get(2).endpoint()).isNull();
    assertThat(read.get(2).endpointText()).isEmpty();
  }

  @Test
  void remarksTellWhatWillNotBeDone() throws Exception {
    assertThat(ConfigReader.readWithNotes(write(MINIMAL)).notes())
        .containsExactlyInAnyOrder(
            new Problem(0, 0, "there is no [[remote]]: no host may send or receive anything"),
            new Problem(0, 0, "there is no [[dns]]: names are not updated"));
  }

  private Path write(String toml) throws IOException {
    return Files.writeString(folder.resolve("holdfast.toml"), toml);
  }
}
