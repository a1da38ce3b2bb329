package dev.holdfast.redirector.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.control.ControlServer;
import dev.holdfast.redirector.control.FakeService;
import dev.holdfast.redirector.migration.MigrationRequest;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What is printed for a guest; that it works is shown in a network namespace. */
@Timeout(60)
class GuestCommandTest {
  @TempDir private Path folder;
  private final FakeService service = new FakeService();
  private Path socket;
  private ControlServer server;

  @BeforeEach
  void start() throws Exception {
    socket = folder.resolve("c.sock");
    server = new ControlServer(socket, service);
    server.start();
    service.arm(
        MigrationRequest.of(
                "web1",
                List.of("10.1.0.10", "fd00:1::10"),
                List.of("10.2.0.10", "fd00:2::10"),
                "host-b",
                "br0")
            .request());
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private CliRun run(String more) {
    return CliRun.at(socket, "guest commands web1" + more);
  }

  @Test
  void aScriptWithAllAddressesAndRoutes() {
    CliRun run = run(" --gateway 10.2.0.1,fe80::1 --prefix 22");
    assertThat(run.exitCode()).isZero();
    assertThat(run.err()).isEmpty();
    assertThat(run.out())
        .startsWith("#!/bin/sh\n# For the guest of web1, which has moved.")
        .contains(
            "ip addr add 10.1.0.10/32",
            "ip addr add fd00:1::10/128",
            "has 10.2.0.10/22 || ip addr add 10.2.0.10/22 dev \"$dev\"\n",
            "ip addr add fd00:2::10/64 dev \"$dev\" nodad",
            "ip -4 route replace default via 10.2.0.1 dev \"$dev\" src 10.2.0.10\n",
            "ip -6 route replace default via fe80::1 dev \"$dev\" src fd00:2::10\n");
  }

  @Test
  void whatHasNoGatewayIsSaid() {
    CliRun run = run(" --gateway 10.2.0.1");
    assertThat(run.exitCode()).isZero();
    assertThat(run.err())
        .isEqualTo(
            "There is no --gateway for fd00:2::10: the guest's default route of that family is left"
                + " as it is.\n");
  }

  @Test
  void whatDhcpDoesIsLeftToIt() {
    CliRun run = run(" --dhcp");
    assertThat(run.err()).isEmpty();
    assertThat(run.out())
        .contains("ip addr add 10.1.0.10/32")
        .doesNotContain("addr add 10.2.0.10", "route replace");
  }

  @Test
  void theOtherFormatsHaveTheSameScript() {
    String script = run(" --gateway 10.2.0.1").out();
    JsonNode agent =
        JsonMapper.shared().readTree(run(" --gateway 10.2.0.1 --format guest-agent").out());
    assertThat(agent.path("execute").asString()).isEqualTo("guest-exec");
    assertThat(agent.path("arguments").path("arg").get(1).asString()).isEqualTo(script);
    String init = run(" --gateway 10.2.0.1 --format cloud-init").out();
    assertThat(init)
        .startsWith("#cloud-config\n")
        .endsWith("  - [/usr/local/sbin/holdfast-web1]\n");
    for (String line : script.stripTrailing().split("\n")) {
      assertThat(init).contains("      " + line + "\n");
    }
    JsonNode json = JsonMapper.shared().readTree(run(" --gateway 10.2.0.1 --json").out());
    assertThat(json.path("schema").asString()).isEqualTo("holdfast.guest-commands/1");
    assertThat(json.path("text").asString()).isEqualTo(script);
  }

  @Test
  void nonsenseIsRefused() {
    for (String options :
        List.of(
            " --prefix 33",
            " --gateway 10.2.0.1,10.2.0.2",
            " --gateway router",
            " --format powershell")) {
      assertThat(run(options).exitCode()).as(options).isEqualTo(2);
    }
    assertThat(CliRun.at(socket, "guest commands none").exitCode()).isEqualTo(4);
  }
}
