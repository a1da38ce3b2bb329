package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.migration.Daemon;
import dev.holdfast.redirector.migration.MigrationJournal;
import dev.holdfast.redirector.steer.KernelChange;
import dev.holdfast.redirector.steer.KernelLedger;
import dev.holdfast.redirector.steer.LinuxKernel;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code holdfast cleanup}: undoes what a daemon that will not come back has left. */
@Command(
    name = "cleanup",
    description = {
      "Undoes what a daemon that was killed has left in the kernel and in DNS.",
      "That is every route, rule, neighbour, nft table, sysctl and record that Holdfast changed, and",
      "only those; a name whose guest has moved stays at its new address. Refuses while a daemon is running. Migrations that were under way end with it: their",
      "connections break, unless the guest is back at this host."
    },
    footerHeading = "%nExamples:%n",
    footer = {"  holdfast cleanup --dry-run", "  holdfast cleanup"})
final class CleanupCommand extends Verb {
  @Mixin private ConfigFile configFile;

  @Option(names = "--dry-run", description = "Only print what would be undone.")
  private boolean dryRun;

  /**
   * {@code cleanup --json}.
   *
   * @param schema "holdfast.cleanup/1"
   * @param undone a line for each change that was taken back, or would be
   * @param failed why others could not be
   */
  record Cleaned(String schema, boolean dryRun, List<String> undone, List<String> failed) {}

  @Override
  public Integer call() throws Exception {
    Config config = configFile.read();
    if (!Files.exists(config.daemon().state())) {
      answer(new Cleaned("holdfast.cleanup/1", dryRun, List.of(), List.of()), text(List.of()));
      return ExitCode.OK;
    }
    try (var lock = Daemon.lockState(config);
        var kernel = new LinuxKernel();
        var ledger = KernelLedger.open(Daemon.ledgerFile(config), kernel);
        var journal = MigrationJournal.open(config.daemon().state())) {
      List<String> undone = new ArrayList<>();
      List<String> failed = new ArrayList<>();
      NamesLeft names = new NamesLeft(journal);
      if (dryRun) {
        changes(ledger).forEach(change -> undone.add(change.undoWhat()));
        undone.addAll(names.lines());
      } else {
        undo(ledger, undone, failed);
        if (failed.isEmpty()) {
          // What was undone must not be taken over by the next daemon.
          journal.endLive(surroundings().clock().epochNanos());
        }
        if (!names.lines().isEmpty()) {
          new NamesLeft(journal)
              .putBack(DnsCommand.updater(config, surroundings()), undone, failed);
        }
      }
      answer(new Cleaned("holdfast.cleanup/1", dryRun, undone, failed), text(undone));
      if (failed.isEmpty()) {
        return ExitCode.OK;
      }
      String reasons = String.join("\n", failed);
      throw undone.isEmpty()
          ? CommandFailed.failed("Nothing could be undone:\n" + reasons)
          : CommandFailed.partlyDone("This could not be undone:\n" + reasons);
    } catch (Daemon.StateInUse e) {
      throw CommandFailed.refused(
          "A daemon is running: it uses "
              + config.daemon().state()
              + ". Stop it first; or end its migrations with 'holdfast migration rollback' or"
              + " 'finish', which clean up as well.");
    }
  }

  private static void undo(KernelLedger ledger, List<String> undone, List<String> failed)
      throws IOException {
    List<KernelChange> left = changes(ledger);
    failed.addAll(ledger.undoAll());
    List<KernelChange> still = changes(ledger);
    left.stream()
        .filter(each -> !still.contains(each))
        .forEach(each -> undone.add(each.undoWhat()));
  }

  private String text(List<String> undone) {
    if (undone.isEmpty()) {
      return "Nothing is left of a daemon.\n";
    }
    return (dryRun ? "Would undo:\n  " : "Undone:\n  ") + String.join("\n  ", undone) + "\n";
  }

  /** The host's own changes last, as they are undone. */
  private static List<KernelChange> changes(KernelLedger ledger) {
    List<KernelChange> changes = new ArrayList<>();
    for (String owner : ledger.owners()) {
      if (!owner.equals(KernelLedger.HOST)) {
        changes.addAll(ledger.changes(owner));
      }
    }
    changes.addAll(ledger.changes(KernelLedger.HOST));
    return changes;
  }
}
