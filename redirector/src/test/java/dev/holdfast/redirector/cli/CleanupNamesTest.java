package dev.holdfast.redirector.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.config.ConfigReader;
import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.dns.DnsChange;
import dev.holdfast.redirector.dns.DnsMove;
import dev.holdfast.redirector.dns.DnsUpdater;
import dev.holdfast.redirector.dns.server.AuthoritativeServer;
import dev.holdfast.redirector.dns.server.Zone;
import dev.holdfast.redirector.migration.MigrationJournal;
import dev.holdfast.redirector.migration.MigrationRecord;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.tunnel.packet.IpAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What {@code cleanup} does with the names of migrations whose daemon was killed. */
class CleanupNamesTest {
  private static final String ID = "00000000-0000-0000-0000-0000000000aa";
  private static final String NAME = "vm.lab.test";
  private static final String OLD = "10.1.0.10";
  private static final String NEW = "10.2.0.10";
  private static final String ZONE =
      """
      $TTL 300
      @ IN SOA ns1 admin 7 3600 600 86400 30
      @ IN NS ns1
      vm IN A 10.1.0.10
      """;

  @TempDir private Path folder;
  private AuthoritativeServer server;
  private Path config;
  private Config read;

  @BeforeEach
  void start() throws Exception {
    server = Configs.nameServer(ZONE);
    InetSocketAddress address = server.start(new InetSocketAddress("127.0.0.1", 0));
    config = Configs.withZone(folder, address);
    read = ConfigReader.read(config);
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private List<String> records() {
    return server.zone().lines().stream().filter(line -> line.startsWith("vm.")).toList();
  }

  /** As a daemon leaves it that is killed in that state. */
  private void killedIn(MigrationState state) throws Exception {
    DnsChange change =
        new DnsUpdater(read.dns(), CliRun.CLOCK)
            .begin(
                new DnsMove(NAME, List.of(IpAddress.parse(OLD)), List.of(IpAddress.parse(NEW))),
                (now, text) -> {});
    change.arm();
    if (state == MigrationState.REDIRECTING) {
      change.publish();
    }
    try (MigrationJournal journal = MigrationJournal.open(read.daemon().state())) {
      journal.record(
          new MigrationRecord(
              ID,
              "web1",
              1,
              Role.REDIRECTOR,
              state,
              "host-b",
              List.of(OLD),
              List.of(NEW),
              null,
              "br0",
              null,
              "br0",
              List.of(),
              "tls",
              1,
              "symmetric",
              "queue",
              NAME,
              List.of(NEW),
              null,
              "",
              0,
              change.state().toJson(),
              List.of(),
              null,
              null,
              null,
              null));
    }
  }

  private MigrationState stateAfterwards() throws Exception {
    try (MigrationJournal journal = MigrationJournal.open(read.daemon().state())) {
      return journal.records().iterator().next().state();
    }
  }

  private CliRun cleanup(String... more) {
    return CliRun.of(
        Stream.concat(Stream.of("cleanup", "--config=" + config), Stream.of(more))
            .toArray(String[]::new));
  }

  @Test
  void theNameOfAGuestThatIsStillHereIsAsItWas() throws Exception {
    List<String> before = records();
    killedIn(MigrationState.HOLDING);
    assertThat(records()).isNotEqualTo(before); // the TTL is lowered

    assertThat(cleanup("--dry-run").out()).contains("DNS: vm.lab.test is put back as it was");
    assertThat(records()).isNotEqualTo(before);
    CliRun run = cleanup();

    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).contains("DNS: vm.lab.test is put back as it was");
    assertThat(records()).isEqualTo(before);
    assertThat(stateAfterwards()).isEqualTo(MigrationState.ROLLED_BACK);
    assertThat(cleanup().out()).isEqualTo("Nothing is left of a daemon.\n");
  }

  @Test
  void theNameOfAMigrationThatWasBeingArmedIsAsItWas() throws Exception {
    List<String> before = records();
    killedIn(MigrationState.PLANNED);

    CliRun run = cleanup();

    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(records()).isEqualTo(before);
    assertThat(cleanup().out()).isEqualTo("Nothing is left of a daemon.\n");
  }

  @Test
  void theNameOfAGuestThatHasGoneStaysAndGetsItsTtlBack() throws Exception {
    String before = records().getFirst();
    killedIn(MigrationState.REDIRECTING);

    CliRun run = cleanup();

    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).contains("DNS: vm.lab.test gets its TTL back");
    assertThat(records()).containsExactly(before.replace(OLD, NEW));
    assertThat(stateAfterwards()).isEqualTo(MigrationState.DONE);
    assertThat(cleanup().out()).isEqualTo("Nothing is left of a daemon.\n");
  }

  @Test
  void aNameThatSomebodyElseHasChangedIsNamed() throws Exception {
    List<String> before = records();
    killedIn(MigrationState.ARMED);
    server.replaceZone(Zone.parse("lab.test.", ZONE.replace(OLD, "10.9.9.9"))); // somebody else's

    CliRun run = cleanup();

    assertThat(run.exitCode()).isNotZero();
    assertThat(run.err()).contains("DNS: vm.lab.test was not put back");
    assertThat(records()).isNotEqualTo(before);
    assertThat(stateAfterwards()).isEqualTo(MigrationState.ROLLED_BACK);
  }
}
