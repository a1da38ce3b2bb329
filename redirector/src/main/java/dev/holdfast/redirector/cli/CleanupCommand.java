package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.migration.Daemon;
import dev.holdfast.redirector.migration.MigrationJournal;
import dev.holdfast.redirector.steer.KernelChange;
import dev.holdfast.redirector.steer.KernelLedger;
import dev.holdfast.redirector.steer.LinuxKernel;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code holdfast cleanup}: undoes what a daemon that will not come back has left. */
@Command(
    name = "cleanup",
    description = {
      "Undoes what a daemon that was killed has left in the kernel.",
      "That is every route, rule, neighbour, nft table and sysctl that Holdfast changed, and only",
      "those. Refuses while a daemon is running. Migrations that were under way end with it: their",
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
    refuseWhileRunning(config.daemon().control());
    try (var kernel = new LinuxKernel();
        var ledger = KernelLedger.open(Daemon.ledgerFile(config), kernel)) {
      List<KernelChange> left = changes(ledger);
      List<String> failed = dryRun ? List.of() : ledger.undoAll();
      List<KernelChange> still = dryRun ? List.of() : changes(ledger);
      List<String> undone =
          left.stream().filter(each -> !still.contains(each)).map(KernelChange::undoWhat).toList();
      answer(new Cleaned("holdfast.cleanup/1", dryRun, undone, failed), text(undone));
      if (failed.isEmpty()) {
        if (!dryRun) {
          forgetMigrations(config);
        }
        return ExitCode.OK;
      }
      String reasons = String.join("\n", failed);
      throw undone.isEmpty()
          ? CommandFailed.failed("Nothing could be undone:\n" + reasons)
          : CommandFailed.partlyDone("This could not be undone:\n" + reasons);
    }
  }

  /** What was undone must not be taken over by the next daemon. */
  private static void forgetMigrations(Config config) throws IOException {
    if (Files.exists(config.daemon().state())) {
      try (MigrationJournal journal = MigrationJournal.open(config.daemon().state())) {
        List<String> unused = journal.forgetLive();
      }
    }
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

  private static void refuseWhileRunning(Path socket) throws CommandFailed {
    try (SocketChannel probe = SocketChannel.open(StandardProtocolFamily.UNIX)) {
      probe.connect(UnixDomainSocketAddress.of(socket));
    } catch (IOException e) {
      return;
    }
    throw CommandFailed.refused(
        "A daemon answers on "
            + socket
            + ". Stop it first; or end its migrations with 'holdfast migration rollback' or"
            + " 'finish', which clean up as well.");
  }
}
