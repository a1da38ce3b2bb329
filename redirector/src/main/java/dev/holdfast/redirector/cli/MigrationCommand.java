package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.control.FlowList;
import dev.holdfast.redirector.control.MigrationList;
import dev.holdfast.redirector.migration.FlowView;
import dev.holdfast.redirector.migration.MigrationPlan;
import dev.holdfast.redirector.migration.MigrationView;
import dev.holdfast.redirector.migration.RequestRefused;
import java.io.IOException;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code holdfast migration}: one guest's move, from plan to its end. */
@Command(
    name = "migration",
    description = "Moves one guest: plan, arm, hold, release, and what may follow.",
    commandListHeading = "%nCommands:%n",
    subcommands = {
      MigrationCommand.Plan.class,
      MigrationCommand.Arm.class,
      MigrationCommand.Hold.class,
      MigrationCommand.Release.class,
      MigrationCommand.Rollback.class,
      MigrationCommand.Finish.class,
      MigrationCommand.Unmap.class,
      MigrationCommand.ListAll.class,
      MigrationCommand.Show.class
    },
    footerHeading = "%nExample:%n",
    footer = "  holdfast migration list")
final class MigrationCommand extends Noun {

  /** {@code migration plan}. */
  @Command(
      name = "plan",
      description = "Checks both hosts and prints what arm would do, each step with its undo.",
      sortOptions = false,
      footerHeading = "%nExample:%n",
      footer = {
        "  holdfast migration plan web1 --old 10.1.0.10 --new 10.2.0.10 \\",
        "      --remote host-b --guest-port vnet3 --deliver br0"
      })
  static final class Plan extends Verb {
    @Mixin private MigrationOptions options;

    @Override
    public Integer call() throws Exception {
      MigrationPlan plan = client().plan(options.request());
      answer(plan, PlanText.of(plan));
      if (ChecksText.anyFailed(plan.checks())) {
        throw CommandFailed.refused("A check has failed: arm would refuse.");
      }
      return ExitCode.OK;
    }
  }

  /** {@code migration arm}. */
  @Command(
      name = "arm",
      description = "Prepares everything, switched off: tunnel, capture, DNS. The guest runs on.",
      sortOptions = false,
      footerHeading = "%nExample:%n",
      footer = {
        "  holdfast migration arm web1 --old 10.1.0.10 --old fd00:1::10 \\",
        "      --new 10.2.0.10 --new fd00:2::10 --remote host-b --guest-port vnet3 \\",
        "      --guest-mac 52:54:00:10:00:10 --deliver br0 --dns-name vm.lab.test"
      })
  static final class Arm extends Verb {
    @Mixin private MigrationOptions options;

    @Override
    public Integer call() throws Exception {
      MigrationView armed = client().arm(options.request());
      answer(armed, MigrationText.sentence(armed));
      return ExitCode.OK;
    }
  }

  /** {@code migration hold}. */
  @Command(
      name = "hold",
      description = {
        "The guest is about to pause: keeps what arrives for it.",
        "With --to-return the guest, which lives at the new host, is about to move back: at either"
            + " host. A rollback gives it what was kept; a release ends it where the guest stays."
      },
      footerHeading = "%nExamples:%n",
      footer = {"  holdfast migration hold web1", "  holdfast migration hold web1 --to-return"})
  static final class Hold extends Verb {
    @Mixin private MigrationId id;

    @Option(names = "--to-return", description = "For the way back, after release.")
    private boolean toReturn;

    @Override
    public Integer call() throws Exception {
      MigrationView held = toReturn ? client().holdToReturn(id.text()) : client().hold(id.text());
      answer(held, MigrationText.sentence(held));
      return ExitCode.OK;
    }
  }

  /** {@code migration release}. */
  @Command(
      name = "release",
      description = "The guest runs at the new host: sends it what was held, and all that follows.",
      footerHeading = "%nExample:%n",
      footer = "  holdfast migration release web1")
  static final class Release extends Verb {
    @Mixin private MigrationId id;

    @Override
    public Integer call() throws Exception {
      MigrationView released = client().release(id.text());
      answer(released, MigrationText.sentence(released));
      return ExitCode.OK;
    }
  }

  /** {@code migration rollback}. */
  @Command(
      name = "rollback",
      description = {
        "The guest runs at the old host again: everything becomes as before arm.",
        "After release the guest must have been stopped at the new host first, and have its old"
            + " network configuration here. The new host refuses while it still hears the guest, and"
            + " nothing is changed while it cannot be asked."
      },
      footerHeading = "%nExamples:%n",
      footer = {"  holdfast migration rollback web1", "  holdfast migration rollback web1 --force"})
  static final class Rollback extends Verb {
    @Mixin private MigrationId id;

    @Option(
        names = "--force",
        description =
            "Although the new host cannot be asked, or hears the guest: you have made sure that the"
                + " guest does not run there.")
    private boolean force;

    @Override
    public Integer call() throws Exception {
      MigrationView back = client().rollback(id.text(), force);
      answer(back, MigrationText.sentence(back));
      return ExitCode.OK;
    }
  }

  /** {@code migration finish}. */
  @Command(
      name = "finish",
      description = {
        "Ends the migration now; refuses while connections are left, and lists them, or while there"
            + " may be some that nobody has seen."
      },
      footerHeading = "%nExamples:%n",
      footer = {"  holdfast migration finish web1", "  holdfast migration finish web1 --force"})
  static final class Finish extends Verb {
    @Mixin private MigrationId id;

    @Option(
        names = "--force",
        description = "Although connections are or may be left: they will break.")
    private boolean force;

    @Override
    public Integer call() throws Exception {
      MigrationView finished = finished();
      String report = ReportText.of(finished, when());
      answer(finished, MigrationText.sentence(finished) + (report.isEmpty() ? "" : "\n" + report));
      return ExitCode.OK;
    }

    private MigrationView finished() throws IOException, RequestRefused {
      try {
        return client().finish(id.text(), force);
      } catch (RequestRefused refused) {
        if (refused.kind() == RequestRefused.Kind.REFUSED) {
          List<FlowView> left = client().flows(id.text(), true);
          if (!left.isEmpty()) {
            answer(FlowList.of(left), FlowCommand.text(left, true));
          }
        }
        throw refused;
      }
    }
  }

  /** {@code migration unmap}. */
  @Command(
      name = "unmap",
      description = {
        "At the new host, after 'done' of a guest that does not know its new address: maps that to its"
            + " old one no more. For when the guest has gone, or has been given its new address."
            + " Refuses while connections live by it."
      },
      footerHeading = "%nExamples:%n",
      footer = {"  holdfast migration unmap web1", "  holdfast migration unmap web1 --force"})
  static final class Unmap extends Verb {
    @Mixin private MigrationId id;

    @Option(names = "--force", description = "Although connections are left: they will break.")
    private boolean force;

    @Override
    public Integer call() throws Exception {
      MigrationView unmapped = client().unmap(id.text(), force);
      answer(unmapped, MigrationText.sentence(unmapped));
      return ExitCode.OK;
    }
  }

  /** {@code migration list}. */
  @Command(
      name = "list",
      description = "Lists all migrations, newest first.",
      footerHeading = "%nExamples:%n",
      footer = {"  holdfast migration list", "  holdfast migration list --json"})
  static final class ListAll extends Verb {
    @Override
    public Integer call() throws Exception {
      List<MigrationView> migrations = client().list();
      answer(MigrationList.of(migrations), MigrationText.list(migrations, when()));
      return ExitCode.OK;
    }
  }

  /** {@code migration show}. */
  @Command(
      name = "show",
      description = "Shows one migration; at its end with the continuity report.",
      footerHeading = "%nExample:%n",
      footer = "  holdfast migration show web1")
  static final class Show extends Verb {
    @Mixin private MigrationId id;

    @Override
    public Integer call() throws Exception {
      MigrationView migration = client().show(id.text());
      answer(migration, MigrationText.show(migration, when()));
      return ExitCode.OK;
    }
  }

  /** Which migration. */
  static final class MigrationId {
    @Parameters(
        paramLabel = "ID",
        description = "Id or name; a name means the newest migration that has it.")
    private String text;

    String text() {
      return text;
    }
  }
}
