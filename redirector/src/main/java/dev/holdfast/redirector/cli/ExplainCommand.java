package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.capture.CaptureFile;
import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.config.ConfigException;
import dev.holdfast.redirector.config.ConfigReader;
import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.migration.AssumedMigration;
import dev.holdfast.redirector.migration.ExplainRequest;
import dev.holdfast.redirector.migration.Explanation;
import dev.holdfast.redirector.migration.RequestRefused;
import dev.holdfast.tunnel.packet.IpAddress;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code holdfast explain}: what would become of a packet, and why. */
@Command(
    name = "explain",
    description = {
      "Tells step by step what this host would do with a packet, and why.",
      "The running daemon is asked; with --config, what a daemon with that config would do.",
      "Nothing is changed, and nothing is sent. A packet that would be dropped is no failure."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  holdfast explain tcp 10.9.0.2:40000 10.1.0.10:80 --flags S",
      "  holdfast explain tcp [fd00:9::2]:40000 [fd00:1::10]:80 --length 1500",
      "  holdfast explain icmp 10.9.0.2 10.1.0.10 --ttl 1",
      "  holdfast explain 4500001c00004000401125c60a0900020a01000a9c400035000874f1",
      "  holdfast explain --capture trace.pcap --packet 12",
      "  holdfast explain tcp 10.1.0.10:80 10.9.0.2:40000 --out-of-tunnel --migration web1",
      "  holdfast explain tcp 10.9.0.2:40000 10.1.0.10:80 --config holdfast.toml \\",
      "      --role redirector --state draining --old 10.1.0.10"
    })
final class ExplainCommand extends Verb {
  private static final int MOST_INPUT = 1 << 20;

  @Parameters(
      arity = "0..*",
      paramLabel = "PACKET",
      description = {
        "In hex, with blanks, colons or as tcpdump -x prints it, - for standard input;",
        "or PROTOCOL SOURCE DESTINATION, with ports for tcp and udp."
      })
  private List<String> words = List.of();

  @Mixin private PacketTuple tuple;

  @Option(
      names = "--capture",
      paramLabel = "FILE",
      description = "Takes the packet out of a capture file: pcap, pcapng, or either by gzip.")
  private @Nullable Path capture;

  @Option(
      names = "--packet",
      paramLabel = "NUMBER",
      description = "Which one of --capture, from 1.")
  private @Nullable Integer number;

  @Option(
      names = "--out-of-tunnel",
      description = "The packet comes out of the tunnel, not from the LAN.")
  private boolean outOfTunnel;

  @Option(
      names = "--migration",
      paramLabel = "ID",
      description = "With --out-of-tunnel: whose tunnel, by id or name. Default: by its addresses.")
  private @Nullable String migration;

  @ArgGroup(validate = false, heading = "%nWithout a daemon:%n")
  private Assumed assumed = new Assumed();

  /** What a running daemon would know. */
  static final class Assumed {
    @Option(
        names = "--config",
        paramLabel = "FILE",
        description = "Asks this config in place of the running daemon.")
    private @Nullable Path config;

    @Option(names = "--role", paramLabel = "ROLE", description = "redirector or endpoint.")
    private @Nullable String role;

    @Option(
        names = "--state",
        paramLabel = "STATE",
        description = "armed, holding, redirecting, draining or another state.")
    private @Nullable String state;

    @Option(
        names = "--old",
        split = ",",
        hideParamSyntax = true,
        paramLabel = "ADDRESS",
        description = "The guest's old address; may be given several times.")
    private List<String> olds = List.of();

    @Option(
        names = "--encapsulation",
        paramLabel = "KIND",
        description = "tls or ipip. Default: the config's; auto is taken to be tls.")
    private @Nullable String encapsulation;

    @Option(
        names = "--remote",
        paramLabel = "HOST",
        description = "The other host: name of a [[remote]] in the config.")
    private @Nullable String remote;

    private boolean isPartly() {
      return role != null
          || state != null
          || !olds.isEmpty()
          || encapsulation != null
          || remote != null;
    }

    private Explanation explain(Config of, ExplainRequest request)
        throws CommandFailed, RequestRefused {
      if (role == null || state == null || olds.isEmpty()) {
        throw CommandFailed.usage("With --config give --role, --state and --old as well.");
      }
      try {
        return new AssumedMigration(
                role(role),
                AssumedMigration.state(state),
                olds.stream().map(IpAddress::parse).toList(),
                encapsulation == null ? null : encapsulation(encapsulation),
                remote)
            .explain(of, request);
      } catch (IllegalArgumentException e) {
        throw CommandFailed.usage(e.getMessage() + ".");
      }
    }

    private static Role role(String label) {
      for (Role each : Role.values()) {
        if (each.label().equals(label)) {
          return each;
        }
      }
      throw new IllegalArgumentException("'" + label + "' is not a role: redirector or endpoint");
    }

    private static Config.Encapsulation encapsulation(String label) {
      for (Config.Encapsulation each : Config.Encapsulation.values()) {
        if (each.name().toLowerCase(Locale.ROOT).equals(label)) {
          return each;
        }
      }
      throw new IllegalArgumentException(
          "'" + label + "' is not an encapsulation: tls, ipip or auto");
    }
  }

  @Override
  public Integer call() throws CommandFailed, ConfigException, IOException, RequestRefused {
    if (migration != null && !outOfTunnel) {
      throw CommandFailed.usage(
          "--migration is for --out-of-tunnel: a packet from a LAN is found by its addresses.");
    }
    ExplainRequest request =
        new ExplainRequest(HexFormat.of().formatHex(packet()), outOfTunnel, migration);
    Explanation explanation = explain(request);
    answer(explanation, text(explanation));
    return ExitCode.OK;
  }

  private Explanation explain(ExplainRequest request)
      throws CommandFailed, ConfigException, IOException, RequestRefused {
    Path config = assumed.config;
    if (config == null) {
      if (assumed.isPartly()) {
        throw CommandFailed.usage(
            "--role, --state, --old, --encapsulation and --remote describe what a running daemon"
                + " knows: give them with --config, or leave them out.");
      }
      return client().explain(request);
    }
    if (migration != null) {
      throw CommandFailed.usage("With --config there is no migration to name.");
    }
    return assumed.explain(ConfigReader.read(config), request);
  }

  private byte[] packet() throws CommandFailed, IOException {
    if (capture != null || number != null) {
      return captured();
    }
    if (PacketTuple.isTuple(words)) {
      return tuple.packet(words);
    }
    if (tuple.isSet()) {
      throw CommandFailed.usage(
          "--flags, --length, --ttl, --df, --no-df and --fragment are for PROTOCOL SOURCE"
              + " DESTINATION; other packets have these already.");
    }
    if (words.equals(List.of("-"))) {
      return PacketHex.parse(
          new String(System.in.readNBytes(MOST_INPUT), StandardCharsets.US_ASCII));
    }
    return PacketHex.parse(String.join(" ", words));
  }

  private byte[] captured() throws CommandFailed {
    if (capture == null || number == null) {
      throw CommandFailed.usage("--capture FILE and --packet NUMBER are given together.");
    }
    if (!words.isEmpty() || tuple.isSet()) {
      throw CommandFailed.usage("Give one packet: by --capture and --packet, or in words.");
    }
    try {
      CaptureFile.Captured taken = CaptureFile.read(capture, number);
      if (taken.missing() > 0) {
        remark(
            "The capture has not all of packet %d: its last %s are taken to be zeros."
                .formatted(number, Amounts.count(taken.missing(), "byte")));
      }
      return taken.packet();
    } catch (IOException e) {
      throw CommandFailed.usage(String.valueOf(e.getMessage()));
    }
  }

  /** The steps, each with its reason below, and the outcome. */
  private static String text(Explanation explanation) {
    Facts facts = new Facts("");
    for (Explanation.Step step : explanation.steps()) {
      List<String> lines = new ArrayList<>(List.of(step.result()));
      if (!step.why().isEmpty()) {
        lines.add("  " + step.why());
      }
      facts.add(step.step(), lines);
    }
    return facts + "\n" + explanation.outcome() + "\n";
  }
}
