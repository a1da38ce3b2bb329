package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.capturefile.CapturePoint;
import dev.holdfast.redirector.capturefile.CaptureReader;
import dev.holdfast.redirector.capturefile.MergedCaptures;
import dev.holdfast.redirector.capturefile.PcapNgWriter;
import dev.holdfast.redirector.fixture.FixtureOptions;
import dev.holdfast.redirector.fixture.FixtureRecorder;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.zip.GZIPOutputStream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code holdfast replay record}: an anonymised fixture of a capture. */
@Command(
    name = "record",
    description = {
      "Makes a capture that may be shown: no address, name or payload of the original is in it.",
      "Addresses become documentation addresses (192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24,",
      "2001:db8::/32; beyond 762 of IPv4 198.18.0.0/15), MAC addresses 02:00:00:00:00:01 and on, the",
      "same in all files. Payload becomes a pattern that depends on its place in the stream alone.",
      "Lengths, ports, sequence numbers, TCP options and VLAN tags stay; checksums are made right.",
      "What is not IP, and ICMP about addresses, is left out. Several files are joined by time.",
      "Equal input gives equal output, byte for byte. Memory depends on the number of addresses."
    },
    sortOptions = false,
    footerHeading = "%nExamples:%n",
    footer = {
      "  holdfast replay record trace.pcap -o web1.pcapng.gz --old 10.1.0.10",
      "  holdfast replay record old-site.pcapng new-site.pcapng -o move.pcapng --force \\",
      "      --old 10.1.0.10 --old fd00:1::10 --map-ports",
      "  holdfast replay record trace.pcap -o bug.pcapng --flow 10.9.0.2:40000,10.1.0.10:80 \\",
      "      --from 12.5s --until packet:34000 --raw"
    })
final class ReplayRecord extends Verb {
  private static final int BUFFER = 1 << 16;
  private static final String STANDARD_OUTPUT = "-";

  @Parameters(
      arity = "1..*",
      paramLabel = "IN",
      description = "Captures: pcap or pcapng, also by gzip.")
  private List<Path> inputs = List.of();

  @Option(
      names = {"-o", "--output"},
      required = true,
      paramLabel = "OUT",
      description = "pcapng file; by gzip where it ends in .gz; - for standard output.")
  private String output = "";

  @Option(names = "--force", description = "Overwrites OUT.")
  private boolean force;

  @Option(
      names = "--old",
      split = ",",
      hideParamSyntax = true,
      paramLabel = "ADDRESS",
      description = "The guest's address becomes 192.0.2.10, or 2001:db8::10: one of each family.")
  private List<String> olds = List.of();

  @Option(
      names = "--keep-address",
      split = ",",
      hideParamSyntax = true,
      paramLabel = "PREFIX",
      description = "An address or prefix that stays as it is; may be given several times.")
  private List<String> kept = List.of();

  @Option(names = "--map-ports", description = "Ports from 32768 on become others, one for each.")
  private boolean mapPorts;

  @Option(names = "--raw", description = "Without link-layer headers and padding: raw IP.")
  private boolean raw;

  @Option(
      names = "--keep-time",
      description = "Times stay. Default: the first packet is at 2000-01-01, 0 h UTC.")
  private boolean keepTime;

  @Option(
      names = "--flow",
      paramLabel = "FLOW",
      description =
          "Only packets between these ends, and ICMP errors about them: PROTOCOL END END with commas,"
              + " such as tcp,10.9.0.2:40000,10.1.0.10:80, or less of it.")
  private @Nullable String flow;

  @Option(
      names = "--from",
      paramLabel = "POINT",
      converter = ReplayTimes.Point.class,
      description = "Only from there on: 12.5s after the first packet, or packet:340.")
  private @Nullable CapturePoint from;

  @Option(
      names = "--until",
      paramLabel = "POINT",
      converter = ReplayTimes.Point.class,
      description = "Only until there, included.")
  private @Nullable CapturePoint until;

  @Option(names = "--count", paramLabel = "N", description = "No more than so many packets.")
  private @Nullable Long count;

  /**
   * {@code replay record --json}.
   *
   * @param schema "holdfast.replay-record/1"
   * @param leftOut packets by reason
   * @param olds what the guest's addresses are in the fixture
   * @param backwards packets that were captured before one that stands before them
   * @param problems why reading of a file ended before the file did
   */
  record Summary(
      String schema,
      List<String> inputs,
      String output,
      long packetsRead,
      long packetsWritten,
      long bytesWritten,
      Map<String, Long> leftOut,
      int addresses,
      int macAddresses,
      List<String> olds,
      long backwards,
      List<Problem> problems) {

    record Problem(long offset, String text) {}

    String text() {
      return new Facts("")
          .add("written", output)
          .add(
              "packets",
              "%d of %d, %s".formatted(packetsWritten, packetsRead, Amounts.bytes(bytesWritten)))
          .add("left out", Amounts.reasons(leftOut))
          .add(
              "stand-ins",
              addresses
                  + (addresses == 1 ? " address, " : " addresses, ")
                  + macAddresses
                  + (macAddresses == 1 ? " MAC address" : " MAC addresses"))
          .add("guest", String.join(", ", olds))
          .add("time runs back", backwards == 0 ? "" : Amounts.count(backwards, "packet"))
          .toString();
    }
  }

  @Override
  public Integer call() throws CommandFailed, IOException {
    FixtureOptions options = options();
    if (inputs.size() > MergedCaptures.MOST) {
      throw CommandFailed.usage(
          "%d files are more than the %d that are read at once: join them first, for example with"
                  .formatted(inputs.size(), MergedCaptures.MOST)
              + " mergecap.");
    }
    if (output.equals(STANDARD_OUTPUT)) {
      if (json()) {
        throw CommandFailed.usage(
            "With -o - the fixture is on standard output, where --json would be: leave one out.");
      }
      return report(toStandardOutput(options));
    }
    return report(toFile(options, FileOption.of(output)));
  }

  private FixtureOptions options() throws CommandFailed {
    List<IpAddress> guest = new ArrayList<>();
    for (String old : olds) {
      IpAddress address = OptionValues.value("--old", old, IpAddress::parse);
      for (IpAddress other : guest) {
        if (other.isV4() == address.isV4()) {
          throw CommandFailed.usage(
              "--old: %s and %s are of one family, and one of each can be the guest's."
                  .formatted(other, address));
        }
      }
      guest.add(address);
    }
    List<IpPrefix> stay = new ArrayList<>();
    for (String each : kept) {
      stay.add(OptionValues.value("--keep-address", each, IpPrefix::parse));
    }
    if (count != null && count < 1) {
      throw CommandFailed.usage("--count must be at least 1.");
    }
    return new FixtureOptions(
        guest,
        stay,
        mapPorts,
        raw,
        keepTime,
        CaptureFiles.flow(flow),
        from,
        until,
        count == null ? Long.MAX_VALUE : count);
  }

  // ---- where to ----

  private Summary toStandardOutput(FixtureOptions options) throws CommandFailed, IOException {
    return record(options, new BufferedOutputStream(System.out, BUFFER));
  }

  /** It has its name once it is whole, so that nobody finds half of one. */
  private Summary toFile(FixtureOptions options, Path file) throws CommandFailed, IOException {
    OutputFile.check(file, force, inputs);
    if (Files.exists(file) && !Files.isRegularFile(file)) {
      try (OutputStream out = Files.newOutputStream(file)) { // a device or a pipe is never replaced
        return record(options, buffered(out));
      }
    }
    Path unfinished =
        file.resolveSibling(
            "." + file.getFileName() + "." + ProcessHandle.current().pid() + ".part");
    try {
      Summary summary;
      try (OutputStream out = Files.newOutputStream(unfinished)) {
        summary = record(options, file.toString().endsWith(".gz") ? packed(out) : buffered(out));
      }
      Files.move(unfinished, file, StandardCopyOption.REPLACE_EXISTING);
      return summary;
    } finally {
      Files.deleteIfExists(unfinished);
    }
  }

  private static OutputStream buffered(OutputStream out) {
    return new BufferedOutputStream(out, BUFFER);
  }

  private static OutputStream packed(OutputStream out) throws IOException {
    return buffered(new GZIPOutputStream(out, BUFFER));
  }

  // ---- from what ----

  private Summary record(FixtureOptions options, OutputStream out)
      throws CommandFailed, IOException {
    try (MergedCaptures captures = open()) {
      var writer = new PcapNgWriter(out, "holdfast " + Version.text());
      var recorder = new FixtureRecorder(options, writer);
      var progress = new Progress(surroundings().clock(), CaptureFiles.size(inputs), this::remark);
      while (!recorder.isOver() && captures.next()) {
        recorder.add(captures.frame(), captures.file());
        if (progress.isDue()) {
          progress.at(recorder.read(), captures.offset());
        }
      }
      recorder.finish();
      if (recorder.written() == 0) {
        throw CommandFailed.failed(nothing(recorder, captures.problems()));
      }
      writer.close();
      return new Summary(
          "holdfast.replay-record/1",
          inputs.stream().map(Path::toString).toList(),
          output,
          recorder.read(),
          recorder.written(),
          writer.written(),
          recorder.leftOut(),
          recorder.addresses(),
          recorder.macs(),
          options.olds().stream().map(old -> FixtureRecorder.standInForOld(old.isV4())).toList(),
          captures.backwards(),
          captures.problems().stream()
              .map(each -> new Summary.Problem(each.offset(), each.text()))
              .toList());
    }
  }

  private MergedCaptures open() throws CommandFailed {
    try {
      return MergedCaptures.open(inputs);
    } catch (IOException e) {
      throw CommandFailed.usage(String.valueOf(e.getMessage()));
    }
  }

  private static String nothing(FixtureRecorder recorder, List<CaptureReader.Problem> problems) {
    String why =
        recorder.read() == 0
            ? "there are no packets."
            : "none of %s can be taken (%s)."
                .formatted(
                    Amounts.count(recorder.read(), "packet"), Amounts.reasons(recorder.leftOut()));
    StringBuilder text = new StringBuilder("Nothing was written: ").append(why);
    problems.forEach(each -> text.append(' ').append(each.text()));
    return text.toString();
  }

  private int report(Summary summary) {
    if (output.equals(STANDARD_OUTPUT)) {
      remark(summary.text().stripTrailing());
    } else {
      answer(summary, summary.text());
    }
    for (Summary.Problem each : summary.problems()) {
      remark(each.text());
    }
    if (!summary.problems().isEmpty()) {
      remark("Everything before that is in the fixture.");
      return ExitCode.PARTLY_DONE;
    }
    return ExitCode.OK;
  }
}
