package dev.holdfast.steer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.tunnel.packet.IpAddress;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The old host's kernel says nothing of its own about a captured address ({@link OldSite}); only
 * Packet-Too-Big it says.
 */
class SilenceIT {

  @TempDir private Path folder;
  private ArmedOldSite old;
  private OldSite site;
  private long errors;

  @BeforeEach
  void hold() throws Exception {
    old = new ArmedOldSite(folder);
    site = old.site;
    old.rig.nft(old.steering.holdScript());
    errors = old.errorsHeard();
  }

  @AfterEach
  void tearDown() throws Exception {
    old.close();
  }

  private void expectSilence() throws Exception {
    assertThat(old.errorsHeard()).isEqualTo(errors);
  }

  @Test
  void whenTheHopLimitIsUsedUp() throws Exception {
    // The client's packets reach the router with 2 and the host with 1.
    assertThat(Pings.answeredSoon(site.client, OldSite.OLD4, "-t2")).isZero();
    assertThat(Pings.answeredSoon(site.client, OldSite.OLD6, "-t2")).isZero();
    expectSilence();
    assertThat(Pings.answered(site.client, OldSite.OLD4)).isOne();
  }

  @Test
  void whenTheTunIsGone() throws Exception {
    old.rig.tun.close();
    assertThat(Pings.answeredSoon(site.client, OldSite.OLD4)).isZero();
    assertThat(Pings.answeredSoon(site.peer, OldSite.OLD4)).isZero();
    assertThat(Pings.answeredSoon(site.client, OldSite.OLD6)).isZero();
    assertThat(Pings.answeredSoon(site.peer, OldSite.OLD6)).isZero();
    expectSilence();
  }

  @Test
  void whenSomebodyElsesFilterRejects() throws Exception {
    // With it, the kernel sends a reset straight out of the port, past every hook of IP.
    site.host.run(
        "sysctl",
        "-eqw",
        "net.bridge.bridge-nf-call-iptables=0",
        "net.bridge.bridge-nf-call-ip6tables=0");
    site.host.run("nft", "add table inet others");
    site.host.run("nft", "add chain inet others forward { type filter hook forward priority 0; }");
    site.host.run(
        "nft", "add rule inet others forward meta l4proto tcp counter reject with tcp reset");
    site.host.run("nft", "add rule inet others forward counter reject");
    for (String address : ArmedOldSite.OLD) {
      assertThat(Pings.answeredSoon(site.client, address)).isZero();
      assertThatThrownBy(() -> connect(address)).isInstanceOf(SocketTimeoutException.class);
    }
    expectSilence();
    assertThat(site.host.run("nft", "list table inet others")).doesNotContain("packets 0 ");
  }

  /** A reset would be a "connection refused", and an ICMP error a "no route" or so. */
  private void connect(String address) throws Exception {
    site.client.call(() -> {
      try (Socket socket = new Socket()) {
        socket.connect(new InetSocketAddress(IpAddress.parse(address).toInetAddress(), 7), 500);
        throw new IOException("somebody has answered");
      }
    });
  }
}
