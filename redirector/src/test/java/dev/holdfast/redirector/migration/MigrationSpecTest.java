package dev.holdfast.redirector.migration;

import static java.util.stream.Collectors.joining;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.holdfast.redirector.config.Config;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.IntStream;
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
              "hf0",
              4),
          new Config.Identity(Path.of("/i.crt"), Path.of("/i.key")),
          List.of(
              new Config.Remote(
                  "host-b",
                  new InetSocketAddress("10.2.0.2", 4754),
                  "00",
                  List.of(IpPrefix.parse("10.1.0.0/24"), IpPrefix.parse("fd00:1::/64")),
                  false),
              new Config.Remote(
                  "host-c",
                  new InetSocketAddress("fd00:2::2", 4754),
                  "01",
                  List.of(IpPrefix.parse("10.1.0.0/24")),
                  true),
              new Config.Remote(
                  "host-d", null, "02", List.of(IpPrefix.parse("10.1.0.0/24")), true)),
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
    return MigrationRequest.of(name, old, fresh, remote, "br0")
        .guestPort("vnet3")
        .guestMac(mac)
        .encapsulation(encapsulation)
        .request();
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

    assertThat(spec.encapsulation()).isEqualTo(Config.Encapsulation.AUTO);
    assertThat(spec.holdPolicy()).isEqualTo(Config.HoldPolicy.QUEUE);
    assertThat(spec.dnsAddresses()).isEqualTo(spec.news());
  }

  private static MigrationSpec named(String dnsName) throws RequestRefused {
    MigrationRequest sound =
        request("web1", List.of("10.1.0.10"), List.of("10.2.0.10"), "host-b", null, null);
    return MigrationSpec.of(
        MigrationRequest.of(
                sound.name(),
                sound.oldAddresses(),
                sound.newAddresses(),
                sound.remote(),
                sound.deliver())
            .guestPort(sound.guestPort())
            .dnsName(dnsName)
            .request(),
        CONFIG);
  }

  @Test
  void aGuestMayHaveSeveralNames() throws RequestRefused {
    assertThat(named("web.lab.test").dnsName()).isEqualTo("web.lab.test");
    assertThat(named("web.lab.test, www.else.test.").dnsName())
        .isEqualTo("web.lab.test,www.else.test.");
    assertThat(named(" ").dnsName()).isNull();
    assertThatThrownBy(() -> named("web.lab.test,WEB.lab.test.,www..test,"))
        .hasMessageContaining("--dns-name WEB.lab.test. is given twice")
        .hasMessageContaining("'www..test' is not a domain name")
        .hasMessageContaining("'' is not a domain name");
    String many =
        IntStream.rangeClosed(1, 17).mapToObj(i -> "n" + i + ".test").collect(joining(","));
    assertThatThrownBy(() -> named(many)).hasMessageContaining("at most 16 --dns-name");
  }

  @Test
  void aGuestMayHaveSeveralAddressesOfAFamily() throws RequestRefused {
    List<String> olds = List.of("10.1.0.10", "10.1.0.11", "fd00:1::10", "fd00:1::11");
    MigrationSpec spec =
        MigrationSpec.of(
            request("web1", olds, List.of("10.2.0.10", "10.2.0.11"), "host-b", null, null), CONFIG);
    assertThat(spec.olds()).hasSize(4);
    assertThat(spec.news()).hasSize(2);
  }

  @Test
  void butNotAnyNumberAndNoneTwice() {
    List<String> olds = IntStream.rangeClosed(1, 17).mapToObj(i -> "10.1.0." + i).toList();
    List<String> news = List.of("10.2.0.10", "10.2.0.10");
    RequestRefused refused =
        catchThrowableOfType(
            RequestRefused.class,
            () -> MigrationSpec.of(request("web1", olds, news, "host-b", null, null), CONFIG));

    assertThat(refused.getMessage())
        .contains("at most 16 --old")
        .contains("a --new address is given twice");
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
  void anEndOfTheTunnelIsNoGuest() {
    RequestRefused refused =
        catchThrowableOfType(
            RequestRefused.class,
            () ->
                MigrationSpec.of(
                    request(
                        "web1", List.of("10.1.0.2"), List.of("10.2.0.10"), "host-b", null, null),
                    CONFIG));
    assertThat(refused.getMessage())
        .isEqualTo(
            "10.1.0.2 is this host's own end of its tunnels ([tunnel] listen), so its packets cannot"
                + " go through one: give the address of the guest");
    assertThat(TunnelEnds.against(CONFIG, CONFIG.remotes().getFirst(), IpAddress.parse("10.2.0.2")))
        .contains("[[remote]] host-b");
    assertThat(
            TunnelEnds.against(CONFIG, CONFIG.remotes().getFirst(), IpAddress.parse("10.1.0.10")))
        .isNull();
  }

  @Test
  void ipInIpCarriesBothFamilies() throws RequestRefused {
    MigrationSpec spec =
        MigrationSpec.of(
            request(
                "web1",
                List.of("fd00:1::10", "10.1.0.10"),
                List.of("fd00:2::10", "10.2.0.10"),
                "host-b",
                null,
                "ipip"),
            CONFIG);

    assertThat(spec.encapsulation()).isEqualTo(Config.Encapsulation.IPIP);
  }

  private static String refusal(String remote, String encapsulation) {
    RequestRefused refused =
        catchThrowableOfType(
            RequestRefused.class,
            () ->
                MigrationSpec.of(
                    request(
                        "web1",
                        List.of("10.1.0.10"),
                        List.of("10.2.0.10"),
                        remote,
                        null,
                        encapsulation),
                    CONFIG));
    return String.valueOf(refused.getMessage());
  }

  @Test
  void ipInIpNeedsTheSameFamilyAtBothHosts() {
    assertThat(refusal("host-c", "ipip"))
        .contains("host-a listens on 10.1.0.2:4754, and host-c is at [fd00:2::2]:4754")
        .contains("use tls");
  }

  @Test
  void whomThisHostCannotReachItCannotMoveAGuestTo() {
    assertThat(refusal("host-d", "tls")).contains("host-d has no endpoint");
  }
}
