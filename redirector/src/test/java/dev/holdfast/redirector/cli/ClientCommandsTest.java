package dev.holdfast.redirector.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.control.ControlServer;
import dev.holdfast.redirector.control.FakeService;
import dev.holdfast.redirector.migration.MigrationRequest;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Commands that ask a daemon, against one without packets. */
@Timeout(60)
class ClientCommandsTest {
  private static final String ARM =
      "migration arm web1 --old 10.1.0.10 --new 10.2.0.10 --remote host-b --deliver br0";

  @TempDir private Path folder;
  private final FakeService service = new FakeService();
  private Path socket;
  private ControlServer server;

  @BeforeEach
  void start() throws IOException {
    socket = folder.resolve("c.sock");
    server = new ControlServer(socket, service);
    server.start();
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private CliRun run(String command, String... more) {
    return CliRun.at(socket, command, more);
  }

  @Test
  void armSendsEveryOption() {
    CliRun run =
        run(
            "migration arm web1 --old 10.1.0.10 --old fd00:1::10 --new 10.2.0.10,fd00:2::10 --remote"
                + " host-b --from br0 --guest-port vnet3 --guest-mac 52:54:00:10:00:10 --deliver br1"
                + " --dns-name vm.lab.test --dns-address 192.0.2.1 --encapsulation ipip --hold drop",
            "--flow-list-command",
            "ss -Htn");

    assertThat(run.exitCode()).isZero();
    assertThat(run.out())
        .isEqualTo(
            "web1 is armed. Now legal: hold, rollback.\n"
                + "! The hold has lasted longer than its limit.\n");
    assertThat(run.err()).isEmpty();
    assertThat(service.lastRequest())
        .isEqualTo(
            MigrationRequest.of(
                    "web1",
                    List.of("10.1.0.10", "fd00:1::10"),
                    List.of("10.2.0.10", "fd00:2::10"),
                    "host-b",
                    "br1")
                .from("br0")
                .guestPort("vnet3")
                .guestMac("52:54:00:10:00:10")
                .dnsName("vm.lab.test")
                .dnsAddresses(List.of("192.0.2.1"))
                .encapsulation("ipip")
                .holdPolicy("drop")
                .flowListCommand("ss -Htn")
                .request());
  }

  @Test
  void whatIsLeftOutIsNotSent() {
    assertThat(run(ARM).exitCode()).isZero();
    assertThat(service.lastRequest())
        .isEqualTo(
            MigrationRequest.of("web1", List.of("10.1.0.10"), List.of("10.2.0.10"), "host-b", "br0")
                .request());
  }

  @Test
  void aPlanShowsChecksAndSteps() {
    CliRun run = run(ARM.replace("arm", "plan"));
    assertThat(run.exitCode()).isZero();
    assertThat(run.out())
        .isEqualTo(
            """
            Plan of web1. Nothing of it has been done.

            ok       host-a  guest port  vnet3 is on br0
            warning  host-b  filters     FORWARD drops by policy
                     fix: accept hf0

             1  host-a, when armed: add route via hf0
                  undo: delete route via hf0
            """);
  }

  @Test
  void theLifeOfAMigration() {
    run(ARM);
    assertThat(run("migration hold web1").out()).startsWith("web1 is holding.");
    assertThat(run("migration release web1").out()).startsWith("web1 is redirecting.");
    CliRun refused = run("migration finish web1");
    assertThat(refused.exitCode()).isEqualTo(4);
    assertThat(refused.err()).isEqualTo("2 connections are left; see flow list.\n");
    assertThat(refused.out())
        .as("what is left, and why it counts")
        .isEqualTo(run("flow list --remaining --migration web1").out())
        .contains("WHY IT COUNTS");
    CliRun json = run("migration finish web1 --json");
    assertThat(json.out()).contains("\"holdfast.flows/1\"");
    assertThat(json.err()).contains("\"refused\"");
    CliRun finished = run("migration finish web1 --force");
    assertThat(finished.exitCode()).isZero();
    assertThat(finished.out())
        .startsWith("web1 is done.\n")
        .contains("Continuity report of web1\n");
    run(ARM.replace("web1", "web2"));
    assertThat(run("migration rollback web2").out()).startsWith("web2 is rolled-back.\n");
  }

  @Test
  void listAndShowAreAligned() {
    assertThat(run("migration list").out()).isEqualTo("There are no migrations.\n");
    run(ARM + " --dns-name vm.lab.test --guest-mac 52:54:00:10:00:10");
    run(ARM.replace("web1", "longer-name"));
    assertThat(run("migration list").out())
        .isEqualTo(
            """
            NAME         STATE  SINCE                ROLE        REMOTE  OLD        NEW        FLOWS  HELD
            longer-name  armed  12:00:03 (57 s ago)  redirector  host-b  10.1.0.10  10.2.0.10      2     7
            web1         armed  12:00:01 (58 s ago)  redirector  host-b  10.1.0.10  10.2.0.10      2     7
            """);
    assertThat(run("migration show web1").out())
        .isEqualTo(
            """
            name         web1
            id           id-1, epoch 1
            state        armed since 12:00:01 (58 s ago)
            legal now    hold, rollback
            this host    redirector
            remote       host-b, link up
            connections  1 up, 10.1.0.2:40001 - 10.2.0.2:4754
                         2 up, 10.1.0.2:40002 - 10.2.0.2:4754 (2.0 KiB waiting)
            old          10.1.0.10
            new          10.2.0.10
            guest MAC    52:54:00:10:00:10
            carried by   tls, return path symmetric, hold by queue
            captured by  tun, LAN br0
            flows        2, 2 of them at hold
            held         7 packets (6.8 KiB) now, 8 in all; 7 staged, 1 replaced, 0 dropped
            tunnelled    1000 B to the guest, 1.9 MiB from it
            ICMP errors  3 kept back
            DNS          vm.lab.test published: 10.1.0.10 -> 10.2.0.10, update took 12 ms, last stale second 12:00:00 (60 s ago)
            history
              12:00:01  armed
            ! The hold has lasted longer than its limit.
            """);
  }

  @Test
  void theReportEndsTheStory() {
    run(ARM);
    run("migration hold web1");
    run("migration release web1");
    run("migration finish web1 --force");
    assertThat(run("migration show web1").out())
        .endsWith(
            """

            Continuity report of web1
              connections      2 before, 2 after, 0 reset
              hold             1.5 s; 8 packets held, 7 staged, 1 replaced
              recovery         p50 4.3 ms, p99 4.3 ms, max 4.3 ms (1 connection)
              longest silence  1.6 s, of tcp 10.9.0.2:50124 > 10.1.0.10:443
              carried by       tls
              dropped          2 queue-full
              ICMP errors      4 kept back
              tunnelled        1000 B to the guest, 1.9 MiB from it
              DNS              not updated

              CONNECTION                          RECOVERY  LONGEST SILENCE    BYTES  END
              tcp 10.9.0.2:50123 > 10.1.0.10:443    4.3 ms            1.5 s  1.2 KiB  closed by the peer
              tcp 10.9.0.2:50124 > 10.1.0.10:443         -            1.6 s     99 B  closed by the guest
            """);
  }

  @Test
  void statusShowsTheHost() {
    run(ARM);
    assertThat(run("status").out())
        .isEqualTo(
            """
            host-a: holdfast 0.1.0, process 4711, running since 12:00:00 (60 s ago), TLS by BoringSSL

            Remote hosts:
              NAME    ENDPOINT       CONTROL    RTT  PROBLEM
              host-b  10.2.0.2:4754  up       21 ms
              host-c  10.3.0.2:4754  down         -  connection refused

            Migrations:
              NAME  STATE  SINCE                ROLE        REMOTE  OLD        NEW        FLOWS  HELD
              web1  armed  12:00:01 (58 s ago)  redirector  host-b  10.1.0.10  10.2.0.10      2     7
              ! The hold has lasted longer than its limit.

            Dropped packets: 3 no-grant
            ICMP errors from inside the tunnel to host-b: 2 too-big
            ICMP errors from inside the tunnel, quoting packets to none of them: 4 not-sent
            """);
  }

  @Test
  void flowsAreListed() {
    run(ARM);
    assertThat(run("flow list").out())
        .isEqualTo(
            """
            PROTO  GUEST            PEER              STATE         AGE   IDLE  TO GUEST  FROM GUEST  KNOWN BY
            tcp    10.1.0.10:443    10.9.0.2:50123    established  65 s  1.2 s   1.2 MiB        99 B  captured
            udp    [fd00:1::10]:53  [fd00:9::2]:4242  active       5 ms   5 ms       0 B        10 B  seen
            """);
    assertThat(run("flow list --remaining --migration web1").out())
        .isEqualTo(
            """
            PROTO  GUEST          PEER            STATE         AGE   IDLE  TO GUEST  FROM GUEST  KNOWN BY  WHY IT COUNTS
            tcp    10.1.0.10:443  10.9.0.2:50123  established  65 s  1.2 s   1.2 MiB        99 B  captured  It is established.
            """);
  }

  @Test
  void everyAnswerIsJsonWhenAsked() {
    assertThat(schema(ARM)).isEqualTo("holdfast.migration/1");
    assertThat(schema(ARM.replace("arm", "plan"))).isEqualTo("holdfast.plan/1");
    assertThat(schema("migration hold web1")).isEqualTo("holdfast.migration/1");
    assertThat(schema("migration release web1")).isEqualTo("holdfast.migration/1");
    assertThat(schema("migration show web1")).isEqualTo("holdfast.migration/1");
    assertThat(schema("migration finish web1 --force")).isEqualTo("holdfast.migration/1");
    assertThat(schema("migration list")).isEqualTo("holdfast.migrations/1");
    assertThat(schema("wait web1 --for done")).isEqualTo("holdfast.migration/1");
    assertThat(schema("status")).isEqualTo("holdfast.status/1");
    assertThat(schema("flow list")).isEqualTo("holdfast.flows/1");
  }

  private String schema(String command) {
    CliRun run = run(command + " --json");
    assertThat(run.exitCode()).isZero();
    assertThat(run.err()).isEmpty();
    JsonNode answer = JsonMapper.shared().readTree(run.out());
    return answer.get("schema").stringValue();
  }

  @Test
  void globalOptionsMayStandInFront() {
    CliRun run = CliRun.of("--json", "--socket=" + socket, "status");
    assertThat(run.exitCode()).isZero();
    assertThat(JsonMapper.shared().readTree(run.out()).get("host").stringValue())
        .isEqualTo("host-a");
  }

  @Test
  void eachKindOfRefusalHasItsExitCode() {
    run(ARM);
    assertFails(4, "The name 'web1' is taken by a migration.", ARM);
    assertFails(
        4, "host 'nowhere' is unreachable.", ARM.replace("web1", "w").replace("host-b", "nowhere"));
    assertFails(4, "There is no migration 'none'.", "migration show none");
    assertFails(4, "'web1' is armed, not what this needs.", "migration release web1");
    assertFails(2, "The field 'remote' is missing.", ARM.replace("--remote host-b", "--remote="));
    service.beforeEach(() -> {
      throw new IllegalStateException("broken");
    });
    assertFails(
        1,
        "The daemon failed at this request (java.lang.IllegalStateException: broken); its log says"
            + " more.",
        "status");
    server.close();
    assertFails(3, "No holdfast daemon is running: there is no " + socket + ".", "status");
  }

  private void assertFails(int exitCode, String sentence, String command) {
    CliRun run = run(command);
    assertThat(run.err()).isEqualTo(sentence + "\n");
    assertThat(run.out()).isEmpty();
    assertThat(run.exitCode()).isEqualTo(exitCode);
    CliRun json = run(command + " --json");
    assertThat(json.exitCode()).isEqualTo(exitCode);
    assertThat(json.out()).isEmpty();
    JsonNode error = JsonMapper.shared().readTree(json.err());
    assertThat(error.get("schema").stringValue()).isEqualTo("holdfast.error/1");
    assertThat(error.get("message").stringValue()).isEqualTo(sentence);
  }

  @Test
  void aGuestThatIsNotTouchedIsAskedFor() {
    assertThat(run(ARM + " --guest-unaware").exitCode()).isZero();
    assertThat(service.lastRequest()).extracting(MigrationRequest::guestUnaware).isEqualTo(true);
  }

  @Test
  void unmapRefusesWhileConnectionsLiveByIt() {
    run(ARM);
    CliRun refused = run("migration unmap web1");
    assertThat(refused.exitCode()).isEqualTo(4);
    assertThat(refused.err()).contains("2 connections use 10.2.0.10");
    assertThat(run("migration unmap web1 --force").exitCode()).isZero();
  }

  @Test
  void wrongUsageSaysWhatIsWrong() {
    assertUsage("Missing required options: '--old=ADDRESS'", "migration arm web1 --new 1");
    assertUsage("Missing required parameter: 'NAME'", ARM.replace(" web1", ""));
    assertUsage("Unknown option: '--oldd=1'", ARM + " --oldd=1");
    assertUsage("Unmatched argument at index 0: 'stats'", "stats");
    assertUsage("Missing command.", "migration");
    assertThat(service.lastRequest()).isNull();
  }

  private void assertUsage(String sentence, String command) {
    CliRun run = run(command);
    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).startsWith(sentence);
    assertThat(run.out()).isEmpty();
  }
}
