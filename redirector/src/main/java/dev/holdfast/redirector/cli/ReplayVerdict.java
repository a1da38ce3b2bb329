package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.control.Json;
import dev.holdfast.redirector.replay.ReplayOptions;
import dev.holdfast.redirector.replay.report.Expectation;
import dev.holdfast.redirector.replay.report.ReportJson;
import dev.holdfast.redirector.replay.report.ReportTap;
import dev.holdfast.redirector.replay.report.ReportTap.Judged;
import dev.holdfast.redirector.replay.report.ReportText;
import dev.holdfast.redirector.replay.report.ReportXml;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options of {@code replay run} about how a replay is judged and told. */
final class ReplayVerdict {
  /** What is printed. */
  enum Format {
    TEXT,
    JSON,
    JUNIT,
    TAP
  }

  @Option(
      names = "--stall",
      paramLabel = "TIME",
      converter = TimeOption.class,
      defaultValue = "1s",
      description = {
        "A connection that waits longer for a delivery, the pause apart, has stalled.",
        "Default: ${DEFAULT-VALUE}"
      })
  private Duration stall = Duration.ZERO;

  @Option(
      names = "--settle",
      paramLabel = "TIME",
      converter = TimeOption.class,
      defaultValue = "2m",
      description = {
        "How long, in the replay's own time, what is on its way has after the last packet.",
        "Default: ${DEFAULT-VALUE}"
      })
  private Duration settle = Duration.ZERO;

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
        "damaged, sha256, [flows]. All connections count, those too that a report has no room for;",
        "in [flows] a name is of all its connections, and with packet:N of one.",
        "Default: every connection survives."
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

  /** Where what passes is written; null where it is not. */
  @Nullable Path write() {
    return write;
  }

  /** Whether the digest was asked for. */
  boolean wantsDigest() {
    return digest;
  }

  Format format(boolean isJson) throws CommandFailed {
    if (format == null) {
      return isJson ? Format.JSON : Format.TEXT;
    }
    for (Format each : Format.values()) {
      if (each.name().toLowerCase(Locale.ROOT).equals(format)) {
        if (isJson && each != Format.JSON) {
          throw CommandFailed.usage("--json and --format " + format + " contradict each other.");
        }
        return each;
      }
    }
    throw CommandFailed.usage("'" + format + "' is no format: text, json, junit or tap.");
  }

  Expectation expectation() throws CommandFailed {
    try {
      return expect == null ? Expectation.usual() : Expectation.read(expect);
    } catch (IOException e) {
      throw CommandFailed.usage(Failures.sentence(e));
    }
  }

  /** Finds out whether {@code --write} can be, before the replay. */
  void checkOutput(List<Path> captures) throws CommandFailed {
    if (write != null && captures.size() > 1) {
      throw CommandFailed.usage("--write takes one capture at a time: there is one file for it.");
    }
    if (write != null) {
      OutputFile.check(write, force, captures);
    }
  }

  /** The usual replay, judged as these options say. */
  ReplayOptions usual(Expectation expectation) {
    return ReplayOptions.USUAL.with(draft -> {
      draft.seed = seed;
      draft.stallNanos = stall.toNanos();
      draft.settleNanos = settle.toNanos();
      draft.namedFlows = expectation.namedFlows();
    });
  }

  /** What is printed, without a line's end. */
  String told(List<Judged> replays, Format as) {
    return switch (as) {
      case TEXT -> {
        StringBuilder text = new StringBuilder();
        for (Judged each : replays) {
          text.append(text.isEmpty() ? "" : "\n")
              .append(ReportText.of(each.report(), each.outcomes(), all));
        }
        yield text.toString().stripTrailing();
      }
      case JSON -> {
        List<Object> objects = new ArrayList<>();
        replays.forEach(each -> objects.add(ReportJson.of(each.report(), each.outcomes())));
        yield Json.pretty(objects.size() == 1 ? objects.getFirst() : objects);
      }
      case JUNIT -> ReportXml.of(replays).stripTrailing();
      case TAP -> ReportTap.of(replays).stripTrailing();
    };
  }
}
