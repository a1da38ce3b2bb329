package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.capturefile.PcapNgBlocks;
import dev.holdfast.redirector.cli.CaptureSummary.PlaceSummary;
import dev.holdfast.redirector.control.CaptureStream;
import dev.holdfast.redirector.control.Json;
import dev.holdfast.redirector.migration.CaptureRequest;
import dev.holdfast.redirector.migration.RequestRefused;
import dev.holdfast.redirector.tap.FlowTerm;
import dev.holdfast.redirector.tap.Limits;
import dev.holdfast.tunnel.device.PcapExpression;
import dev.holdfast.tunnel.packet.FilterProgram;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** {@code holdfast capture}: what passes a running daemon, for Wireshark. */
@Command(
    name = "capture",
    description = {
      "Records the packets that pass the running daemon as pcapng, until Ctrl-C.",
      "Each packet has a comment: what became of it, by which rule, its migration, flow and state;"
          + " dropped ones too, with the reason. The tunnel never waits for it: what is not taken"
          + " in time is missing in the file, and counted."
    },
    sortOptions = false,
    footerHeading = "%nExamples:%n",
    footer = {
      "  holdfast capture -o web1.pcapng --migration web1",
      "  holdfast capture -o - | wireshark -k -i - -X lua_script:conf/wireshark/holdfast.lua",
      "  holdfast capture --point held --point inner --duration 30s",
      "  holdfast capture --flow 'tcp 10.1.0.10:443 10.9.0.2:50123' --count 1000",
      "  holdfast capture --filter 'tcp[tcpflags] & (tcp-syn|tcp-rst) != 0' --point inner",
      "  holdfast capture -o trace.pcapng --snaplen 128 --rotate-size 64MiB --keep 10"
    },
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "0:the file is whole, whoever has ended the capture",
      "1:it cannot be written, or the daemon has vanished; what there is can be read",
      "2:wrong usage: a filter, a flow, or a file that is there already",
      "3:the daemon is not running",
      "4:no such migration, or it has ended; or too many captures run"
    })
final class CaptureCommand extends Verb {
  private static final DateTimeFormatter NOW =
      DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss", Locale.ROOT);
  private static final long TELL_NANOS = 1_000_000_000L;
  private static final long LINE_NANOS = 10_000_000_000L;
  private static final long END_SECONDS = 10;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "FILE",
      description =
          "Where to write; - for standard output. Default: holdfast-DATE-TIME.pcapng, here.")
  private @Nullable String output;

  @Option(names = "--force", description = "Write over files that are there.")
  private boolean force;

  @Option(
      names = "--point",
      split = ",",
      hideParamSyntax = true,
      paramLabel = "POINT",
      converter = PointOption.class,
      description = {
        "outer (what is sent between the hosts: IP-in-IP packets, or TLS frames before encryption),"
            + " inner (what goes into the tunnel and comes out) or held (what enters and leaves"
            + " the hold queue and the stage); may be given several times.",
        "Default: all."
      })
  private List<String> points = List.of();

  @Option(
      names = "--migration",
      split = ",",
      hideParamSyntax = true,
      paramLabel = "ID",
      description = "Of this migration alone, by id or name; may be given several times.")
  private List<String> migrations = List.of();

  @Option(
      names = "--flow",
      paramLabel = "FLOW",
      description =
          "Of this connection alone, as flow list shows it: 'tcp ADDRESS:PORT ADDRESS:PORT'; may be"
              + " given several times.")
  private List<String> flows = List.of();

  @Option(
      names = "--filter",
      paramLabel = "EXPRESSION",
      description = "Inner packets that match, as pcap-filter(7) has it; for tcpdump's users.")
  private @Nullable String filter;

  @Option(
      names = "--snaplen",
      paramLabel = "BYTES",
      description = "Keep the first BYTES of each packet. Default: all.")
  private @Nullable Integer snapLength;

  @Option(
      names = "--sample",
      paramLabel = "N",
      description = "Keep one of N packets of what is left by the options above.")
  private @Nullable Integer sample;

  @Option(names = "--count", paramLabel = "N", description = "End after N packets.")
  private @Nullable Long count;

  @Option(
      names = "--duration",
      paramLabel = "TIME",
      converter = TimeOption.class,
      description = "End after that, such as 30s or 10m.")
  private @Nullable Duration duration;

  @Option(
      names = "--rotate-size",
      paramLabel = "SIZE",
      converter = SizeOption.class,
      description = "Begin the next file at that size, such as 64MiB: FILE-00001, FILE-00002, ...")
  private @Nullable Long rotateSize;

  @Option(
      names = "--rotate-time",
      paramLabel = "TIME",
      converter = TimeOption.class,
      description = "Begin the next file after that, when there is a packet for it.")
  private @Nullable Duration rotateTime;

  @Option(
      names = "--keep",
      paramLabel = "N",
      description = "With rotation: keep the last N files, and delete older ones of this capture.")
  private @Nullable Integer keep;

  @Option(
      names = "--buffer",
      paramLabel = "SIZE",
      converter = SizeOption.class,
      description = "How much may wait in the daemon for this program. Default: 16MiB.")
  private @Nullable Long buffer;

  private final List<Place> places = new ArrayList<>();
  private final CountDownLatch over = new CountDownLatch(1);
  private volatile boolean interrupted;
  private volatile String id = "";
  private long packets;
  private long told;
  private boolean isLineOpen;

  /** {@code --point}. */
  static final class PointOption implements ITypeConverter<String> {
    @Override
    public String convert(String value) {
      if (List.of("outer", "inner", "held").contains(value)) {
        return value;
      }
      throw new TypeConversionException("'" + value + "' is not one of outer, inner, held");
    }
  }

  /** One interface of the capture, and what it has come to. */
  private static final class Place {
    final String name;
    long packets;
    long lost;

    Place(String name) {
      this.name = name;
    }
  }

  @Override
  public Integer call() throws Exception {
    try (RotatedFiles files = files()) {
      CaptureStream stream = client().capture(request());
      id = stream.id();
      Thread hook = Thread.ofPlatform().name("stop").unstarted(this::stop);
      Runtime.getRuntime().addShutdownHook(hook);
      try (stream) {
        return record(stream, files);
      } finally {
        over.countDown();
        removeHook(hook);
      }
    }
  }

  private RotatedFiles files() throws CommandFailed {
    RotatedFiles.Rotation rotation = rotation();
    if ("-".equals(output)) {
      if (rotation.isOn()) {
        throw CommandFailed.usage("Standard output is one file: rotation needs -o FILE.");
      }
      if (surroundings().isTerminal()) {
        throw CommandFailed.usage(
            "A capture is not for a terminal: pipe it (-o - | wireshark -k -i -), or give -o FILE.");
      }
      return RotatedFiles.toStream(surroundings().out(), surroundings().clock());
    }
    Instant now = Instant.EPOCH.plusNanos(surroundings().clock().epochNanos());
    String name =
        output != null
            ? output
            : "holdfast-" + NOW.format(now.atZone(surroundings().zone())) + ".pcapng";
    return RotatedFiles.to(FileOption.of(name), rotation, force, surroundings().clock());
  }

  private RotatedFiles.Rotation rotation() throws CommandFailed {
    boolean rotates = rotateSize != null || rotateTime != null;
    if (keep != null && (!rotates || keep < 1)) {
      throw CommandFailed.usage(
          "--keep N is for --rotate-size and --rotate-time, and keeps at least one file.");
    }
    if (!rotates) {
      return RotatedFiles.Rotation.NONE;
    }
    long bytes = rotateSize == null ? Long.MAX_VALUE : rotateSize;
    long nanos = rotateTime == null ? Long.MAX_VALUE : rotateTime.toNanos();
    if (bytes < 4096 || nanos < 1) {
      throw CommandFailed.usage("A file of a rotation has 4KiB or more, and takes some time.");
    }
    return new RotatedFiles.Rotation(bytes, nanos, keep == null ? Integer.MAX_VALUE : keep);
  }

  /** What the daemon would refuse is refused here, whether or not it runs. */
  private CaptureRequest request() throws CommandFailed {
    try {
      Limits unused =
          new Limits(
              snapLength == null ? Limits.NONE.snapLength() : snapLength,
              count == null ? Limits.NONE.count() : count,
              duration == null ? Limits.NONE.nanos() : duration.toNanos(),
              buffer == null ? Limits.NONE.bufferBytes() : (int) Math.min(buffer, 1 << 30));
    } catch (IllegalArgumentException e) {
      throw CommandFailed.usage(String.valueOf(e.getMessage()));
    }
    if (sample != null && sample < 1) {
      throw CommandFailed.usage("--sample N keeps one of N packets, so N is 1 or more.");
    }
    for (String flow : flows) {
      FlowTerm unused = OptionValues.value("--flow", flow, FlowTerm::parse);
    }
    checkFilter();
    return new CaptureRequest(
        points,
        migrations,
        flows,
        filter,
        snapLength,
        sample,
        count,
        duration == null ? null : Math.max(1, duration.toMillis()),
        buffer == null ? null : buffer.intValue());
  }

  private void checkFilter() throws CommandFailed {
    if (filter == null || filter.isBlank()) {
      return;
    }
    try {
      FilterProgram unused = PcapExpression.compile(filter);
    } catch (PcapExpression.Malformed e) {
      throw CommandFailed.usage(e.sentence());
    } catch (IOException e) {
      return; // without the library here, the daemon says what it thinks of it
    }
  }

  private int record(CaptureStream stream, RotatedFiles files) throws CommandFailed {
    remark("Capturing; Ctrl-C ends this.");
    long began = surroundings().clock().nanoTime();
    told = began;
    String ended;
    @Nullable CommandFailed failure = null;
    try {
      copy(stream, files);
      ended = interrupted ? "interrupted" : isComplete(began) ? "complete" : "daemon-stopped";
    } catch (RotatedFiles.Unwritable e) {
      ended = "reader-gone";
      if (!files.files().isEmpty() || !isBrokenPipe(e)) {
        ended = "unwritable";
        failure = CommandFailed.failed(e.getMessage() + ".");
      }
    } catch (IOException e) {
      ended = interrupted ? "interrupted" : "daemon-vanished";
      if (!interrupted) {
        failure =
            CommandFailed.failed(
                "The daemon has vanished ("
                    + e.getMessage()
                    + "); what was captured before that can be read.");
      }
    }
    try {
      files.close();
    } catch (RotatedFiles.Unwritable e) {
      if (!isBrokenPipe(e) && failure == null) {
        failure = CommandFailed.failed(e.getMessage() + ".");
      }
    }
    tell(summary(ended, files));
    if (failure != null) {
      throw failure;
    }
    return ExitCode.OK;
  }

  private void copy(CaptureStream stream, RotatedFiles files) throws IOException {
    PcapNgBlocks blocks = new PcapNgBlocks(stream);
    while (blocks.next()) {
      count(blocks);
      files.write(blocks);
      if (stream.available() == 0) {
        files.flush();
        tellProgress(files);
      }
    }
    files.flush();
  }

  private void count(PcapNgBlocks block) {
    switch (block.kind()) {
      case INTERFACE -> places.add(new Place(block.interfaceName()));
      case PACKET -> {
        packets++;
        place(block).packets++;
      }
      case STATISTICS -> place(block).lost = block.dropped();
      default -> {}
    }
  }

  private Place place(PcapNgBlocks block) {
    int number = block.interfaceNumber();
    while (number >= places.size() && places.size() < 256) {
      places.add(new Place(""));
    }
    return places.get(Math.clamp(number, 0, places.size() - 1));
  }

  private boolean isComplete(long began) {
    return (count != null && packets >= count)
        || (duration != null
            && surroundings().clock().nanoTime() - began >= duration.toNanos() - TELL_NANOS);
  }

  private static boolean isBrokenPipe(RotatedFiles.Unwritable e) {
    return e.getCause() != null && String.valueOf(e.getCause().getMessage()).contains("roken pipe");
  }

  private CaptureSummary summary(String ended, RotatedFiles files) {
    return new CaptureSummary(
        CaptureSummary.SCHEMA,
        ended,
        files.files().stream().map(Path::toString).toList(),
        packets,
        lost(),
        files.total(),
        places.stream().map(each -> new PlaceSummary(each.name, each.packets, each.lost)).toList());
  }

  private long lost() {
    return places.stream().mapToLong(each -> each.lost).sum();
  }

  private void tell(CaptureSummary summary) {
    endLine();
    if (json() && "-".equals(output)) {
      remark(Json.line(summary));
      return;
    }
    if (json()) {
      answer(summary, "");
      return;
    }
    switch (summary.ended()) {
      case "reader-gone" -> remark("The reader of standard output has gone.");
      case "daemon-stopped" -> remark("The daemon has stopped.");
      default -> {}
    }
    StringBuilder text =
        new StringBuilder(
            Amounts.count(summary.packets(), "packet") + ", " + Amounts.bytes(summary.bytes()));
    if (!summary.files().isEmpty()) {
      text.append(summary.files().size() == 1 ? " in " : " in all; there are ")
          .append(String.join(", ", summary.files()));
    }
    text.append('.');
    for (PlaceSummary each : summary.places()) {
      if (each.packets() + each.lost() > 0) {
        text.append("%n  %-20s %s".formatted(each.name(), Amounts.count(each.packets(), "packet")));
        text.append(each.lost() == 0 ? "" : ", " + each.lost() + " lost");
      }
    }
    if (summary.lost() > 0) {
      text.append(
          "%n%s lost, since they were not taken in time: take less (--point, --filter, --snaplen), or give --buffer more."
              .formatted(Amounts.count(summary.lost(), "packet")));
    }
    if (output != null && output.equals("-")) {
      remark(text.toString());
    } else {
      line(text.toString());
    }
  }

  /** In place on a terminal, and else a line now and then. */
  private void tellProgress(RotatedFiles files) {
    long now = surroundings().clock().nanoTime();
    boolean inPlace = surroundings().isTerminal();
    if (now - told < (inPlace ? TELL_NANOS : LINE_NANOS)) {
      return;
    }
    told = now;
    long lost = lost();
    String text =
        Amounts.count(packets, "packet")
            + ", "
            + Amounts.bytes(files.total())
            + (lost == 0 ? "" : ", " + lost + " lost");
    if (inPlace) {
      spec().commandLine().getErr().print("\r" + text + "   ");
      spec().commandLine().getErr().flush();
      isLineOpen = true;
    } else {
      remark(text);
    }
  }

  private void endLine() {
    if (isLineOpen) {
      isLineOpen = false;
      remark("");
    }
  }

  /**
   * Ctrl-C: the daemon ends the stream, and what is left of it still goes into the file. In the
   * shutdown hook the exit code can only be chosen by ending at once.
   */
  private void stop() {
    interrupted = true;
    try {
      client().endCapture(id);
    } catch (IOException | RequestRefused e) {
      // It has ended already; or the daemon is gone, which the stream's reader sees.
    }
    try {
      if (over.await(END_SECONDS, TimeUnit.SECONDS)) {
        Runtime.getRuntime().halt(ExitCode.OK);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static void removeHook(Thread hook) {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // It runs, and waits for this thread's last word.
    }
  }
}
