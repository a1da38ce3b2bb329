package dev.holdfast.redirector.hook;

import dev.holdfast.tunnel.time.Clock;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Runs one command with a text on its standard input, for so long at most.
 *
 * <p>It has a session of its own, so that at the time limit it ends with all that it has started.
 * What it starts and leaves behind when it ends by itself stays, as somebody wanted. Of what it
 * prints the end is kept; nobody waits for who still has its output open.
 */
final class HookProcess {
  private static final int KEPT = 4096;
  private static final long TURN_MILLIS = 10;

  private HookProcess() {}

  /**
   * How it ended.
   *
   * @param result ok, failed, timed-out or not-started
   * @param exitCode null where it was not its own
   * @param output the last 4 KiB of both outputs, without control characters
   */
  record Ended(String result, @Nullable Integer exitCode, double millis, String output) {}

  static Ended run(
      List<String> command,
      byte[] input,
      Map<String, String> environment,
      Duration limit,
      Clock clock) {
    long begun = clock.nanoTime();
    Path stdin = null;
    try {
      // A file, not a pipe: nobody waits for a command that does not read. Only we may read it.
      stdin = Files.createTempFile("holdfast-hook-", ".json");
      Files.write(stdin, input);
      List<String> inSession = new ArrayList<>(List.of("setsid"));
      inSession.addAll(command);
      ProcessBuilder builder =
          new ProcessBuilder(inSession).redirectInput(stdin.toFile()).redirectErrorStream(true);
      builder.environment().putAll(environment);
      Process process = builder.start();
      Tail tail = new Tail();
      boolean inTime = await(process, tail, begun + limit.toNanos(), clock);
      if (!inTime) {
        kill(process);
      }
      tail.takeAll(process.getInputStream());
      double millis = (clock.nanoTime() - begun) / 1e6;
      if (!inTime) {
        return new Ended("timed-out", null, millis, tail.text());
      }
      int code = process.exitValue();
      return new Ended(code == 0 ? "ok" : "failed", code, millis, tail.text());
    } catch (IOException e) {
      return new Ended(
          "not-started", null, (clock.nanoTime() - begun) / 1e6, String.valueOf(e.getMessage()));
    } finally {
      remove(stdin);
    }
  }

  private static void remove(@Nullable Path file) {
    try {
      if (file != null) {
        Files.deleteIfExists(file);
      }
    } catch (IOException e) {
      // It is in the folder for temporary files.
    }
  }

  /** False when the time was over, or the daemon stops. */
  private static boolean await(Process process, Tail tail, long deadline, Clock clock)
      throws IOException {
    try {
      while (!process.waitFor(TURN_MILLIS, TimeUnit.MILLISECONDS)) {
        tail.takeAll(process.getInputStream());
        if (clock.nanoTime() - deadline >= 0) {
          return false;
        }
      }
      return true;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /** Everybody in its session's process group, and its children elsewhere. */
  private static void kill(Process process) throws IOException {
    process.descendants().forEach(ProcessHandle::destroyForcibly);
    Process killer =
        new ProcessBuilder("/bin/sh", "-c", "kill -s KILL -- -" + process.pid())
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    boolean asked = process.toHandle().destroyForcibly(); // Process itself would close its streams
    try {
      boolean unused =
          asked && killer.waitFor(1, TimeUnit.SECONDS) && process.waitFor(1, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** The end of an output. */
  private static final class Tail {
    private final byte[] kept = new byte[2 * KEPT];
    private final byte[] buffer = new byte[8192];
    private int length;

    /** Takes what is there, and waits for nothing. */
    void takeAll(InputStream in) throws IOException {
      for (int there = in.available(); there > 0; there = in.available()) {
        int count = in.read(buffer, 0, Math.min(there, buffer.length));
        if (count <= 0) {
          return;
        }
        add(Math.max(0, count - KEPT), count);
      }
    }

    private void add(int from, int to) {
      int count = to - from;
      if (length + count > kept.length) {
        int keep = Math.min(length, KEPT);
        System.arraycopy(kept, length - keep, kept, 0, keep);
        length = keep;
      }
      System.arraycopy(buffer, from, kept, length, count);
      length += count;
    }

    String text() {
      byte[] end = Arrays.copyOfRange(kept, Math.max(0, length - KEPT), length);
      return new String(end, StandardCharsets.UTF_8)
          .replace("\r\n", "\n")
          .replaceAll("[\\p{Cntrl}&&[^\n\t]]", "?")
          .strip();
    }
  }
}
