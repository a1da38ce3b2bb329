package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.config.ConfigException;
import dev.holdfast.redirector.config.ConfigReader;
import dev.holdfast.redirector.config.Problem;
import dev.holdfast.tunnel.identity.HostIdentity;
import dev.holdfast.tunnel.identity.IdentityException;
import dev.holdfast.tunnel.time.Clock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code holdfast config}: the daemon's config file. */
@Command(
    name = "config",
    description = "Looks at the daemon's config file.",
    commandListHeading = "%nCommands:%n",
    subcommands = ConfigCommand.Check.class,
    footerHeading = "%nExample:%n",
    footer = "  holdfast config check /etc/holdfast/holdfast.toml")
final class ConfigCommand extends Noun {

  /**
   * {@code config check --json}.
   *
   * @param schema "holdfast.config-check/1"
   * @param notes what is no mistake, but worth knowing
   */
  record Checked(
      String schema, String file, boolean ok, List<Problem> problems, List<Problem> notes) {}

  /** {@code config check}. */
  @Command(
      name = "check",
      description = {
        "Finds every mistake in a config file and in the files that it names.",
        "No daemon is needed, and nothing is changed."
      },
      footerHeading = "%nExample:%n",
      footer = "  holdfast config check /etc/holdfast/holdfast.toml")
  static final class Check extends Verb {
    @Parameters(
        arity = "0..1",
        paramLabel = "FILE",
        defaultValue = ConfigFile.STANDARD,
        description = "Default: ${DEFAULT-VALUE}")
    private Path file;

    @Override
    public Integer call() {
      Checked checked = check();
      var text = new StringBuilder();
      checked.problems().forEach(each -> text.append(each.at(checked.file())).append('\n'));
      text.append(
          checked.ok()
              ? file + " is good.\n"
              : Amounts.count(checked.problems().size(), "mistake") + ".\n");
      answer(checked, text.toString());
      if (!json()) {
        checked.notes().forEach(note -> remark(note.at(checked.file())));
      }
      return checked.ok() ? ExitCode.OK : ExitCode.USAGE;
    }

    private Checked check() {
      try {
        ConfigReader.Reading reading = ConfigReader.readWithNotes(file);
        List<Problem> notes = new ArrayList<>(reading.notes());
        List<Problem> problems = namedFiles(reading.config(), notes, surroundings().clock());
        return checked(problems, notes);
      } catch (ConfigException wrong) {
        return checked(wrong.problems(), List.of());
      }
    }

    private Checked checked(List<Problem> problems, List<Problem> notes) {
      return new Checked(
          "holdfast.config-check/1", file.toString(), problems.isEmpty(), problems, notes);
    }

    /** What only root may read is no mistake when somebody else looks. */
    private static List<Problem> namedFiles(Config config, List<Problem> notes, Clock clock) {
      List<Problem> problems = new ArrayList<>();
      Path key = config.identity().key();
      if (Files.exists(key) && !Files.isReadable(key)) {
        notes.add(fault("[identity] key: not checked, for only others may read " + key));
      } else {
        try {
          HostIdentity.load(config.identity().certificate(), key, clock)
              .warnings()
              .forEach(warning -> notes.add(fault("[identity]: " + warning)));
        } catch (IdentityException e) {
          problems.add(fault("[identity]: " + e.getMessage()));
        }
      }
      for (Config.DnsZone zone : config.dns()) {
        Path secret = zone.keySecretFile();
        if (!Files.exists(secret)) {
          problems.add(fault("[[dns]] key-secret-file: there is no file " + secret));
        } else if (!Files.isReadable(secret)) {
          notes.add(
              fault("[[dns]] key-secret-file: not checked, for only others may read " + secret));
        }
      }
      for (Config.Hook hook : config.hooks()) {
        Path command = Path.of(hook.command().getFirst());
        if (!Files.isRegularFile(command)) {
          problems.add(fault("[[hook]] command: there is no file " + command));
        } else if (!Files.isExecutable(command)) {
          problems.add(fault("[[hook]] command: " + command + " may not be executed"));
        }
      }
      return problems;
    }

    private static Problem fault(String message) {
      return new Problem(0, 0, message);
    }
  }
}
