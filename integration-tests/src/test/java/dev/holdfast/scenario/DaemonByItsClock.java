package dev.holdfast.scenario;

import dev.holdfast.redirector.config.ConfigReader;
import dev.holdfast.redirector.migration.Daemon;
import dev.holdfast.tunnel.time.Clock;
import dev.holdfast.tunnel.time.SystemClock;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;

/**
 * The daemon as {@code holdfast run} starts it, but with a wall clock that a test sets while it
 * runs: all hosts of a lab have the machine's, and no namespace has one of its own.
 *
 * <p>Arguments: a file with the seconds by which the clock is ahead, {@code run}, {@code --config},
 * the config.
 */
final class DaemonByItsClock {
  private DaemonByItsClock() {}

  /** A wall clock that is ahead by what a file says at that moment. */
  private record SetClock(Path ahead) implements Clock {
    @Override
    public long nanoTime() {
      return SystemClock.INSTANCE.nanoTime();
    }

    @Override
    public long epochNanos() {
      try {
        Duration by = Duration.ofSeconds(Long.parseLong(Files.readString(ahead).strip()));
        return SystemClock.INSTANCE.epochNanos() + by.toNanos();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  public static void main(String[] arguments) throws Exception {
    Daemon daemon =
        Daemon.start(
            ConfigReader.read(Path.of(arguments[3])),
            new SetClock(Path.of(arguments[0])),
            "by its clock");
    Runtime.getRuntime().addShutdownHook(Thread.ofPlatform().name("stop").unstarted(daemon::close));
    daemon.awaitStop();
  }
}
