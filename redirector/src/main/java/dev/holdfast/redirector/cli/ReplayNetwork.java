package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.replay.WanOptions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Option;

/** The options of {@code replay run} about the network that is emulated. */
final class ReplayNetwork {
  @Option(
      names = "--delay",
      paramLabel = "TIME",
      converter = TimeOption.class,
      defaultValue = "10ms",
      description = "One way between the sites. Default: ${DEFAULT-VALUE}")
  private Duration delay = Duration.ZERO;

  @Option(
      names = "--peer-delay",
      paramLabel = "TIME",
      converter = TimeOption.class,
      defaultValue = "5ms",
      description = "One way between peers and the old site. Default: ${DEFAULT-VALUE}")
  private Duration peerDelay = Duration.ZERO;

  @Option(
      names = "--loss",
      paramLabel = "SHARE",
      converter = ReplayTimes.Likelihood.class,
      defaultValue = "0",
      description = "Of the packets between the sites, such as 0.1%%; TCP repeats those of TLS.")
  private Double loss = 0.0;

  @Option(
      names = "--reorder",
      paramLabel = "SHARE",
      converter = ReplayTimes.Likelihood.class,
      defaultValue = "0",
      description = "Of the packets of IP-in-IP: they come later than the next ones.")
  private Double reorder = 0.0;

  @Option(
      names = "--duplicate",
      paramLabel = "SHARE",
      converter = ReplayTimes.Likelihood.class,
      defaultValue = "0",
      description = "Of the packets of IP-in-IP: they come twice.")
  private Double duplicate = 0.0;

  @Option(
      names = "--mtu",
      paramLabel = "BYTES",
      defaultValue = "1500",
      description = "Of the path between the sites, 576 to 65535. Default: ${DEFAULT-VALUE}")
  private int mtu = 1500;

  @Option(
      names = "--outage",
      paramLabel = "WHEN+LENGTH",
      converter = ReplayTimes.OutageOption.class,
      description = "Nothing passes between the sites, such as 14s+2s; may be given several times.")
  private List<WanOptions.Outage> outages = new ArrayList<>();

  /** What only packets can suffer, and no stream. */
  void check(boolean byIpInIp) throws CommandFailed {
    if (!byIpInIp && (reorder > 0 || duplicate > 0)) {
      throw CommandFailed.usage(
          "--reorder and --duplicate are for --encapsulation ipip: TLS is a stream, which has an"
              + " order.");
    }
  }

  WanOptions wan() throws CommandFailed {
    if (mtu < 576 || mtu > 65_535) {
      throw CommandFailed.usage("--mtu is 576 to 65535 bytes, not " + mtu + ".");
    }
    try {
      return new WanOptions(delay.toNanos(), loss, reorder, duplicate, mtu, outages);
    } catch (IllegalArgumentException e) {
      throw CommandFailed.usage(
          "--loss, --reorder and --duplicate are at most 100% together: one thing happens to a"
              + " packet.");
    }
  }

  long peerDelay() {
    return peerDelay.toNanos();
  }
}
