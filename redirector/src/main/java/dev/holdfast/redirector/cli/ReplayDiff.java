package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.capturediff.CaptureDiff;
import dev.holdfast.redirector.capturediff.Difference;
import dev.holdfast.redirector.capturediff.IgnoredFields;
import dev.holdfast.redirector.capturefile.CaptureReader;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code holdfast replay diff}: what is different between two captures. */
@Command(
    name = "diff",
    description = {
      "Compares two captures by meaning, and shows the first difference field by field.",
      "Packets are paired in order within their flow and direction. Not compared, unless asked for:",
      "times (--time) and MAC addresses and VLAN tags (--compare mac). Never: the files' formats and",
      "comments, frames without IP, how flows interleave, checksums but for being right or wrong.",
      "What else differs counts, TTL and identification too: --ignore them where hops lie between.",
      "64 MiB of packets wait for their equal at most; one that comes later counts as missing.",
      "Where a capture is damaged, what comes before the damage is compared; what the other one has",
      "more counts as undecided, and not as a difference."
    },
    sortOptions = false,
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "0:no difference",
      "1:differences",
      "2:a capture cannot be read to its end, and no difference was found; or wrong usage"
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  holdfast replay diff sent.pcapng arrived.pcapng --ignore ttl",
      "  holdfast replay diff first.pcapng second.pcapng --time 1ms --compare mac --all",
      "  holdfast replay diff old-site.pcap new-site.pcap --streams --flow tcp,10.1.0.10"
    })
final class ReplayDiff extends Verb {
  private static final int MOST_SHOWN = 100_000;

  @Parameters(index = "0", paramLabel = "A", description = "A capture: pcap or pcapng, or by gzip.")
  private Path a;

  @Parameters(index = "1", paramLabel = "B", description = "The other one.")
  private Path b;

  @Option(
      names = "--ignore",
      split = ",",
      hideParamSyntax = true,
      paramLabel = "NAMES",
      description =
          "Fields that do not count, by Wireshark's names (tcp.window_size_value), or: ttl, id,"
              + " checksum, dscp, payload, mac, order.")
  private List<String> ignored = List.of();

  @Option(
      names = "--compare",
      split = ",",
      hideParamSyntax = true,
      paramLabel = "NAMES",
      description = "Fields that count after all: mac, or one of its fields.")
  private List<String> compared = List.of();

  @Option(
      names = "--time",
      paramLabel = "TOLERANCE",
      converter = TimeOption.class,
      description = "Times count, after the first packet; they may differ by that, such as 5ms.")
  private @Nullable Duration time;

  @Option(
      names = "--streams",
      description = "Compares TCP as streams of bytes, however cut into segments.")
  private boolean streams;

  @Option(
      names = "--flow",
      paramLabel = "FLOW",
      description =
          "Only packets between these ends, such as tcp,10.9.0.2:40000,10.1.0.10:80, or less of it.")
  private @Nullable String flow;

  @Option(names = "--all", description = "Shows all differences, up to --limit.")
  private boolean all;

  @Option(
      names = "--limit",
      paramLabel = "N",
      defaultValue = "100",
      description = "With --all: so many at most. Default: ${DEFAULT-VALUE}")
  private int limit;

  /**
   * {@code replay diff --json}.
   *
   * @param schema "holdfast.replay-diff/1"
   * @param same whether both were read to their end, without a difference
   * @param undecided packets or streams whose equal may be behind the damage of the other capture
   * @param ignored fields that did not count
   * @param counts differences by kind
   * @param differences the first ones
   * @param problems why a capture was not read to its end
   */
  record Shown(
      String schema,
      String a,
      String b,
      boolean same,
      long packetsA,
      long packetsB,
      long samePackets,
      long sameStreams,
      long streamBytes,
      Map<String, Long> counts,
      long notCompared,
      long beyondWindow,
      long undecided,
      List<String> ignored,
      List<Entry> differences,
      List<String> problems) {

    /** Packet numbers are null where it is in one capture alone. */
    record Entry(
        String kind,
        @Nullable Long packetA,
        @Nullable Long packetB,
        String flow,
        String text,
        List<FieldEntry> fields) {

      static Entry of(Difference difference) {
        return new Entry(
            difference.kind().label(),
            difference.a() == 0 ? null : difference.a(),
            difference.b() == 0 ? null : difference.b(),
            difference.flow(),
            difference.text(),
            difference.fields().stream()
                .map(field ->
                    new FieldEntry(
                        field.name(),
                        field.a(),
                        field.b(),
                        field.offset() < 0 ? null : field.offset()))
                .toList());
      }
    }

    record FieldEntry(String name, String a, String b, @Nullable Integer offset) {}
  }

  @Override
  public Integer call() throws CommandFailed, IOException {
    if (limit < 1 || limit > MOST_SHOWN) {
      throw CommandFailed.usage("--limit must be within 1 to " + MOST_SHOWN + ".");
    }
    var fields = new IgnoredFields();
    for (String name : ignored) {
      OptionValues.value("--ignore", name, text -> changed(fields, text, true));
    }
    for (String name : compared) {
      OptionValues.value("--compare", name, text -> changed(fields, text, false));
    }
    long tolerance = time == null ? -1 : time.toNanos();
    var options =
        new CaptureDiff.Options(
            fields, tolerance, streams, CaptureFiles.flow(flow), all ? limit : 1);
    try (CaptureReader first = open(a);
        CaptureReader second = open(b)) {
      CaptureDiff.Result result = compared(first, second, options);
      List<String> problems = new ArrayList<>();
      for (CaptureReader reader : List.of(first, second)) {
        CaptureReader.Problem problem = reader.problem();
        if (problem != null) {
          problems.add(problem.text());
        }
      }
      Shown shown = shown(result, fields, problems);
      answer(shown, text(shown, result.first()));
      problems.forEach(this::remark);
      return !result.isSame() ? ExitCode.FAILED : problems.isEmpty() ? ExitCode.OK : ExitCode.USAGE;
    }
  }

  private static IgnoredFields changed(IgnoredFields fields, String name, boolean isIgnored) {
    if (isIgnored) {
      fields.add(name);
    } else {
      fields.remove(name);
    }
    return fields;
  }

  private static CaptureReader open(Path file) throws CommandFailed {
    try {
      return CaptureReader.open(file);
    } catch (IOException e) {
      throw CommandFailed.usage(Failures.sentence(e));
    }
  }

  private CaptureDiff.Result compared(
      CaptureReader first, CaptureReader second, CaptureDiff.Options options) throws CommandFailed {
    try {
      return compare(first, second, options);
    } catch (IOException e) {
      throw CommandFailed.usage(Failures.sentence(e));
    }
  }

  private CaptureDiff.Result compare(
      CaptureReader first, CaptureReader second, CaptureDiff.Options options) throws IOException {
    var diff = new CaptureDiff(first, second, options);
    var progress =
        new Progress(surroundings().clock(), CaptureFiles.size(List.of(a, b)), this::remark);
    while (diff.step()) {
      if (progress.isDue()) {
        progress.at(diff.frames(), diff.offset());
      }
    }
    return diff.finish();
  }

  private Shown shown(CaptureDiff.Result result, IgnoredFields fields, List<String> problems) {
    return new Shown(
        "holdfast.replay-diff/1",
        a.toString(),
        b.toString(),
        result.isSame() && problems.isEmpty(),
        result.packetsA(),
        result.packetsB(),
        result.samePackets(),
        result.sameStreams(),
        result.streamBytes(),
        result.counts(),
        result.notCompared(),
        result.beyond(),
        result.undecided(),
        fields.names(),
        result.first().stream().map(Shown.Entry::of).toList(),
        problems);
  }

  // ---- as text ----

  private String text(Shown shown, List<Difference> differences) {
    var text = new StringBuilder();
    differences.forEach(each -> text.append(text(each)));
    long found = shown.counts().values().stream().mapToLong(Long::longValue).sum();
    if (found > differences.size()) {
      text.append("%d more%s\n".formatted(found - differences.size(), all ? "" : ": --all"));
    }
    if (!text.isEmpty()) {
      text.append('\n');
    }
    var facts =
        new Facts("")
            .add("A", shown.packetsA() + " IP packets, " + shown.a())
            .add("B", shown.packetsB() + " IP packets, " + shown.b())
            .add("same", same(shown))
            .add("different", different(shown));
    if (shown.undecided() > 0) {
      facts.add("undecided", shown.undecided() + " that may be behind the damage of the other");
    }
    if (shown.notCompared() > 0) {
      facts.add("not compared", Amounts.count(shown.notCompared(), "frame") + " without IP");
    }
    if (shown.beyondWindow() > 0) {
      facts.add(
          "gave up", shown.beyondWindow() + " times, as no more than 64 MiB may wait for an equal");
    }
    return text.append(facts).toString();
  }

  private static String different(Shown shown) {
    if (!shown.counts().isEmpty()) {
      return Amounts.reasons(shown.counts());
    }
    return shown.problems().isEmpty() ? "none" : "none before the damage";
  }

  private String same(Shown shown) {
    String packets = Amounts.count(shown.samePackets(), "packet");
    return streams
        ? "%s of TCP (%s), %s"
            .formatted(
                Amounts.count(shown.sameStreams(), "stream"),
                Amounts.bytes(shown.streamBytes()),
                packets)
        : packets;
  }

  private static String text(Difference difference) {
    var text = new StringBuilder(head(difference)).append(", flow ").append(difference.flow());
    if (!difference.text().isEmpty()) {
      text.append(": ").append(difference.text());
    }
    text.append('\n');
    for (Difference.Field field : difference.fields()) {
      if (field.offset() < 0) {
        text.append("  %s  %s -> %s\n".formatted(field.name(), field.a(), field.b()));
      } else {
        text.append("  %s  at byte %d\n".formatted(field.name(), field.offset()))
            .append("    A  %s\n".formatted(field.a()))
            .append("    B  %s\n".formatted(field.b()));
      }
    }
    return text.toString();
  }

  private static String head(Difference difference) {
    return switch (difference.kind()) {
      case CHANGED -> "packet %d (A) / %d (B)".formatted(difference.a(), difference.b());
      case MOVED ->
          "packet %d (A) / %d (B) stands elsewhere in its flow"
              .formatted(difference.a(), difference.b());
      case MISSING -> "packet %d (A) is missing in B".formatted(difference.a());
      case EXTRA -> "packet %d (B) is not in A".formatted(difference.b());
    };
  }
}
