package dev.holdfast.redirector.replay.live;

import dev.holdfast.redirector.replay.LiveFailed;
import dev.holdfast.tunnel.time.Clock;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;

/** A command of the user's that moves the guest, while the replay goes on. */
final class StepCommand implements AutoCloseable {
  private static final long LIMIT_NANOS = 60_000_000_000L;
  private static final int SHOWN_BYTES = 2_000;

  private final String option;
  private final String command;
  private final Process process;
  private final Path printed;
  private final Clock clock;
  private final long begun;
  private final CompletableFuture<Void> onEnd;

  private StepCommand(
      String option, String command, Process process, Path printed, Clock clock, Runnable wake) {
    this.option = option;
    this.command = command;
    this.process = process;
    this.printed = printed;
    this.clock = clock;
    begun = clock.nanoTime();
    onEnd = process.onExit().thenRun(wake);
  }

  /**
   * Starts it by {@code sh -c}.
   *
   * @param option that it was given by
   * @param wake called by another thread when it has ended
   */
  static StepCommand start(String option, String command, Clock clock, Runnable wake) {
    try {
      // To a file, not a pipe: who reads a pipe waits for every child that has it open.
      Path printed = Files.createTempFile("holdfast-replay-", ".txt");
      Process process =
          new ProcessBuilder("/bin/sh", "-c", command)
              .redirectErrorStream(true)
              .redirectInput(ProcessBuilder.Redirect.from(new File("/dev/null")))
              .redirectOutput(printed.toFile())
              .start();
      return new StepCommand(option, command, process, printed, clock, wake);
    } catch (IOException e) {
      throw new LiveFailed("The command of " + option + " cannot be run: " + e.getMessage());
    }
  }

  /**
   * Whether it has ended well.
   *
   * @throws LiveFailed when it has not, or takes too long
   */
  boolean isDone() {
    if (process.isAlive()) {
      if (clock.nanoTime() - begun > LIMIT_NANOS) {
        throw new LiveFailed(
            "The command of %s has not ended within %d s: %s"
                .formatted(option, LIMIT_NANOS / 1_000_000_000, command));
      }
      return false;
    }
    if (process.exitValue() != 0) {
      throw new LiveFailed(
          "The command of %s ended with status %d, and the guest was not moved: %s%n%s"
              .formatted(option, process.exitValue(), command, said())
              .strip());
    }
    return true;
  }

  private String said() {
    try {
      byte[] bytes = Files.readAllBytes(printed);
      return new String(
          Arrays.copyOfRange(bytes, Math.max(0, bytes.length - SHOWN_BYTES), bytes.length),
          StandardCharsets.UTF_8);
    } catch (IOException e) {
      return "";
    }
  }

  /** Ends it, should it still run. */
  @Override
  public void close() {
    onEnd.cancel(false);
    process.descendants().forEach(ProcessHandle::destroyForcibly);
    process.destroyForcibly();
    File file = printed.toFile();
    boolean unused = file.delete();
  }
}
