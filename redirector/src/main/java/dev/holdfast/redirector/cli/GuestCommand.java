package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.control.Json;
import dev.holdfast.redirector.hook.GuestScript;
import dev.holdfast.redirector.migration.MigrationView;
import dev.holdfast.tunnel.packet.IpAddress;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.TypeConversionException;

/** {@code holdfast guest}: what the guest itself has to do. */
@Command(
    name = "guest",
    description = "Helps the guest that has moved.",
    commandListHeading = "%nCommands:%n",
    subcommands = GuestCommand.Commands.class,
    footerHeading = "%nExample:%n",
    footer = "  holdfast guest commands web1 --gateway 10.2.0.1")
final class GuestCommand extends Noun {

  /**
   * {@code guest commands --json}.
   *
   * @param schema "holdfast.guest-commands/1"
   */
  record Printed(String schema, String migration, String format, String text) {}

  /** {@code guest commands}. */
  @Command(
      name = "commands",
      description = {
        "Prints what a guest runs that has moved: it gets its new addresses and default route, and"
            + " keeps the old ones as /32 and /128, deprecated, for the connections that it has.",
        "Run it in the guest when it runs at the new host, by a console, its agent, ssh or"
            + " cloud-init. It may be run twice, and needs sh and iproute2 or busybox.",
        "It remembers in the guest what was before; with --undo it goes back to that."
      },
      sortOptions = false,
      footerHeading = "%nExamples:%n",
      footer = {
        "  holdfast guest commands web1 --gateway 10.2.0.1 --gateway fe80::1",
        "  holdfast guest commands web1 --format guest-agent --gateway 10.2.0.1",
        "  holdfast guest commands web1 --undo",
      })
  static final class Commands extends Verb {
    @Mixin private MigrationCommand.MigrationId id;

    @Option(
        names = "--format",
        paramLabel = "FORMAT",
        defaultValue = "sh",
        converter = FormatOption.class,
        description =
            "sh; guest-agent, the guest-exec of QEMU's agent for 'virsh qemu-agent-command'; or"
                + " cloud-init, user data. Default: ${DEFAULT-VALUE}")
    private String format = "sh";

    @Option(
        names = "--gateway",
        split = ",",
        hideParamSyntax = true,
        paramLabel = "ADDRESS",
        converter = AddressOption.class,
        description =
            "Of the new LAN, one of each family. Default: the default route is left alone.")
    private List<IpAddress> gateways = List.of();

    @Option(
        names = "--prefix",
        paramLabel = "LENGTH",
        defaultValue = "24",
        description = "Of the new IPv4 network. Default: ${DEFAULT-VALUE}")
    private int prefix4 = 24;

    @Option(
        names = "--prefix6",
        paramLabel = "LENGTH",
        defaultValue = "64",
        description = "Of the new IPv6 network. Default: ${DEFAULT-VALUE}")
    private int prefix6 = 64;

    @Option(
        names = "--dhcp",
        description =
            "The new addresses and routes come by DHCP or router advertisements: prints only what"
                + " keeps the old addresses.")
    private boolean dhcp;

    @Option(names = "--undo", description = "Prints the way back, after a rollback.")
    private boolean undo;

    @Override
    public Integer call() throws Exception {
      requireSense();
      MigrationView migration = client().show(id.text());
      GuestScript script = new GuestScript(migration, gateways, prefix4, prefix6, dhcp);
      IpAddress lacking = dhcp || undo ? null : script.withoutGateway();
      String text = formatted(migration.name(), undo ? script.back() : script.there());
      answer(new Printed("holdfast.guest-commands/1", migration.id(), format, text), text);
      if (lacking != null) {
        remark(
            "There is no --gateway for "
                + lacking
                + ": the guest's default route of that family is left as it is.");
      }
      return ExitCode.OK;
    }

    private void requireSense() {
      if (prefix4 < 1 || prefix4 > 32 || prefix6 < 1 || prefix6 > 128) {
        throw new ParameterException(
            spec().commandLine(), "--prefix is within 1..32, --prefix6 within 1..128.");
      }
      if (gateways.stream().filter(IpAddress::isV4).count() > 1
          || gateways.stream().filter(each -> !each.isV4()).count() > 1) {
        throw new ParameterException(
            spec().commandLine(), "Give one --gateway of each family at most.");
      }
    }

    private String formatted(String name, String script) {
      return switch (format) {
        case "guest-agent" -> {
          Map<String, Object> arguments = new LinkedHashMap<>();
          arguments.put("path", "/bin/sh");
          arguments.put("arg", List.of("-c", script));
          arguments.put("capture-output", true);
          Map<String, Object> command = new LinkedHashMap<>();
          command.put("execute", "guest-exec");
          command.put("arguments", arguments);
          yield Json.line(command) + "\n";
        }
        case "cloud-init" ->
            """
            #cloud-config
            write_files:
              - path: /usr/local/sbin/holdfast-%1$s
                permissions: '0755'
                content: |
            %2$s
            runcmd:
              - [/usr/local/sbin/holdfast-%1$s]
            """
                .formatted(name, script.stripTrailing().indent(6).stripTrailing());
        default -> script;
      };
    }
  }

  /** {@code --format}. */
  static final class FormatOption implements ITypeConverter<String> {
    @Override
    public String convert(String value) {
      if (List.of("sh", "guest-agent", "cloud-init").contains(value)) {
        return value;
      }
      throw new TypeConversionException(
          "'" + value + "' is not one of sh, guest-agent, cloud-init");
    }
  }

  /** {@code --gateway}. */
  static final class AddressOption implements ITypeConverter<IpAddress> {
    @Override
    public IpAddress convert(String value) {
      try {
        return IpAddress.parse(value);
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(String.valueOf(e.getMessage()));
      }
    }
  }
}
