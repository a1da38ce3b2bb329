package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.config.Config.HoldPolicy;
import dev.holdfast.redirector.config.ConfigException;
import dev.holdfast.redirector.config.ConfigReader;
import dev.holdfast.redirector.replay.ReplayOptions;
import dev.holdfast.redirector.replay.WanOptions;
import java.nio.file.Path;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options of {@code replay run} about the two hosts: what is in their config otherwise. */
final class ReplayHosts {
  @Option(
      names = "--config",
      paramLabel = "FILE",
      description = {
        "Takes encapsulation, connections, [hold] and stale-syn from a host's config, where the",
        "options below do not say otherwise."
      })
  private @Nullable Path config;

  @Option(names = "--encapsulation", paramLabel = "KIND", description = "tls or ipip. Default: tls")
  private @Nullable String encapsulation;

  @Option(names = "--hold", paramLabel = "POLICY", description = "queue or drop. Default: queue")
  private @Nullable String hold;

  @Option(
      names = "--hold-bytes",
      paramLabel = "SIZE",
      converter = SizeOption.class,
      description = {
        "How much a host holds of a migration, such as 64MiB, the default. Of one flow it",
        "holds 4096 packets at the most."
      })
  private @Nullable Long holdBytes;

  @Option(
      names = "--hold-age",
      paramLabel = "TIME",
      converter = TimeOption.class,
      description = "How long a packet is held. Default: 300s")
  private @Nullable Duration holdAge;

  @Option(
      names = "--drain-after",
      paramLabel = "TIME",
      converter = TimeOption.class,
      description = "Draining begins so long after the guest's return. Default: never.")
  private @Nullable Duration drainAfter;

  /** What these options say, or else the config, or else the usual. */
  ReplayOptions over(ReplayOptions usual, ReplayNetwork network)
      throws CommandFailed, ConfigException {
    Config of = config == null ? null : ConfigReader.read(config);
    ReplayOptions.Hold from = of == null ? usual.hold() : ReplayOptions.Hold.of(of.hold());
    var held =
        new ReplayOptions.Hold(
            hold == null ? from.policy() : policy(hold),
            holdBytes == null ? from.maxBytes() : holdBytes,
            holdAge == null ? from.maxAgeNanos() : holdAge.toNanos());
    WanOptions wan = network.wan();
    boolean byIpInIp =
        encapsulation == null
            ? of != null && of.tunnel().encapsulation() == Config.Encapsulation.IPIP
            : isIpInIp(encapsulation);
    network.check(byIpInIp);
    return usual.with(draft -> {
      draft.byIpInIp = byIpInIp;
      draft.connections = of == null ? usual.connections() : of.tunnel().connections();
      draft.wan = wan;
      draft.peerDelayNanos = network.peerDelay();
      draft.hold = held;
      draft.drainAfterNanos = drainAfter == null ? usual.drainAfterNanos() : drainAfter.toNanos();
      draft.staleSyn = of == null ? usual.staleSyn() : of.drain().staleSyn();
    });
  }

  private static boolean isIpInIp(String kind) throws CommandFailed {
    return switch (kind) {
      case "tls" -> false;
      case "ipip" -> true;
      default -> throw CommandFailed.usage("'" + kind + "' is no encapsulation: tls or ipip.");
    };
  }

  private static HoldPolicy policy(String name) throws CommandFailed {
    return switch (name) {
      case "queue" -> HoldPolicy.QUEUE;
      case "drop" -> HoldPolicy.DROP;
      default -> throw CommandFailed.usage("'" + name + "' is no policy: queue or drop.");
    };
  }
}
