package dev.holdfast.redirector.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.holdfast.redirector.config.Config;
import dev.holdfast.tunnel.endpoint.ControlMessage.ArmReply;
import dev.holdfast.tunnel.packet.IpPrefix;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class EncapsulationChoiceTest {
  private static final InetSocketAddress THERE = new InetSocketAddress("10.2.0.2", 4754);

  private static Config config(String listen, @Nullable InetSocketAddress there, boolean plain) {
    return new Config(
        new Config.Daemon("host-a", Path.of("/c"), Path.of("/s"), Path.of("/p"), null),
        new Config.Tunnel(
            new InetSocketAddress(listen, 4754),
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
                "host-b", there, "00", List.of(IpPrefix.parse("10.1.0.0/24")), plain)),
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
  }

  private static MigrationRecord auto() {
    return MigrationJournalTest.sample("web1").carriedBy("auto", null, 7);
  }

  private static String reason(Config config) {
    MigrationRecord asked = EncapsulationChoice.asked(config, auto(), wanted -> null);
    assertThat(asked.encapsulation()).isEqualTo("tls");
    assertThat(EncapsulationChoice.answered(config, auto(), wanted -> null)).isEqualTo(asked);
    return String.valueOf(asked.encapsulationReason());
  }

  private static ArmReply reply(String encapsulation, String reason) {
    return new ArmReply(1, "", List.of(), List.of(), new byte[16], 4, encapsulation, reason);
  }

  @Test
  void clearTextIsNotChosenUnlessItIsAllowed() {
    assertThat(reason(config("10.1.0.2", THERE, false)))
        .isEqualTo(
            "auto: tls, since the config of host-a does not allow clear text to host-b (plaintext ="
                + " true in [[remote]])");
    Config allowed = config("10.1.0.2", THERE, true);
    assertThat(EncapsulationChoice.asked(allowed, auto(), wanted -> null)).isEqualTo(auto());
    assertThat(EncapsulationChoice.answered(allowed, auto(), wanted -> null).isIpInIp()).isTrue();
  }

  @Test
  void whatIpInIpCannotDoIsNotTried() {
    assertThat(reason(config("0.0.0.0", THERE, true))).contains("listens on 0.0.0.0:4754");
    assertThat(reason(config("10.1.0.2", null, true))).contains("NAT");
    assertThat(reason(config("fd00::2", THERE, true))).contains("the same family at both");
    // A name may have an address of the right family: the probe will tell.
    InetSocketAddress name = InetSocketAddress.createUnresolved("host-b.example", 4754);
    assertThat(
            EncapsulationChoice.asked(config("fd00::2", name, true), auto(), wanted -> null)
                .isAuto())
        .isTrue();
  }

  @Test
  void whatWasAskedForIsNotChosenAnew() throws RequestRefused {
    MigrationRecord told = MigrationJournalTest.sample("web1");
    Config config = config("10.1.0.2", THERE, true);
    assertThat(EncapsulationChoice.asked(config, told, wanted -> null)).isSameAs(told);
    assertThat(EncapsulationChoice.answered(config, told, wanted -> null)).isSameAs(told);
    assertThat(EncapsulationChoice.agreed(told, reply("ipip", ""))).isSameAs(told);
  }

  @Test
  void theEndpointHasItsSayAndNoMore() throws RequestRefused {
    MigrationRecord agreed =
        EncapsulationChoice.agreed(auto(), reply("tls", "auto: tls, since host-b says so"));
    assertThat(agreed.encapsulation()).isEqualTo("tls");
    assertThat(agreed.encapsulationReason()).isEqualTo("auto: tls, since host-b says so");
    for (String nonsense : List.of("", "auto", "gre")) {
      RequestRefused refused =
          catchThrowableOfType(
              RequestRefused.class,
              () -> EncapsulationChoice.agreed(auto(), reply(nonsense, "because")));
      assertThat(refused.getMessage()).contains("not known here");
    }
  }

  @Test
  void whatARemoteHostSaysIsBoundedAndHasNoControlCharacters() throws RequestRefused {
    MigrationRecord agreed =
        EncapsulationChoice.agreed(auto(), reply("tls", "\u001b[2Jgone\n" + "x".repeat(100_000)));
    assertThat(agreed.encapsulationReason()).startsWith(" [2Jgone x").hasSize(500);
    assertThat(EncapsulationChoice.told(" ")).isNull();
  }

  @Test
  void thePlanSaysWhatIsLookedAt() throws RequestRefused {
    Config config = config("fd00::2", new InetSocketAddress("fd00::3", 4754), true);
    MigrationRecord agreed = EncapsulationChoice.agreed(auto(), reply("ipip", "both allow it"));
    MigrationPlan.Check check = EncapsulationChoice.check(config, auto(), agreed);
    assertThat(check.name()).isEqualTo("encapsulation");
    assertThat(check.detail()).contains("1460 bytes").contains("otherwise tls");
    MigrationRecord told = MigrationJournalTest.sample("web1");
    assertThat(EncapsulationChoice.check(config, told, told).detail())
        .isEqualTo("tls, as asked for");
  }
}
