package dev.holdfast.redirector.migration;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/**
 * Runs somebody else's command for what it prints. It has 10 seconds and 16 MiB; nothing that it or
 * a child of it does keeps the caller longer.
 */
final class BoundedCommand {
  private static final int LIMIT_BYTES = 16 << 20;
  private static final int LIMIT_SECONDS = 10;

  private BoundedCommand() {}

  /**
   * Runs {@code command} by {@code sh -c} and returns its standard output.
   *
   * @param name what the command is, for the message: "the flow list command"
   * @throws IOException when it cannot be run, ends with an error, or exceeds a limit
   */
  static String output(String name, String command) throws IOException {
    return output(name, command, LIMIT_SECONDS);
  }

  static String output(String name, String command, int seconds) throws IOException {
    // To a file, not a pipe: who reads a pipe waits for every child that has it open.
    Path out = Files.createTempFile("holdfast-command-", ".txt");
    try {
      Process process =
          new ProcessBuilder("/bin/sh", "-c", "ulimit -f " + LIMIT_BYTES / 512 + "; " + command)
              .redirectError(ProcessBuilder.Redirect.DISCARD)
              .redirectInput(ProcessBuilder.Redirect.from(new File("/dev/null")))
              .redirectOutput(out.toFile())
              .start();
      try {
        if (!process.waitFor(seconds, TimeUnit.SECONDS)) {
          throw new IOException(name + " took longer than " + seconds + " s: " + command);
        }
        if (process.exitValue() != 0) {
          throw new IOException(
              name + " ended with status " + process.exitValue() + ": " + command);
        }
      } finally {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
      }
      try (InputStream in = Files.newInputStream(out)) {
        byte[] printed = in.readNBytes(LIMIT_BYTES);
        if (printed.length == LIMIT_BYTES) {
          throw new IOException(name + " printed more than 16 MiB: " + command);
        }
        return new String(printed, StandardCharsets.UTF_8);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while " + name + " ran", e);
    } finally {
      Files.deleteIfExists(out);
    }
  }
}
