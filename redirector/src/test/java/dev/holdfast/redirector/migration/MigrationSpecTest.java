package dev.holdfast.redirector.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.holdfast.redirector.config.Config;
import dev.holdfast.tunnel.packet.IpPrefix;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class MigrationSpecTest {
  private static final Config CONFIG =
      new Config(
          new Config.Daemon("host-a", Path.of("/c"), Path.of("/s"), Path.of("/p"), null),
          new Config.Tunnel(
              new InetSocketAddress("10.1.0.2", 4754),
              "br0",
              Config.Encapsulation.AUTO,
              Config.ReturnPath.SYMMETRIC,
              Config.Capture.TUN,
              Config.FastPath.OFF,
              "hf0"),
          new Config.Identity(Path.of("/i.crt"), Path.of("/i.key")),
          List.of(
              new Config.Remote(
                  "host-b",
                  new InetSocketAddress("10.2.0.2", 4754),
                  "00",
                  List.of(IpPrefix.parse("10.1.0.0/24"), IpPrefix.parse("fd00:1::/64")))),
          List.of(),
          new Config.Hold(
              Config.HoldPolicy.QUEUE,
              1 << 20,
              Duration.ofSeconds(300),
              Config.NoRelease.KEEP,
              Duration.ofSeconds(300)),
          new Config.Drain(
              Duration.ofSeconds(60),
              Duration.ofSeconds(7440),
              Duration.ofSeconds(60),
              Config.StaleSyn.TUNNEL));

  private static MigrationRequest request(
      String name,
      List<String> old,
      List<String> fresh,
      String remote,
      @Nullable String mac,
      @Nullable String encapsulation) {
    return new MigrationRequest(
        name,
        old,
        fresh,
        remote,
        null,
        "vnet3",
        mac,
        "br0",
        null,
        List.of(),
        encapsulation,
        null,
        null,
        null);
  }

  @Test
  void aSoundRequestGetsTheConfigsDefaults() throws RequestRefused {
    MigrationSpec spec =
        MigrationSpec.of(
            request(
                "web1",
                List.of("10.1.0.10", "fd00:1::10"),
                List.of("10.2.0.10"),
                "host-b",
                "52:54:00:10:00:10",
                null),
            CONFIG);

    assertThat(spec.encapsulation()).isEqualTo(Config.Encapsulation.TLS);
    assertThat(spec.holdPolicy()).isEqualTo(Config.HoldPolicy.QUEUE);
    assertThat(spec.dnsAddresses()).isEqualTo(spec.news());
  }

  @Test
  void everyMistakeIsToldInOneGo() {
    RequestRefused refused =
        catchThrowableOfType(
            RequestRefused.class,
            () ->
                MigrationSpec.of(
                    request(
                        "bad name",
                        List.of("10.1.0.999"),
                        List.of(),
                        "host-x",
                        "ff:ff:ff:ff:ff:ff",
                        "gre"),
                    CONFIG));

    assertThat(refused.kind()).isEqualTo(RequestRefused.Kind.INVALID);
    assertThat(refused.getMessage())
        .contains("bad name")
        .contains("10.1.0.999")
        .contains("at least one --new")
        .contains("host-x")
        .contains("ff:ff:ff:ff:ff:ff")
        .contains("auto, ipip, tls");
  }

  @Test
  void anAddressThatTheRemoteMayNotHaveIsRefused() {
    RequestRefused refused =
        catchThrowableOfType(
            RequestRefused.class,
            () ->
                MigrationSpec.of(
                    request(
                        "web1", List.of("10.7.0.10"), List.of("10.2.0.10"), "host-b", null, null),
                    CONFIG));

    assertThat(refused.getMessage())
        .contains("10.7.0.10")
        .contains("[[remote]] host-b")
        .contains("10.1.0.0/24");
  }

  @Test
  void ipInIpIsForIpv4() {
    RequestRefused refused =
        catchThrowableOfType(
            RequestRefused.class,
            () ->
                MigrationSpec.of(
                    request(
                        "web1",
                        List.of("fd00:1::10"),
                        List.of("fd00:2::10"),
                        "host-b",
                        null,
                        "ipip"),
                    CONFIG));

    assertThat(refused.getMessage()).contains("ipip carries IPv4 only");
  }
}
