package dev.holdfast.redirector.demo.lab;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Runs a program to its end and gives what it printed. */
public final class Tool {

  /** Longer than any of them takes on a busy machine; beyond it something hangs. */
  private static final long LIMIT_SECONDS = 60;

  private Tool() {}

  /**
   * Runs {@code command} without input.
   *
   * @return what it printed to its standard output
   * @throws IOException with the program's own words when it cannot be started, fails or hangs
   */
  public static String run(List<String> command) throws IOException {
    return run(command, "");
  }

  /** Like {@link #run(List)}, with {@code input} as its standard input. */
  public static String run(List<String> command, String input) throws IOException {
    Process process = new ProcessBuilder(command).start();
    try {
      var out = new Collected(process.getInputStream(), "output of " + command.getFirst());
      var err = new Collected(process.getErrorStream(), "errors of " + command.getFirst());
      try (var stdin = process.getOutputStream()) {
        stdin.write(input.getBytes(StandardCharsets.UTF_8));
      } catch (IOException e) {
        // It ended without reading: its exit code and its own words say more than "broken pipe".
      }
      if (!process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS)) {
        throw new IOException(String.join(" ", command) + " did not end");
      }
      if (process.exitValue() != 0) {
        throw new IOException(failure(command, input, process.exitValue(), err.text()));
      }
      return out.text();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while waiting for " + command.getFirst(), e);
    } finally {
      process.destroyForcibly();
    }
  }

  private static String failure(List<String> command, String input, int status, String words) {
    var text = new StringBuilder(String.join(" ", command));
    text.append(" failed (").append(status).append("): ").append(words.strip());
    if (!input.isEmpty()) {
      text.append("; its input was:\n").append(input);
    }
    return text.toString();
  }

  /** Reads a stream to its end beside the program, which would block on a full pipe. */
  private static final class Collected {
    private final Thread reader;
    private volatile String text = "";

    Collected(InputStream from, String name) {
      reader =
          Thread.ofVirtual()
              .name(name)
              .start(() -> {
                try (from) {
                  text = new String(from.readAllBytes(), StandardCharsets.UTF_8);
                } catch (IOException e) {
                  text = "(unreadable: " + e.getMessage() + ")";
                }
              });
    }

    String text() throws InterruptedException {
      reader.join();
      return text;
    }
  }
}
