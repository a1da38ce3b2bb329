package dev.holdfast.redirector.replay.live;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.redirector.replay.LiveFailed;
import dev.holdfast.redirector.replay.PlayedAddresses;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.time.SystemClock;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class LivePartsTest {
  private static List<IpAddress> addresses(String... texts) {
    return List.of(texts).stream().map(IpAddress::parse).toList();
  }

  private static List<String> problems(boolean force, List<IpAddress> own, String... peers) {
    return AddressCheck.problems(
        new PlayedAddresses(addresses("10.1.0.10"), addresses(peers)), own, force);
  }

  @Test
  void whatIsSomebodysIsNotPlayed() {
    List<IpAddress> none = List.of();
    assertThat(problems(false, none, "10.9.0.2", "fd00:9::2", "192.168.1.1", "fe80::1")).isEmpty();
    assertThat(problems(false, none, "8.8.8.8", "2600::1"))
        .singleElement()
        .asString()
        .startsWith("The capture has 8.8.8.8, 2600::1, which may be somebody's on the Internet")
        .contains("map them");
    assertThat(problems(true, none, "8.8.8.8")).isEmpty();
    assertThat(problems(false, addresses("10.9.0.2"), "10.9.0.2"))
        .singleElement()
        .asString()
        .contains("10.9.0.2, which this machine has itself");
    assertThat(problems(true, none, "127.0.0.1", "224.0.0.5", "255.255.255.255", "::1", "0.0.0.0"))
        .as("not by any option")
        .singleElement()
        .asString()
        .contains("no host on a LAN has");
    String[] many = new String[9];
    for (int i = 0; i < many.length; i++) {
      many[i] = "9.9.9." + i;
    }
    assertThat(problems(false, none, many).getFirst()).contains("9.9.9.4 and 4 more");
  }

  @Test
  void aSetHasWhatWasPutIn() {
    var random = new SplittableRandom(3);
    List<IpAddress> in = new ArrayList<>();
    for (int i = 0; i < 5_000; i++) {
      in.add(
          i % 2 == 0
              ? IpAddress.v4(0x0a00_0000 + i)
              : new IpAddress(0xfd00L << 48 | random.nextInt(4), random.nextLong()));
    }
    var set = new AddressSet(in);
    assertThat(in).allMatch(set::contains);
    for (int i = 0; i < 5_000; i++) {
      assertThat(set.contains(IpAddress.v4(0x0a00_0001 + 2 * i))).isFalse();
    }
    assertThat(new AddressSet(List.of()).contains(0, 0)).isFalse();
  }

  @Test
  void anInterfaceThatCannotBeUsedIsSaid() {
    assertThatThrownBy(() -> PlayedInterface.of("nope0"))
        .hasMessage("There is no interface nope0; ip link lists them.");
    assertThatThrownBy(() -> PlayedInterface.of("lo"))
        .hasMessageContaining("lo is no Ethernet interface");
  }

  @Test
  void thePlayedMacIsNobodys() {
    var own = MacAddress.parse("52:54:00:12:34:56");
    MacAddress played = new PlayedInterface("x", own, 1_500).playedMac();
    assertThat(played).isNotEqualTo(own);
    assertThat(played.isGroup()).isFalse();
    assertThat(played.bits() >>> 41 & 1).as("locally administered").isOne();
  }

  private static StepCommand ended(String command) throws InterruptedException {
    var woken = new CountDownLatch(1);
    var step = StepCommand.start("--on-move", command, SystemClock.INSTANCE, woken::countDown);
    assertThat(woken.await(20, TimeUnit.SECONDS)).isTrue();
    return step;
  }

  @Test
  void aCommandIsRunByTheShell() throws InterruptedException {
    try (StepCommand good = ended("exit $((4 - 4))")) {
      assertThat(good.isDone()).isTrue();
    }
    try (StepCommand bad = ended("echo no such migration >&2; exit 4")) {
      assertThatThrownBy(bad::isDone)
          .isInstanceOf(LiveFailed.class)
          .hasMessageContaining("--on-move ended with status 4, and the guest was not moved")
          .hasMessageContaining("no such migration");
    }
  }
}
