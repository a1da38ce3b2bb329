package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.control.FlowList;
import dev.holdfast.redirector.migration.FlowView;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code holdfast flow}: the connections of the guests. */
@Command(
    name = "flow",
    description = "Shows connections.",
    commandListHeading = "%nCommands:%n",
    subcommands = FlowCommand.ListAll.class,
    footerHeading = "%nExample:%n",
    footer = "  holdfast flow list --remaining")
final class FlowCommand extends Noun {

  /** {@code flow list}. */
  @Command(
      name = "list",
      description = "Lists the guests' connections.",
      footerHeading = "%nExamples:%n",
      footer = {
        "  holdfast flow list --migration web1",
        "  holdfast flow list --remaining        what keeps draining migrations from being done"
      })
  static final class ListAll extends Verb {
    @Option(
        names = "--migration",
        paramLabel = "ID",
        description = "Of one migration alone, by id or name.")
    private @Nullable String migration;

    @Option(
        names = "--remaining",
        description = "Only those that keep a migration from being done, and why they do.")
    private boolean remaining;

    @Override
    public Integer call() throws Exception {
      List<FlowView> flows = client().flows(migration, remaining);
      answer(FlowList.of(flows), text(flows, remaining));
      return ExitCode.OK;
    }
  }

  /**
   * One row each.
   *
   * @param remaining whether these are what keeps migrations from being done: then it says why
   */
  static String text(List<FlowView> flows, boolean remaining) {
    if (flows.isEmpty()) {
      return remaining ? "No connection is left.\n" : "There are no connections.\n";
    }
    var table =
        new Table(
            "",
            "PROTO",
            "GUEST",
            "PEER",
            "STATE",
            ">AGE",
            ">IDLE",
            ">TO GUEST",
            ">FROM GUEST",
            "KNOWN BY",
            remaining ? "WHY IT COUNTS" : "");
    for (FlowView flow : flows) {
      table.row(
          flow.protocol(),
          flow.guest(),
          flow.peer(),
          flow.state(),
          Amounts.time(flow.ageMillis()),
          Amounts.time(flow.idleMillis()),
          Amounts.bytes(flow.toGuestBytes()),
          Amounts.bytes(flow.fromGuestBytes()),
          flow.origin(),
          remaining ? flow.counts() : "");
    }
    return table.toString();
  }
}
