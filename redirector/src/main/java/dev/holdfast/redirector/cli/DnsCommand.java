package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.dns.DnsCheck;
import dev.holdfast.redirector.dns.DnsException;
import dev.holdfast.redirector.dns.DnsLookup;
import dev.holdfast.redirector.dns.DnsTiming;
import dev.holdfast.redirector.dns.DnsUpdater;
import dev.holdfast.redirector.dns.Pause;
import dev.holdfast.redirector.dns.RecordSet;
import dev.holdfast.redirector.migration.MigrationPlan.Check;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code holdfast dns}: what a migration does in DNS, by hand. Needs the config, no daemon. */
@Command(
    name = "dns",
    description = {
      "Looks at and moves names, by the zones of the config. Needs no daemon.",
      "Updates (RFC 2136) are signed by TSIG with hmac-sha256 or longer; there is no SIG(0) and no"
          + " GSS-TSIG, so a zone of Active Directory that takes secure updates only cannot be used."
    },
    commandListHeading = "%nCommands:%n",
    subcommands = {DnsCommand.Show.class, DnsUpdate.class, DnsCommand.CheckZones.class},
    footerHeading = "%nExample:%n",
    footer = "  holdfast dns check")
final class DnsCommand extends Noun {
  /** A person is waiting: less patience than a migration has. */
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  static DnsUpdater updater(Config config, Surroundings surroundings) throws DnsException {
    DnsTiming standard = DnsTiming.STANDARD;
    var timing =
        new DnsTiming(
            standard.tries(),
            standard.poll(),
            standard.firstPause(),
            standard.longestPause(),
            standard.armWait(),
            PATIENCE,
            PATIENCE,
            standard.nameServerPort());
    return new DnsUpdater(config.dns(), timing, surroundings.clock(), Pause.REAL);
  }

  static CommandFailed failure(DnsException e) {
    return switch (e.kind()) {
      case CONFIGURATION -> CommandFailed.usage(e.sentence());
      case CONFLICT, REFUSED -> CommandFailed.refused(e.sentence());
      case UNREACHABLE, INTERRUPTED -> CommandFailed.failed(e.sentence());
    };
  }

  /**
   * {@code dns show --json}.
   *
   * @param schema "holdfast.dns/1"
   */
  record Shown(String schema, String name, String zone, List<Server> servers, List<String> notes) {

    /**
     * One authoritative server.
     *
     * @param problem null when it answered
     */
    record Server(String name, String address, List<Records> records, @Nullable String problem) {}

    /** The records of one type. */
    record Records(String type, long ttl, List<String> values) {
      static Records of(RecordSet set) {
        return new Records(set.type(), set.ttl(), set.values());
      }
    }

    static Shown of(DnsLookup.Shown shown) {
      return new Shown(
          "holdfast.dns/1",
          shown.name(),
          shown.zone(),
          shown.servers().stream()
              .map(server ->
                  new Server(
                      server.name(),
                      server.address(),
                      server.records().stream().map(Records::of).toList(),
                      server.problem()))
              .toList(),
          shown.notes());
    }

    String text() {
      var table = new Table("", "SERVER", "ADDRESS", "TYPE", ">TTL", "VALUES");
      for (Server server : servers) {
        if (server.problem() != null) {
          table.row(server.name(), server.address(), "-", "-", server.problem());
        } else if (server.records().isEmpty()) {
          table.row(server.name(), server.address(), "-", "-", "none");
        }
        for (Records records : server.records()) {
          table.row(
              server.name(),
              server.address(),
              records.type(),
              String.valueOf(records.ttl()),
              String.join(", ", records.values()));
        }
      }
      return name + " in zone " + zone + "\n" + table;
    }
  }

  /** {@code dns show}. */
  @Command(
      name = "show",
      description = "Shows what each authoritative server gives for a name.",
      footerHeading = "%nExamples:%n",
      footer = {"  holdfast dns show vm.lab.test", "  holdfast dns show 10.2.0.10"})
  static final class Show extends Verb {
    @Mixin private ConfigFile config;

    @Parameters(
        paramLabel = "NAME",
        description = "A name in one of the config's zones, or an address: its PTR records.")
    private String name;

    @Override
    public Integer call() throws Exception {
      try {
        Shown shown = Shown.of(new DnsLookup(updater(config.read(), surroundings())).show(name));
        answer(shown, shown.text());
        shown.notes().forEach(this::remark);
        return ExitCode.OK;
      } catch (DnsException e) {
        throw failure(e);
      }
    }
  }

  /**
   * {@code dns check --json}.
   *
   * @param schema "holdfast.checks/1"
   */
  record Checks(String schema, List<Check> checks) {}

  /** {@code dns check}. */
  @Command(
      name = "check",
      description = "Would an update work? Checks key, server and clock of each zone.",
      footerHeading = "%nExample:%n",
      footer = "  holdfast dns check --config /etc/holdfast/holdfast.toml")
  static final class CheckZones extends Verb {
    @Mixin private ConfigFile configFile;

    @Override
    public Integer call() throws Exception {
      try {
        Config config = configFile.read();
        List<Check> checks = DnsCheck.run(updater(config, surroundings()), config.daemon().name());
        answer(
            new Checks("holdfast.checks/1", checks),
            checks.isEmpty() ? "The config has no [[dns]].\n" : ChecksText.of(checks));
        return ChecksText.anyFailed(checks) ? ExitCode.FAILED : ExitCode.OK;
      } catch (DnsException e) {
        throw failure(e);
      }
    }
  }
}
