package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.control.ControlClient;
import dev.holdfast.redirector.control.Json;
import dev.holdfast.redirector.hook.CriuHook;
import dev.holdfast.redirector.hook.HookLine;
import dev.holdfast.redirector.hook.LibvirtHook;
import dev.holdfast.redirector.hook.ProxmoxHook;
import dev.holdfast.redirector.hook.Triggers;
import dev.holdfast.redirector.hook.Triggers.Result;
import dev.holdfast.redirector.hook.WatchOptions.WithoutHold;
import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;

/** The hooks that a tool calls once for each thing that happens. */
final class ToolHooks {
  private static final int LARGEST_XML = 4 << 20;

  private ToolHooks() {}

  /** What they share. Nothing of it goes to standard output: some tools read that. */
  @Command
  abstract static class Called extends Verb {
    final Triggers triggers() {
      return new Triggers(ControlClient.keepingOpen(client().socket()));
    }

    final void tell(HookLine line) {
      remark(json() ? Json.line(line) : line.text());
    }
  }

  /** {@code hook libvirt}. */
  @Command(
      name = "libvirt",
      description = {
        "libvirt's hook for QEMU guests; conf/hooks/libvirt/holdfast calls it, in"
            + " /etc/libvirt/hooks/qemu.d/.",
        "It reads the guest's XML on standard input, prints nothing on standard output, and never"
            + " fails, since libvirt would take that for a veto. Guests without a migration here"
            + " are left alone.",
        "libvirt has no hook for a pause: give the guest a monitor for Holdfast, -qmp"
            + " unix:PATH,server=on,wait=off in its qemu:commandline, and 'hook qmp' is started to"
            + " watch it. Without one, hold and release come late, when the guest has ended here.",
        "The operation 'armed begin' is ours: a [[hook]] of the daemon starts the watch by it at"
            + " the source, where libvirt calls nobody before a migration."
      },
      footerHeading = "%nExamples:%n",
      footer = {
        "  holdfast hook libvirt web1 migrate begin -       < web1.xml",
        "  holdfast hook libvirt web1 release end migrated  < web1.xml",
        "  holdfast hook libvirt web1 armed begin -         < /run/libvirt/qemu/web1.xml"
      })
  static final class Libvirt extends Called {
    @Parameters(index = "0", paramLabel = "GUEST", description = "Its name in libvirt.")
    private String guest = "";

    @Parameters(
        index = "1",
        paramLabel = "OPERATION",
        description = "migrate, started, stopped, release, ...")
    private String operation = "";

    @Parameters(index = "2", paramLabel = "SUB", description = "begin or end.")
    private String suboperation = "";

    @Parameters(
        index = "3..*",
        arity = "0..*",
        paramLabel = "EXTRA",
        description = "Why a guest has ended; - before libvirt 10.5.")
    private String[] extra = {};

    @Override
    public Integer call() throws IOException {
      byte[] xml = surroundings().in().readNBytes(LARGEST_XML);
      try (Triggers triggers = triggers()) {
        new LibvirtHook(
                triggers, new DetachedWatch(client().socket()), surroundings().clock(), this::tell)
            .run(guest, operation, suboperation, extra.length == 0 ? "-" : extra[0], xml);
      }
      return ExitCode.OK;
    }
  }

  /** {@code hook criu}. */
  @Command(
      name = "criu",
      description = {
        "CRIU's action script; conf/hooks/criu/holdfast-criu.sh calls it. The action comes from"
            + " CRTOOLS_SCRIPT_ACTION.",
        "At the old host pre-dump and network-lock hold, and network-unlock (the dump has failed,"
            + " or leaves the container running) rolls back. At the new host pre-resume releases,"
            + " when sockets are whole and CRIU's own lock is gone; post-resume does if that failed. A"
            + " restore at the old host rolls back.",
        "A dump of which packets cannot be held is refused, and the container runs on."
      },
      footerHeading = "%nExample:%n",
      footer = "  holdfast hook criu --migration web1 --action pre-dump")
  static final class Criu extends Called {
    @Option(
        names = "--migration",
        required = true,
        paramLabel = "ID",
        description = "Id or name; it must be armed.")
    private String migration = "";

    @Option(
        names = "--action",
        paramLabel = "ACTION",
        description = "Default: CRTOOLS_SCRIPT_ACTION, as CRIU gives it.")
    private @Nullable String action;

    @Option(
        names = "--if-hold-fails",
        paramLabel = "WHAT",
        defaultValue = "cancel",
        converter = HookCommand.WithoutHoldOption.class,
        description = {
          "cancel or continue: whether the dump is refused when the daemon cannot hold.",
          "Default: ${DEFAULT-VALUE}"
        })
    private WithoutHold withoutHold = WithoutHold.CANCEL;

    @Override
    public Integer call() throws Exception {
      String what =
          action != null ? action : surroundings().environment().get("CRTOOLS_SCRIPT_ACTION");
      if (what == null || what.isEmpty()) {
        throw new ParameterException(
            spec().commandLine(),
            "There is no CRTOOLS_SCRIPT_ACTION: CRIU calls this (--action-script), or give"
                + " --action.");
      }
      Result result;
      try (Triggers triggers = triggers()) {
        result = new CriuHook(triggers, surroundings().clock(), this::tell).run(what, migration);
      }
      boolean holds = what.equals("pre-dump") || what.equals("network-lock");
      if (!result.outcome().isGood() && holds && withoutHold == WithoutHold.CONTINUE) {
        remark("It goes on without a hold: what is sent to the container meanwhile is lost.");
        return ExitCode.OK;
      }
      return exitCode(result);
    }

    private static int exitCode(Result result) throws CommandFailed {
      return switch (result.outcome()) {
        case DONE, ALREADY, LATE -> ExitCode.OK;
        case UNKNOWN, REFUSED -> throw CommandFailed.refused(result.text());
        case FAILED -> throw CommandFailed.failed(result.text());
        case NO_DAEMON -> throw CommandFailed.noDaemon(result.text());
      };
    }
  }

  /** {@code hook proxmox}. */
  @Command(
      name = "proxmox",
      description = {
        "A hookscript of Proxmox VE; conf/hooks/proxmox/holdfast.sh calls it. It was tested by"
            + " calling it so, and not under Proxmox.",
        "Migrations of guest 100 are called 100, vm100 or vm-100. Its monitor for Holdfast is what"
            + " 'qm set 100 --args' gives it.",
        "It never fails, since Proxmox would not start the guest then. Guests without a migration"
            + " here are left alone. The phase 'armed' is ours, for a [[hook]] of the daemon."
      },
      footerHeading = "%nExample:%n",
      footer = "  holdfast hook proxmox 100 pre-start --monitor /run/holdfast/100.qmp")
  static final class Proxmox extends Called {
    @Parameters(index = "0", paramLabel = "VMID", description = "The guest's number.")
    private String vmid = "";

    @Parameters(
        index = "1",
        paramLabel = "PHASE",
        description = "pre-start, post-start, pre-stop, post-stop, armed.")
    private String phase = "";

    @Option(
        names = "--monitor",
        paramLabel = "PATH",
        description = "QEMU's second monitor. Default: /run/holdfast/VMID.qmp")
    private @Nullable Path monitor;

    @Override
    public Integer call() throws IOException {
      Path path = monitor == null ? Path.of("/run/holdfast", vmid + ".qmp") : monitor;
      try (Triggers triggers = triggers()) {
        new ProxmoxHook(
                triggers, new DetachedWatch(client().socket()), surroundings().clock(), this::tell)
            .run(vmid, phase, path, surroundings().environment().get("PVE_MIGRATED_FROM"));
      }
      return ExitCode.OK;
    }
  }
}
