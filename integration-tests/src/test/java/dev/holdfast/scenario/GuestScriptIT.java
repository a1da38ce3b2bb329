package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.lab.Namespace;
import dev.holdfast.redirector.control.Json;
import dev.holdfast.redirector.hook.GuestScript;
import dev.holdfast.redirector.migration.MigrationView;
import dev.holdfast.tunnel.packet.IpAddress;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/**
 * What {@code guest commands} prints, run where a guest runs it.
 *
 * <pre>
 *   guest: eth0 10.1.0.10/24 fd00:1::10/64 -- port (the host's, without an address)
 * </pre>
 */
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
class GuestScriptIT {
  @TempDir private Path folder;
  private Namespace guest;
  private Namespace host;
  private final String name = "web" + UUID.randomUUID().toString().substring(0, 8);

  @BeforeEach
  void build() throws Exception {
    guest = Namespace.create("guest");
    host = Namespace.create("host");
    Namespace.connect(guest, "eth0", host, "port");
    guest.ip("addr add 10.1.0.10/24 dev eth0");
    guest.ip("addr add fd00:1::10/64 dev eth0 nodad");
    guest.ip("route add default via 10.1.0.1");
    guest.ip("-6 route add default via fd00:1::1");
  }

  @AfterEach
  void takeDown() throws Exception {
    host.close();
    guest.close();
    Files.deleteIfExists(Path.of("/run/holdfast-" + name)); // a namespace has no /run of its own
  }

  private GuestScript script(boolean dhcp) {
    MigrationView view =
        Json.read(
            """
            {"name": "%s", "oldAddresses": ["10.1.0.10", "fd00:1::10"],
             "newAddresses": ["10.2.0.10", "fd00:2::10"]}
            """
                .formatted(name)
                .getBytes(StandardCharsets.UTF_8),
            MigrationView.class);
    List<IpAddress> gateways = List.of(IpAddress.parse("10.2.0.1"), IpAddress.parse("fd00:2::1"));
    return new GuestScript(view, gateways, 24, 64, dhcp);
  }

  private void run(String script) throws IOException, InterruptedException {
    Path file = Files.writeString(folder.resolve("script"), script);
    assertThat(guest.run("sh", file.toString())).isEmpty();
  }

  /** Addresses and routes, but for what the kernel gives of its own accord. */
  private String network() throws Exception {
    String addresses = guest.ip("-o addr show dev eth0").replaceAll("\\\\ *", "");
    String routes = guest.ip("route show") + guest.ip("-6 route show");
    return (addresses + routes)
        .lines()
        .filter(line -> !line.contains("fe80::"))
        .sorted()
        .toList()
        .toString();
  }

  @Test
  void aGuestGoesAndComesBack() throws Exception {
    String before = network();
    run(script(false).there());
    String there = network();
    assertThat(there)
        .contains(
            "inet 10.1.0.10/32 scope global deprecated",
            "inet6 fd00:1::10/128 scope global nodad deprecated",
            "inet 10.2.0.10/24",
            "inet6 fd00:2::10/64",
            "default via 10.2.0.1 dev eth0 src 10.2.0.10",
            "default via fd00:2::1 dev eth0 src fd00:2::10")
        .doesNotContain("10.1.0.10/24", "fd00:1::10/64", "10.1.0.0/24", "fd00:1::/64", "10.1.0.1 ");
    run(script(false).there());
    assertThat(network()).as("run twice").isEqualTo(there);

    run(script(false).back());
    assertThat(network()).isEqualTo(before);
  }

  @Test
  void withDhcpOnlyTheOldAddressesAreSeenTo() throws Exception {
    String before = network();
    run(script(true).there());
    assertThat(network())
        .contains("10.1.0.10/32", "fd00:1::10/128")
        .doesNotContain("10.2.0.10", "fd00:2::10");
    run(script(true).back());
    assertThat(network()).isEqualTo(before);
  }

  @Test
  void aMachineWithoutTheAddressIsLeftAlone() throws Exception {
    guest.ip("addr flush dev eth0 scope global");
    Path file = Files.writeString(folder.resolve("script"), script(false).there());
    Process process =
        new ProcessBuilder("nsenter", "--net=/run/netns/" + guest.name(), "sh", file.toString())
            .redirectErrorStream(true)
            .start();
    assertThat(new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8))
        .startsWith("no interface has one of 10.1.0.10 ");
    assertThat(process.waitFor()).isEqualTo(1);
  }
}
