package dev.holdfast.golden;

import dev.holdfast.redirector.capturefile.CaptureReader;
import dev.holdfast.redirector.capturefile.Frame;
import dev.holdfast.redirector.capturefile.PcapNgWriter;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;

/**
 * The folder of one case.
 *
 * <pre>
 *  capture.*          what was recorded
 *  how.md             how, what is special in it, which moments show much
 *  connections.toml   every connection with its bytes each way, read off the capture
 *  case.toml          the capture's facts; from {@link #BY_HAND} on it is written by hand
 * </pre>
 */
final class CaseFolder {
  static final String HOW = "how.md";
  static final String CONNECTIONS = "connections.toml";
  static final String CASE = "case.toml";
  static final String MADE_BY = "./verify --suite golden --keep";

  /** What stands below stays when a capture is made anew. */
  static final String BY_HAND = "# Written by hand from here on.";

  private final Path folder;

  CaseFolder(Path folder) {
    this.folder = folder;
  }

  /** Its one capture, whatever its form. */
  Path capture() throws IOException {
    List<Path> found = captures(folder);
    if (found.size() != 1) {
      throw new AssertionError(folder + " has not one capture: " + found);
    }
    return found.getFirst();
  }

  private static List<Path> captures(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.filter(file -> file.getFileName().toString().startsWith("capture.")).toList();
    }
  }

  private static void deleteCaptures(Path folder) throws IOException {
    for (Path each : captures(folder)) {
      Files.delete(each);
    }
  }

  /**
   * Writes all of it.
   *
   * @return what the case has read in the very file that stands there now
   * @throws AssertionError where the capture does not have what the case is for
   */
  Reading write(GoldenCase wanted, List<Recording> recordings) throws IOException {
    Files.createDirectories(folder);
    deleteCaptures(folder);
    Path file = folder.resolve(wanted.form().file());
    write(file, wanted, recordings, Map.of());
    Reading reading = wanted.read(Capture.of(file));
    write(file, wanted, recordings, reading.comments());
    Capture capture = Capture.of(file);
    Files.writeString(folder.resolve(HOW), how(wanted, recordings, capture, reading));
    Files.writeString(folder.resolve(CONNECTIONS), connections(capture));
    Files.writeString(folder.resolve(CASE), facts(wanted, capture, reading) + BY_HAND + "\n");
    return reading;
  }

  private record Stored(long epochNanos, int interfaceNumber, byte[] bytes) {}

  private static void write(
      Path file, GoldenCase wanted, List<Recording> recordings, Map<Long, String> comments)
      throws IOException {
    if (wanted.form().isAsRecorded()) {
      Files.copy(recordings.getFirst().file(), file, StandardCopyOption.REPLACE_EXISTING);
      return;
    }
    OutputStream out = Files.newOutputStream(file);
    if (wanted.form() == Form.PCAPNG_GZ) {
      out = new GZIPOutputStream(out);
    }
    try (var writer = new PcapNgWriter(out, "tcpdump, and the tests of holdfast")) {
      List<Stored> all = new ArrayList<>();
      for (Recording each : recordings) {
        int number = -1;
        try (CaptureReader reader = CaptureReader.open(each.file())) {
          while (reader.next()) {
            Frame frame = reader.frame();
            if (number < 0) {
              number = writer.describe(each.device(), each.whose(), frame.linkType(), 0);
            }
            int from = frame.offset();
            byte[] bytes = Arrays.copyOfRange(frame.array(), from, from + frame.length());
            all.add(new Stored(frame.epochNanos(), number, bytes));
          }
        }
      }
      all.sort(Comparator.comparingLong(Stored::epochNanos)); // stable: each stays as it was
      long number = 0;
      for (Stored each : all) {
        String comment = comments.getOrDefault(++number, "");
        writer.packet(
            each.interfaceNumber,
            each.epochNanos,
            ByteBuffer.wrap(each.bytes),
            each.bytes.length,
            comment);
      }
    }
  }

  private static String how(
      GoldenCase wanted, List<Recording> recordings, Capture capture, Reading reading)
      throws IOException {
    var text = new StringBuilder("# " + wanted.name() + "\n\n" + wanted.how() + "\n");
    String where =
        recordings.stream()
            .map(each -> "`" + each.command("capture.pcap") + "` at " + each.whose())
            .collect(Collectors.joining(" and "));
    text.append(
        "Recorded by %s, on Linux %s: %d packets in %.1f s (%s).%n"
            .formatted(
                where,
                kernel(),
                capture.packets().size(),
                capture.seconds(),
                capture.description()));
    text.append("Old addresses: %s. A move shows most at\n".formatted(old(reading)));
    for (Reading.Moment each : reading.moments()) {
      text.append("- `packet:%d`: %s.%n".formatted(each.packet(), each.why()));
    }
    text.append("\nMade by `%s` (`%s`).%n".formatted(MADE_BY, wanted.getClass().getSimpleName()));
    return text.toString();
  }

  /** Major and minor version: the rest is the machine's. */
  private static String kernel() throws IOException {
    String[] parts = Files.readString(Path.of("/proc/sys/kernel/osrelease")).split("\\.", 3);
    return parts[0] + "." + parts[1];
  }

  private static String old(Reading reading) {
    return reading.old().stream().map(Object::toString).collect(Collectors.joining(", "));
  }

  private static String facts(GoldenCase wanted, Capture capture, Reading reading) {
    return """
    capture = "%s"
    packets = %d
    seconds = %.3f
    old     = [%s]
    made-by = "%s"
    moments = [%s]    # how.md says what is under way then

    """
        .formatted(
            wanted.form().file(),
            capture.packets().size(),
            capture.seconds(),
            reading.old().stream()
                .map(each -> "\"" + each + "\"")
                .collect(Collectors.joining(", ")),
            MADE_BY,
            reading.moments().stream()
                .map(each -> "\"packet:" + each.packet() + "\"")
                .collect(Collectors.joining(", ")));
  }

  /** As {@link #CONNECTIONS} has it. */
  static String connections(Capture capture) {
    var text =
        new StringBuilder(
            """
            # Read off the capture. Bytes are counted once, however often they were sent; of TCP and UDP, without headers.
            """);
    for (SeenConnection each : capture.connections()) {
      text.append(
          """

          [[connection]]
          protocol     = "%s"
          from         = "%s"
          to           = "%s"
          begins       = "%s"
          ends         = "%s"
          packets      = %d
          bytes-there  = %d
          bytes-back   = %d
          first-packet = %d
          last-packet  = %d
          """
              .formatted(
                  each.isTcp() ? "tcp" : "udp",
                  end(each.from().toString(), each.fromPort()),
                  end(each.to().toString(), each.toPort()),
                  each.isTcp() ? each.begins() : "datagram",
                  each.isTcp() ? each.ends() : "open",
                  each.packets().size(),
                  each.bytesThere(),
                  each.bytesBack(),
                  each.packets().getFirst().number,
                  each.packets().getLast().number));
      if (each.there().repeats() + each.back().repeats() > 0) {
        text.append(
            String.format(
                Locale.ROOT,
                "repeated     = { there = %d, back = %d }    # bytes that were seen before%n",
                each.there().repeatedBytes(),
                each.back().repeatedBytes()));
      }
    }
    return text.toString();
  }

  private static String end(String address, int port) {
    return (address.contains(":") ? "[" + address + "]" : address) + ":" + port;
  }

  /** Puts what is here into the tree; what somebody has written by hand there stays. */
  void copyTo(CaseFolder tree) throws IOException {
    Files.createDirectories(tree.folder);
    deleteCaptures(tree.folder);
    for (Path file : List.of(capture(), folder.resolve(HOW), folder.resolve(CONNECTIONS))) {
      Files.copy(
          file, tree.folder.resolve(file.getFileName()), StandardCopyOption.REPLACE_EXISTING);
    }
    String facts = Files.readString(folder.resolve(CASE));
    Path kept = tree.folder.resolve(CASE);
    String byHand = Files.exists(kept) ? Files.readString(kept).split(BY_HAND, 2)[1] : "\n";
    Files.writeString(kept, facts.strip() + byHand);
  }
}
