package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.control.ControlClient;
import dev.holdfast.redirector.control.Json;
import dev.holdfast.redirector.hook.HookLine;
import dev.holdfast.redirector.hook.QmpWatch;
import dev.holdfast.redirector.hook.Triggers;
import dev.holdfast.redirector.hook.WatchEnd;
import dev.holdfast.redirector.hook.WatchOptions;
import dev.holdfast.redirector.hook.WatchOptions.WithoutHold;
import dev.holdfast.redirector.migration.MigrationView;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;

/** {@code holdfast hook}: what migration tools call, or what listens to them. */
@Command(
    name = "hook",
    description = {
      "Lets a migration tool drive a migration: hold when the guest pauses, release when it runs"
          + " again, roll back when it stays.",
      "Each trigger may come twice or late: that is harmless."
    },
    commandListHeading = "%nCommands:%n",
    subcommands = {
      HookCommand.Qmp.class,
      ToolHooks.Libvirt.class,
      ToolHooks.Criu.class,
      ToolHooks.Proxmox.class
    },
    footerHeading = "%nExample:%n",
    footer = "  holdfast hook qmp --socket /run/web1.qmp --migration web1")
final class HookCommand extends Noun {
  private static final String SOCKET = "--socket";

  /**
   * Everywhere else --socket is the daemon's; a monitor's is what everybody calls its socket. The
   * daemon's may stand before the noun.
   */
  static void giveQmpItsOwnSocket(CommandLine root) {
    CommandLine hook = Objects.requireNonNull(root.getSubcommands().get("hook"));
    CommandSpec qmp = Objects.requireNonNull(hook.getSubcommands().get("qmp")).getCommandSpec();
    qmp.remove(qmp.findOption(SOCKET));
    qmp.addOption(
        OptionSpec.builder(SOCKET)
            .paramLabel("PATH")
            .type(Path.class)
            .required(true)
            .description(
                "QEMU's monitor, as in -qmp unix:PATH,server=on,wait=off; one that no other program"
                    + " uses.")
            .build());
  }

  /** {@code hook qmp}. */
  @Command(
      name = "qmp",
      description = {
        "Watches a QEMU through its monitor, and does what its migration needs.",
        "At the source: holds when the guest is paused to be moved, rolls back when it runs on"
            + " here. At the destination: releases when the guest runs there.",
        "Where QEMU's capability pause-before-switchover is on, QEMU goes on when the hold stands.",
        "Start it at both ends, after arm and before QEMU's migrate. The daemon's socket, where it"
            + " is not the usual one, comes before 'hook', or from HOLDFAST_CONTROL."
      },
      sortOptions = false,
      footerHeading = "%nExamples:%n",
      footer = {
        "  holdfast hook qmp --socket /run/web1.qmp --migration web1",
        "  holdfast --socket /run/hf.sock hook qmp --socket /run/web1.qmp --migration web1"
            + " --timeout 1h"
      },
      exitCodeListHeading = "%nExit codes:%n",
      exitCodeList = {
        "0:the guest has moved, and this end has done its part",
        "1:it has not, and was rolled back; or a person must look",
        "3:the daemon is not running",
        "4:not begun: no such migration, or it or QEMU is in another state"
      })
  static final class Qmp extends Verb {
    @Option(
        names = "--migration",
        required = true,
        paramLabel = "ID",
        description = "Id or name; it must be armed.")
    private String migration = "";

    @Option(
        names = "--role",
        paramLabel = "ROLE",
        converter = RoleOption.class,
        description =
            "source or destination. Default: source at the redirector, destination at the"
                + " endpoint. A destination at the redirector, after release, is the way back: the"
                + " migration is rolled back when the guest runs there. A source at the endpoint, after"
                + " release, is the other end of that way: it holds.")
    private @Nullable String role;

    @Option(
        names = "--if-hold-fails",
        paramLabel = "WHAT",
        defaultValue = "cancel",
        converter = WithoutHoldOption.class,
        description = {
          "cancel or continue: whether QEMU's migration is cancelled when the daemon cannot hold,"
              + " or goes on and what is sent to the guest meanwhile is lost.",
          "Cancelled is only a QEMU that waits before it switches over, or that has resumed its"
              + " guest. Default: ${DEFAULT-VALUE}"
        })
    private WithoutHold withoutHold = WithoutHold.CANCEL;

    @Option(
        names = "--no-gate",
        description =
            "Somebody else lets a QEMU go on that waits before it switches over, as libvirt does.")
    private boolean noGate;

    @Option(
        names = "--connect-timeout",
        paramLabel = "TIME",
        defaultValue = "30s",
        converter = TimeOption.class,
        description =
            "How long to wait for QEMU's socket at the beginning. Default: ${DEFAULT-VALUE}")
    private Duration connectWithin = Duration.ofSeconds(30);

    @Option(
        names = "--timeout",
        paramLabel = "TIME",
        converter = TimeOption.class,
        description = "Give up after that, such as 30s or 10m. Default: never.")
    private Duration timeout = Duration.ofDays(10_000);

    @Override
    public Integer call() throws Exception {
      Path qmp = Objects.requireNonNull(spec().findOption(SOCKET).getValue());
      WatchEnd end;
      try (Triggers triggers = new Triggers(ControlClient.keepingOpen(client().socket()))) {
        end =
            QmpWatch.watch(
                new WatchOptions(qmp, role, !noGate, withoutHold, connectWithin, timeout),
                triggers,
                client(),
                surroundings().clock(),
                this::tell,
                migration);
      }
      MigrationView last = end.migration();
      return switch (end.verdict()) {
        case MOVED -> {
          if (!json() && last != null) {
            answer(last, MigrationText.sentence(last));
          }
          yield ExitCode.OK;
        }
        case ROLLED_BACK, FAILED -> throw CommandFailed.failed(end.text());
        case REFUSED -> throw CommandFailed.refused(end.text());
        case NO_DAEMON -> throw CommandFailed.noDaemon(end.text());
      };
    }

    private void tell(HookLine line) {
      if (json()) {
        line(Json.line(line));
      } else if (!line.action().equals("end") || line.outcome().equals("done")) {
        String took =
            line.millis() == null
                ? ""
                : String.format(Locale.ROOT, " (%.1f ms after it)", line.millis());
        remark(when().clock(line.epochNanos()) + " " + line.text() + took);
      }
    }
  }

  /** {@code --role}. */
  static final class RoleOption implements CommandLine.ITypeConverter<String> {
    @Override
    public String convert(String value) {
      if (value.equals("source") || value.equals("destination")) {
        return value;
      }
      throw new CommandLine.TypeConversionException(
          "'" + value + "' is not one of source, destination");
    }
  }

  /** {@code --if-hold-fails}. */
  static final class WithoutHoldOption implements CommandLine.ITypeConverter<WithoutHold> {
    @Override
    public WithoutHold convert(String value) {
      return switch (value) {
        case "cancel" -> WithoutHold.CANCEL;
        case "continue" -> WithoutHold.CONTINUE;
        default ->
            throw new CommandLine.TypeConversionException(
                "'" + value + "' is not one of cancel, continue");
      };
    }
  }
}
