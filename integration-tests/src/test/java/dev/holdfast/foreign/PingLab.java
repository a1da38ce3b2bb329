package dev.holdfast.foreign;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.lab.Namespace;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * Pings to be captured, of both families, whole and in fragments.
 *
 * <pre>
 *   left (10.71.0.1, fd71::1) left0 ---- right0 (10.71.0.2, fd71::2) right
 * </pre>
 */
final class PingLab implements AutoCloseable {
  private final Namespace left = Namespace.create("left");
  private final Namespace right = Namespace.create("right");

  PingLab() throws Exception {
    Namespace.connect(left, "left0", right, "right0");
    left.ip("addr add 10.71.0.1/24 dev left0");
    right.ip("addr add 10.71.0.2/24 dev right0");
    left.ip("addr add fd71::1/64 dev left0 nodad");
    right.ip("addr add fd71::2/64 dev right0 nodad");
  }

  /**
   * Pings while a program captures on the left.
   *
   * @param words gets what it says
   * @param ready what it says when it captures
   * @param program with its arguments; ends when it is asked to
   */
  void capture(Path words, String ready, List<String> program) throws Exception {
    List<String> command = new ArrayList<>(List.of("nsenter", "--net=/run/netns/" + left.name()));
    command.addAll(program);
    Process process =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(words.toFile())
            .start();
    try {
      long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
      while (!Files.readString(words).contains(ready)) {
        assertThat(process.isAlive() && System.nanoTime() < deadline)
            .as("%s: %s", program.getFirst(), Files.readString(words))
            .isTrue();
        Thread.sleep(10);
      }
      for (String size : List.of("56", "1400", "4000")) {
        ping("-s", size, "10.71.0.2");
        ping("-s", size, "fd71::2");
      }
      ping("127.0.0.1");
      Thread.sleep(500); // the last ones are on their way through the program
    } finally {
      process.destroy();
      assertThat(process.waitFor(10, TimeUnit.SECONDS)).isTrue();
    }
  }

  private void ping(String... arguments) throws Exception {
    List<String> command = new ArrayList<>(List.of("ping", "-q", "-c3", "-i0.01"));
    command.addAll(List.of(arguments));
    String unused = left.run(command.toArray(String[]::new));
  }

  @Override
  public void close() throws Exception {
    right.close();
    left.close();
  }
}
