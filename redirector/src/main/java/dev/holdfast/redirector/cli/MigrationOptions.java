package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.migration.MigrationRequest;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** What {@code plan} and {@code arm} take. */
@Command
final class MigrationOptions {
  @Parameters(paramLabel = "NAME", description = "What the migration is called.")
  private String name;

  @Option(
      names = "--old",
      required = true,
      split = ",",
      hideParamSyntax = true,
      paramLabel = "ADDRESS",
      description = "The guest's address at this host; may be given several times.")
  private List<String> oldAddresses = List.of();

  @Option(
      names = "--new",
      required = true,
      split = ",",
      hideParamSyntax = true,
      paramLabel = "ADDRESS",
      description = "Its address at the new host; may be given several times.")
  private List<String> newAddresses = List.of();

  @Option(
      names = "--remote",
      required = true,
      paramLabel = "HOST",
      description = "The new host: name of a [[remote]] in the config.")
  private String remote = "";

  @Option(
      names = "--deliver",
      required = true,
      paramLabel = "INTERFACE",
      description = "The new host's interface towards the guest.")
  private String deliver = "";

  @Option(
      names = "--guest-port",
      paramLabel = "INTERFACE",
      description = "This host's port of the guest. Left out for a routed guest.")
  private @Nullable String guestPort;

  @Option(
      names = "--guest-mac",
      paramLabel = "MAC",
      description = "The guest's MAC address. Default: learnt from the port.")
  private @Nullable String guestMac;

  @Option(
      names = "--from",
      paramLabel = "INTERFACE",
      description =
          "Interface of the old LAN. Default: the bridge of --guest-port, or that port itself.")
  private @Nullable String from;

  @Option(
      names = "--dns-name",
      split = ",",
      hideParamSyntax = true,
      paramLabel = "NAME",
      description =
          "A name that moves to the new address; may be given several times. Default: no DNS update.")
  private List<String> dnsNames = List.of();

  @Option(
      names = "--dns-address",
      split = ",",
      hideParamSyntax = true,
      paramLabel = "ADDRESS",
      description = "The public address, where it is not the one of --new.")
  private List<String> dnsAddresses = List.of();

  @Option(
      names = "--encapsulation",
      paramLabel = "KIND",
      description = "tls, ipip or auto. Default: the config's.")
  private @Nullable String encapsulation;

  @Option(
      names = "--capture",
      paramLabel = "KIND",
      description = "tun or pcap, on this host. Default: the config's.")
  private @Nullable String capture;

  @Option(
      names = "--return-path",
      paramLabel = "PATH",
      description = {
        "symmetric or direct: whether the guest's answers leave at the old site or at the new one.",
        "direct is taken if a probe at arm proves it. Default: the config's."
      })
  private @Nullable String returnPath;

  @Option(
      names = "--hold",
      paramLabel = "POLICY",
      description = "queue or drop. Default: the config's.")
  private @Nullable String holdPolicy;

  @Option(
      names = "--flow-list-command",
      paramLabel = "COMMAND",
      description = {
        "Prints the guest's connections as 'ss -Htn' does; run by sh at arm, and when a restarted daemon takes over.",
        "What it prints is taken to be complete."
      })
  private @Nullable String flowListCommand;

  @Option(
      names = "--guest-unaware",
      description = {
        "The guest is not touched and keeps its old addresses alone: the new host maps each --new to the --old of its",
        "family, in order, for connections that begin after the move. What stands after 'done' is removed by 'unmap'."
      })
  private boolean guestUnaware;

  MigrationRequest request() {
    return new MigrationRequest(
        name,
        List.copyOf(oldAddresses),
        List.copyOf(newAddresses),
        remote,
        from,
        guestPort,
        guestMac,
        deliver,
        dnsNames.isEmpty() ? null : String.join(",", dnsNames),
        List.copyOf(dnsAddresses),
        encapsulation,
        holdPolicy,
        flowListCommand,
        capture,
        returnPath,
        guestUnaware ? true : null);
  }
}
