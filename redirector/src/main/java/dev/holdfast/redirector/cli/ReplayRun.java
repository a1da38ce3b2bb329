package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.capturefile.CaptureReader;
import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.config.Config.HoldPolicy;
import dev.holdfast.redirector.config.Config.StaleSyn;
import dev.holdfast.redirector.config.ConfigException;
import dev.holdfast.redirector.config.ConfigReader;
import dev.holdfast.redirector.config.SizeText;
import dev.holdfast.redirector.control.Json;
import dev.holdfast.redirector.replay.CaptureScan;
import dev.holdfast.redirector.replay.GuestPlan;
import dev.holdfast.redirector.replay.Points;
import dev.holdfast.redirector.replay.PointsFile;
import dev.holdfast.redirector.replay.Replay;
import dev.holdfast.redirector.replay.ReplayOptions;
import dev.holdfast.redirector.replay.ReplayReport;
import dev.holdfast.redirector.replay.report.Expectation;
import dev.holdfast.redirector.replay.report.Expectation.Outcome;
import dev.holdfast.redirector.replay.report.ReportJson;
import dev.holdfast.redirector.replay.report.ReportTap;
import dev.holdfast.redirector.replay.report.ReportTap.Judged;
import dev.holdfast.redirector.replay.report.ReportText;
import dev.holdfast.redirector.replay.report.ReportXml;
import dev.holdfast.tunnel.packet.IpAddress;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code holdfast replay run}. */
@Command(
    name = "run",
    description = {
      "Replays captured traffic through the real packet path of two hosts while the guest moves,",
      "and says what became of each connection. Needs no root and no daemon, takes no time that",
      "the computer does not need, and gives the same result each time.",
      "TCP is re-enacted from the captured sequence numbers, options and windows; byte streams are",
      "compared. Other packets go as they were captured.",
      "Exit status: 0 all is well, 1 a connection did not survive or a limit was not kept,",
      "2 wrong usage, or a file that cannot be read."
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  holdfast replay run trace.pcap",
      "  holdfast replay run trace.pcapng.gz --old 10.1.0.10 --move-at 12.5s --pause 3s",
      "  holdfast replay run trace.pcap --move-at packet:340 --loss 0.01 --encapsulation ipip",
      "  holdfast replay run trace.pcap --outage 14s+2s --write passed.pcapng",
      "  holdfast replay run two.pcap --guest 10.1.0.10@5s+1s --guest 10.1.0.11@5s+2s",
      "  holdfast replay run trace.pcap --live --peer-interface p0 --guest-interface g0 \\",
      "    --guest-interface-after g1 --on-move 'holdfast migration hold web1' \\",
      "    --on-resume 'holdfast migration release web1 --socket /run/new.sock'",
      "  holdfast replay run *.pcap --expect limits.toml --format junit > replay.xml"
    })
final class ReplayRun extends Verb {
  private static final long SAY_EVERY_NANOS = 2_000_000_000L;
  private static final String DEFAULT_PAUSE = "1s";

  /** What is printed. */
  enum Format {
    TEXT,
    JSON,
    JUNIT,
    TAP
  }

  @Parameters(
      arity = "1..*",
      paramLabel = "FILE",
      description = "pcap or pcapng, packed by gzip or not. Each is a replay of its own.")
  private List<Path> files = List.of();

  @Option(
      names = "--old",
      split = ",",
      hideParamSyntax = true,
      paramLabel = "ADDRESS",
      description = {
        "The guest's old address; may be given several times.",
        "Default: whoever serves in nearly all packets."
      })
  private List<String> olds = List.of();

  @Option(
      names = "--move-at",
      paramLabel = "WHEN",
      converter = ReplayTimes.Moment.class,
      description = {
        "When the guest is paused: 12.5s after the first packet, or packet:340.",
        "Default: half-way through the capture."
      })
  private GuestPlan.@Nullable Move moveAt;

  @Option(
      names = "--pause",
      paramLabel = "TIME",
      converter = ReplayTimes.Length.class,
      description = "How long until it runs at the new host. Default: " + DEFAULT_PAUSE)
  private @Nullable Long pause;

  @Option(
      names = "--guest",
      paramLabel = "ADDRESSES@WHEN+PAUSE",
      converter = ReplayTimes.GuestOption.class,
      description = "In place of the three above, where several guests move.")
  private List<GuestPlan> guests = new ArrayList<>();

  @ArgGroup(validate = false, heading = "%nThe network:%n")
  private ReplayNetwork network = new ReplayNetwork();

  @ArgGroup(validate = false, heading = "%nThe hosts:%n")
  private Hosts hosts = new Hosts();

  /** What is in a host's config otherwise. */
  static final class Hosts {
    @Option(
        names = "--config",
        paramLabel = "FILE",
        description = {
          "Takes encapsulation, connections, [hold] and stale-syn from a host's config, where the",
          "options below do not say otherwise."
        })
    private @Nullable Path config;

    @Option(
        names = "--encapsulation",
        paramLabel = "KIND",
        description = "tls or ipip. Default: tls")
    private @Nullable String encapsulation;

    @Option(names = "--hold", paramLabel = "POLICY", description = "queue or drop. Default: queue")
    private @Nullable String hold;

    @Option(
        names = "--hold-bytes",
        paramLabel = "SIZE",
        description = "How much a host holds of a migration, such as 64MiB, the default.")
    private @Nullable String holdBytes;

    @Option(
        names = "--hold-age",
        paramLabel = "TIME",
        converter = ReplayTimes.Length.class,
        description = "How long a packet is held. Default: 300s")
    private @Nullable Long holdAge;

    @Option(
        names = "--drain-after",
        paramLabel = "TIME",
        converter = ReplayTimes.Length.class,
        description = "Draining begins so long after the guest's return. Default: never.")
    private Long drainAfter = -1L;

    private ReplayOptions options(
        List<GuestPlan> guests, ReplayNetwork network, long seed, long stall, long settle)
        throws CommandFailed, ConfigException {
      Config of = config == null ? null : ConfigReader.read(config);
      ReplayOptions usual = ReplayOptions.of(guests.getFirst());
      ReplayOptions.Hold held = of == null ? usual.hold() : ReplayOptions.Hold.of(of.hold());
      held =
          new ReplayOptions.Hold(
              hold == null ? held.policy() : policy(hold),
              holdBytes == null ? held.maxBytes() : bytes(holdBytes),
              holdAge == null ? held.maxAgeNanos() : holdAge);
      boolean byIpInIp =
          encapsulation == null
              ? of != null && of.tunnel().encapsulation() == Config.Encapsulation.IPIP
              : isIpInIp(encapsulation);
      return new ReplayOptions(
          guests,
          byIpInIp,
          of == null ? usual.connections() : of.tunnel().connections(),
          network.wan(),
          network.peerDelay(),
          held,
          drainAfter,
          of == null ? StaleSyn.TUNNEL : of.drain().staleSyn(),
          seed,
          stall,
          settle);
    }

    private static long bytes(String size) throws CommandFailed {
      try {
        return SizeText.parse(size);
      } catch (IllegalArgumentException e) {
        throw CommandFailed.usage("--hold-bytes: " + e.getMessage() + ".");
      }
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

  @ArgGroup(validate = false, heading = "%nLive:%n")
  private ReplayLive live = new ReplayLive();

  @ArgGroup(validate = false, heading = "%nThe verdict:%n")
  private Judging judging = new Judging();

  /** How it is judged and told. */
  static final class Judging {
    @Option(
        names = "--stall",
        paramLabel = "TIME",
        converter = ReplayTimes.Length.class,
        defaultValue = "1s",
        description = {
          "A connection that waits longer for a delivery, the pause apart, has stalled.",
          "Default: ${DEFAULT-VALUE}"
        })
    private Long stall = 0L;

    @Option(
        names = "--settle",
        paramLabel = "TIME",
        converter = ReplayTimes.Length.class,
        defaultValue = "2m",
        description = {
          "How long, in the replay's own time, what is on its way has after the last packet.",
          "Default: ${DEFAULT-VALUE}"
        })
    private Long settle = 0L;

    @Option(
        names = "--seed",
        paramLabel = "NUMBER",
        defaultValue = "1",
        description = "Of all that is random. Default: ${DEFAULT-VALUE}")
    private long seed = 1;

    @Option(
        names = "--expect",
        paramLabel = "FILE",
        description = {
          "Limits, a TOML file: survived, stalled, reset, corrupted, not-replayed, moved,",
          "replayed-packets, recovery-p99-ms, longest-wait-ms, retransmissions, lost-datagrams,",
          "sha256, [flows]. Default: every connection survives."
        })
    private @Nullable Path expect;

    @Option(
        names = "--write",
        paramLabel = "FILE",
        description = "Writes what passed at each point as pcapng, an interface for each.")
    private @Nullable Path write;

    @Option(names = "--force", description = "Lets --write replace a file.")
    private boolean force;

    @Option(names = "--digest", description = "Says the SHA-256 of what passed.")
    private boolean digest;

    @Option(
        names = "--format",
        paramLabel = "FORMAT",
        description = "text, json, junit (XML) or tap. Default: text")
    private @Nullable String format;

    @Option(names = "--all", description = "Lists every connection, however many are good.")
    private boolean all;
  }

  private long saidAt;

  @Override
  public Integer call() throws CommandFailed, ConfigException {
    Format format = format();
    if (judging.write != null && files.size() > 1) {
      throw CommandFailed.usage("--write takes one capture at a time: there is one file for it.");
    }
    if (!guests.isEmpty() && (!olds.isEmpty() || moveAt != null || pause != null)) {
      throw CommandFailed.usage("Give --guest, or --old, --move-at and --pause, not both.");
    }
    live.check(spec().commandLine().getParseResult(), files.size());
    if (live.isOn() && guests.size() > 1) {
      throw CommandFailed.usage("Live, one guest moves; several do without --live.");
    }
    Expectation expectation = expectation();
    if (live.isOn() && expectation.wantsDigest()) {
      throw CommandFailed.usage("No two live replays are the same, so sha256 is no limit of one.");
    }
    List<Judged> replays = new ArrayList<>();
    CommandFailed unreadable = null;
    for (Path file : files) {
      try {
        ReplayReport report = replay(file, expectation.wantsDigest() || judging.digest);
        replays.add(new Judged(report, expectation.check(report)));
      } catch (CommandFailed e) { // what was found out about the others is told all the same
        unreadable = e;
      }
    }
    if (!replays.isEmpty()) {
      print(replays, format);
    }
    if (unreadable != null) {
      throw unreadable;
    }
    return replays.stream().flatMap(each -> each.outcomes().stream()).allMatch(Outcome::isMet)
        ? ExitCode.OK
        : ExitCode.FAILED;
  }

  private Format format() throws CommandFailed {
    String name = judging.format;
    if (name == null) {
      return json() ? Format.JSON : Format.TEXT;
    }
    for (Format each : Format.values()) {
      if (each.name().toLowerCase(Locale.ROOT).equals(name)) {
        return each;
      }
    }
    throw CommandFailed.usage("'" + name + "' is no format: text, json, junit or tap.");
  }

  private Expectation expectation() throws CommandFailed {
    try {
      return judging.expect == null ? Expectation.usual() : Expectation.read(judging.expect);
    } catch (IOException e) {
      throw CommandFailed.usage(String.valueOf(e.getMessage()));
    }
  }

  private void print(List<Judged> replays, Format format) {
    switch (format) {
      case TEXT -> {
        StringBuilder text = new StringBuilder();
        for (Judged each : replays) {
          text.append(text.isEmpty() ? "" : "\n")
              .append(ReportText.of(each.report(), each.outcomes(), judging.all));
        }
        line(text.toString().stripTrailing());
      }
      case JSON -> {
        List<Object> all = new ArrayList<>();
        replays.forEach(each -> all.add(ReportJson.of(each.report(), each.outcomes())));
        line(Json.pretty(all.size() == 1 ? all.getFirst() : all));
      }
      case JUNIT -> line(ReportXml.of(replays).stripTrailing());
      case TAP -> line(ReportTap.of(replays).stripTrailing());
    }
  }

  // ---- one capture ----

  private ReplayReport replay(Path file, boolean wantsDigest)
      throws CommandFailed, ConfigException {
    try {
      ReplayOptions options =
          hosts.options(plans(file), network, judging.seed, judging.stall, judging.settle);
      saidAt = surroundings().clock().nanoTime();
      long begun = saidAt;
      Path out = judging.write;
      ReplayReport report;
      if (out == null && !wantsDigest) {
        report = run(file, options, Points.NONE);
      } else {
        PointsFile points = new PointsFile(open(out), options.byIpInIp());
        try (points) {
          report = run(file, options, points);
        }
        report = report.withDigest(points.digest());
      }
      told(report, surroundings().clock().nanoTime() - begun);
      return report;
    } catch (IOException | UncheckedIOException e) {
      throw CommandFailed.usage(String.valueOf(e.getMessage()));
    }
  }

  private ReplayReport run(Path file, ReplayOptions options, Points points)
      throws IOException, CommandFailed {
    if (live.isOn()) {
      GuestPlan guest = options.guests().getFirst();
      return live.run(file, guest, options, points, surroundings(), watch(file, "replayed"));
    }
    try (CaptureReader reader = CaptureReader.open(file)) {
      return Replay.run(reader, file.toString(), options, points, watch(file, "replayed"));
    }
  }

  private OutputStream open(@Nullable Path out) throws IOException, CommandFailed {
    if (out == null) {
      return OutputStream.nullOutputStream();
    }
    for (Path input : files) {
      if (Files.exists(out) && Files.exists(input) && Files.isSameFile(input, out)) {
        throw CommandFailed.usage(out + " is what is replayed: give another name to --write.");
      }
    }
    if (Files.exists(out) && !judging.force) {
      throw CommandFailed.usage(out + " is there already; --force replaces it.");
    }
    return Files.newOutputStream(out);
  }

  /** Who moves; what was not said is taken from a look through the capture. */
  private List<GuestPlan> plans(Path file) throws IOException, CommandFailed {
    if (!guests.isEmpty()) {
      requireDifferent(guests.stream().flatMap(guest -> guest.olds().stream()).toList());
      return guests;
    }
    List<IpAddress> addresses;
    try {
      addresses = ReplayTimes.addresses(olds);
    } catch (IllegalArgumentException e) {
      throw CommandFailed.usage("--old: " + e.getMessage() + ".");
    }
    requireDifferent(addresses);
    GuestPlan.Move move = moveAt;
    if (live.isOn() && move == null && !live.moves()) {
      move = new GuestPlan.Move.Never();
    }
    if (addresses.isEmpty() || move == null) {
      CaptureScan scan;
      try (CaptureReader reader = CaptureReader.open(file)) {
        scan = CaptureScan.of(reader, watch(file, "looked through"));
      }
      move = move == null ? new GuestPlan.Move.AtTime(scan.durationNanos() / 2) : move;
      if (addresses.isEmpty()) {
        addresses = guessed(file, scan);
      }
    }
    return List.of(
        new GuestPlan(addresses, move, pause == null ? ReplayTimes.nanos(DEFAULT_PAUSE) : pause));
  }

  private static void requireDifferent(List<IpAddress> addresses) throws CommandFailed {
    for (IpAddress address : addresses) {
      if (addresses.indexOf(address) != addresses.lastIndexOf(address)) {
        throw CommandFailed.usage(address + " is given twice: an address is one guest's.");
      }
    }
  }

  private List<IpAddress> guessed(Path file, CaptureScan scan) throws CommandFailed {
    List<IpAddress> guest = scan.guest();
    if (guest.isEmpty()) {
      List<IpAddress> busiest = scan.busiest(5);
      throw CommandFailed.usage(
          busiest.isEmpty()
              ? file + " has no IP packets that could be replayed."
              : "Which address of %s is the guest's? Give it with --old; the busiest are %s."
                  .formatted(
                      file, String.join(", ", busiest.stream().map(IpAddress::toString).toList())));
    }
    remark(
        "%s: the guest is taken to be %s; --old says otherwise."
            .formatted(file, String.join(", ", guest.stream().map(IpAddress::toString).toList())));
    return guest;
  }

  private Replay.Watch watch(Path file, String what) {
    long size = file.toFile().length();
    boolean packed = file.toString().endsWith(".gz");
    return (packets, bytes, nanos) -> {
      long now = surroundings().clock().nanoTime();
      if (now - saidAt >= SAY_EVERY_NANOS) {
        saidAt = now;
        String share =
            packed || size == 0 ? "" : " (%d %%)".formatted(Math.min(100, 100 * bytes / size));
        remark(
            "%s: %,d packets %s%s, %.1f s of the capture"
                .formatted(file, packets, what, share, nanos / 1e9));
      }
    };
  }

  private void told(ReplayReport report, long nanos) {
    if (nanos >= SAY_EVERY_NANOS) {
      remark(
          "%s: %,d packets in %.1f s, %,.0f a second"
              .formatted(
                  report.file(), report.packets(), nanos / 1e9, report.packets() / (nanos / 1e9)));
    }
  }
}
