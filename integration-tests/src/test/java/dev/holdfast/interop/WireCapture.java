package dev.holdfast.interop;

import dev.holdfast.lab.Namespace;
import dev.holdfast.redirector.demo.lab.Tool;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;

/** What passes an interface, by tcpdump. */
final class WireCapture implements AutoCloseable {
  /** Of what tcpdump says; sums are hexadecimal digits and may end in "bad". */
  private static final Pattern FAULT = Pattern.compile("incorrect|wrong|(?<![0-9a-f])bad[ -]");

  /** Bytes of a packet that are kept: all of them, in a LAN. */
  private static final String SNAPLEN = "2000";

  private static final String BUFFER_KIB = "65536";

  private final Path file;
  private final Path words;
  private final Process tcpdump;

  private WireCapture(Path file, Path words, Process tcpdump) {
    this.file = file;
    this.words = words;
    this.tcpdump = tcpdump;
  }

  /** Begins; whatever passes when this has returned is seen. */
  static WireCapture of(Namespace where, String device, Path folder)
      throws IOException, InterruptedException {
    Path file = Files.createTempFile(folder, device, ".pcap");
    Path words = Files.createTempFile(folder, device, ".words");
    Process tcpdump =
        new ProcessBuilder(
                "nsenter",
                "--net=/run/netns/" + where.name(),
                "tcpdump",
                "-i",
                device,
                "-w",
                file.toString(),
                "-s",
                SNAPLEN,
                "-B",
                BUFFER_KIB,
                "-U",
                "--immediate-mode",
                "-Z",
                "root")
            .redirectErrorStream(true)
            .redirectOutput(words.toFile())
            .start();
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (!Files.readString(words).contains("listening on")) {
      if (System.nanoTime() > deadline || !tcpdump.isAlive()) {
        tcpdump.destroyForcibly().waitFor();
        throw new IOException("tcpdump does not listen: " + Files.readString(words));
      }
      Thread.sleep(5);
    }
    return new WireCapture(file, words, tcpdump);
  }

  /**
   * What has passed so far and fits a filter, as {@code tcpdump -v} prints it.
   *
   * @param filter as in pcap-filter(7)
   * @param expected packets; tcpdump may be late, so that many are waited for
   */
  List<String> packets(String filter, int expected) throws IOException, InterruptedException {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
    while (true) {
      List<String> packets = read("-v", filter);
      if (packets.size() >= expected || System.nanoTime() > deadline) {
        return packets;
      }
      Thread.sleep(20);
    }
  }

  /**
   * What of all that has passed tcpdump finds fault with: wrong sums of any layer, lengths that
   * cannot be.
   */
  List<String> faults() throws IOException {
    return read("-vv", "").stream().filter(packet -> FAULT.matcher(packet).find()).toList();
  }

  /** One text a packet: its first line begins with no blank. */
  private List<String> read(String verbosity, String filter) throws IOException {
    String printed =
        Tool.run(List.of("tcpdump", "-nn", "-t", verbosity, "-r", file.toString(), filter));
    List<String> packets = new ArrayList<>();
    for (String line : printed.lines().toList()) {
      if (packets.isEmpty() || !Character.isWhitespace(line.charAt(0))) {
        packets.add(line);
      } else {
        packets.add(packets.removeLast() + "\n" + line);
      }
    }
    return packets;
  }

  /** Ends it; what has passed can still be read. */
  @Override
  public void close() throws IOException, InterruptedException {
    tcpdump.destroy();
    if (!tcpdump.waitFor(10, TimeUnit.SECONDS)) {
      tcpdump.destroyForcibly().waitFor();
    }
    if (!Files.readString(words).contains("0 packets dropped by kernel")) {
      throw new IOException("tcpdump has not seen everything: " + Files.readString(words));
    }
  }
}
