package dev.holdfast.golden;

import dev.holdfast.redirector.demo.lab.Namespace;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** What passes an interface, whole packets, by tcpdump. */
final class Recording implements AutoCloseable {
  private static final long LAST_PACKETS_MILLIS = 400;

  private final String whose;
  private final String device;
  private final Path file;
  private final Path words;
  private final List<String> command;
  private final Process tcpdump;
  private boolean isStopped;

  /**
   * Begins; whatever passes when this has returned is recorded.
   *
   * @param whose the machine, for people
   * @param device or {@code any}
   * @param precision {@code nano} or {@code micro}
   */
  Recording(Namespace where, String whose, String device, String precision, Path file)
      throws IOException, InterruptedException {
    this.whose = whose;
    this.device = device;
    this.file = file;
    words = file.resolveSibling(file.getFileName() + ".words");
    command = new ArrayList<>(List.of("tcpdump", "-i", device));
    if (device.equals("any")) {
      command.addAll(List.of("-y", "LINUX_SLL2"));
    }
    command.addAll(List.of("-s", "0", "--time-stamp-precision=" + precision));
    List<String> all = new ArrayList<>(command);
    all.addAll(List.of("-w", file.toString(), "-B", "16384", "-U", "--immediate-mode", "-Zroot"));
    tcpdump =
        new ProcessBuilder(where.within(all.toArray(String[]::new)))
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
  }

  /** The command, with the name that the file has in the tree. */
  String command(String name) {
    return String.join(" ", command) + " -w " + name;
  }

  String whose() {
    return whose;
  }

  String device() {
    return device;
  }

  Path file() {
    return file;
  }

  /**
   * Ends it, once what has passed so far is in the file.
   *
   * @throws IOException when packets were lost on the way there
   */
  void stop() throws IOException, InterruptedException {
    if (isStopped) {
      return;
    }
    isStopped = true;
    Thread.sleep(LAST_PACKETS_MILLIS);
    close();
    if (!Files.readString(words).contains("0 packets dropped by kernel")) {
      throw new IOException("tcpdump has not seen everything: " + Files.readString(words));
    }
  }

  @Override
  public void close() throws InterruptedException {
    tcpdump.destroy();
    if (!tcpdump.waitFor(10, TimeUnit.SECONDS)) {
      tcpdump.destroyForcibly().waitFor();
    }
  }
}
