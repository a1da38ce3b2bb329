package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.capturefile.CaptureReader;
import dev.holdfast.redirector.config.ConfigException;
import dev.holdfast.redirector.replay.GuestPlan;
import dev.holdfast.redirector.replay.Points;
import dev.holdfast.redirector.replay.PointsFile;
import dev.holdfast.redirector.replay.Replay;
import dev.holdfast.redirector.replay.ReplayOptions;
import dev.holdfast.redirector.replay.ReplayReport;
import dev.holdfast.redirector.replay.report.Expectation;
import dev.holdfast.redirector.replay.report.Expectation.Outcome;
import dev.holdfast.redirector.replay.report.ReportTap.Judged;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
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
      "2 wrong usage, or a file that cannot be read; 4 a live replay without CAP_NET_RAW."
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

  @Parameters(
      arity = "1..*",
      paramLabel = "FILE",
      description = "pcap or pcapng, packed by gzip or not. Each is a replay of its own.")
  private List<Path> files = List.of();

  @Mixin private ReplayGuests guests;

  @ArgGroup(validate = false, heading = "%nThe network:%n")
  private ReplayNetwork network = new ReplayNetwork();

  @ArgGroup(validate = false, heading = "%nThe hosts:%n")
  private ReplayHosts hosts = new ReplayHosts();

  @ArgGroup(validate = false, heading = "%nLive:%n")
  private ReplayLive live = new ReplayLive();

  @ArgGroup(validate = false, heading = "%nThe verdict:%n")
  private ReplayVerdict verdict = new ReplayVerdict();

  private long saidAt;

  @Override
  public Integer call() throws CommandFailed, ConfigException, IOException {
    ReplayVerdict.Format format = verdict.format(json());
    Expectation expectation = verdict.expectation();
    ReplayOptions options = checked(expectation);
    boolean wantsDigest = expectation.wantsDigest() || verdict.wantsDigest();
    List<Judged> replays = new ArrayList<>();
    CommandFailed unreadable = null;
    for (Path file : files) {
      try {
        ReplayReport report = replay(file, options, wantsDigest);
        replays.add(new Judged(report, expectation.check(report)));
      } catch (CommandFailed e) { // what was found out about the others is told all the same
        unreadable = e;
      }
    }
    if (!replays.isEmpty()) {
      line(verdict.told(replays, format));
    }
    if (unreadable != null) {
      throw unreadable;
    }
    return replays.stream().flatMap(each -> each.outcomes().stream()).allMatch(Outcome::isMet)
        ? ExitCode.OK
        : ExitCode.FAILED;
  }

  /** Whatever can be wrong with the options is found before the first packet is read. */
  private ReplayOptions checked(Expectation expectation)
      throws CommandFailed, ConfigException, IOException {
    guests.check();
    live.check(spec().commandLine().getParseResult(), files.size());
    if (live.isOn()) {
      if (guests.areSeveral()) {
        throw CommandFailed.usage("Live, one guest moves; several do without --live.");
      }
      if (expectation.wantsDigest()) {
        throw CommandFailed.usage(
            "No two live replays are the same, so sha256 is no limit of one.");
      }
      if (!live.moves()) {
        guests.stayUnlessTold();
      }
    }
    ReplayOptions options = hosts.over(verdict.usual(expectation), network);
    verdict.checkOutput(files);
    live.checkPrivileges(surroundings());
    for (Path file : files) {
      guests.checkReadable(file, live.isOn());
    }
    return options;
  }

  // ---- one capture ----

  private ReplayReport replay(Path file, ReplayOptions options, boolean wantsDigest)
      throws CommandFailed {
    saidAt = surroundings().clock().nanoTime();
    try {
      List<GuestPlan> plans = guests.of(file, watch(file, "looked through"), this::remark);
      ReplayOptions whole = options.with(draft -> draft.guests = plans);
      long begun = surroundings().clock().nanoTime();
      ReplayReport report =
          verdict.write() == null && !wantsDigest
              ? run(file, whole, Points.NONE)
              : runAndWrite(file, whole, verdict.write());
      told(report, surroundings().clock().nanoTime() - begun);
      return report;
    } catch (IOException e) {
      throw CommandFailed.usage(Failures.sentence(e));
    }
  }

  /** As {@link #run}; the digest alone where there is no file to write. */
  private ReplayReport runAndWrite(Path file, ReplayOptions options, @Nullable Path out)
      throws IOException, CommandFailed {
    PointsFile points;
    try {
      points =
          new PointsFile(
              out == null ? OutputStream.nullOutputStream() : Files.newOutputStream(out),
              options.byIpInIp());
    } catch (IOException e) {
      throw OutputFile.failed(out, e);
    }
    ReplayReport report;
    try {
      report = run(file, options, points);
    } catch (UncheckedIOException e) { // of the points: what is read has a checked one
      discard(points);
      throw OutputFile.failed(out, Objects.requireNonNull(e.getCause()));
    } catch (IOException | CommandFailed | RuntimeException e) {
      discard(points);
      throw e;
    }
    try {
      points.close();
    } catch (IOException e) {
      throw OutputFile.failed(out, e);
    }
    return report.withDigest(points.digest());
  }

  private static void discard(PointsFile points) {
    try {
      points.close();
    } catch (IOException e) {
      return; // what has gone wrong before it is told
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
    } catch (OutOfMemoryError e) {
      throw CommandFailed.usage(
          file
              + " has more under way at once than there is memory for: replay a part of it, such as"
              + " one guest's connections.");
    }
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
