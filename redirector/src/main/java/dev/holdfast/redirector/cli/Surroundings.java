package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.migration.Daemon;
import dev.holdfast.tunnel.time.Clock;
import dev.holdfast.tunnel.time.SystemClock;
import java.io.InputStream;
import java.nio.file.Path;
import java.time.ZoneId;
import java.util.Map;

/**
 * What the command line takes from outside, so that tests can give it something else.
 *
 * @param zone for times that people read
 * @param processStatus where the kernel says which capabilities this process has
 * @param in standard input
 */
public record Surroundings(
    DaemonStarter daemon,
    Clock clock,
    ZoneId zone,
    Map<String, String> environment,
    Path processStatus,
    InputStream in) {

  /** With nothing on standard input. */
  public Surroundings(
      DaemonStarter daemon,
      Clock clock,
      ZoneId zone,
      Map<String, String> environment,
      Path processStatus) {
    this(daemon, clock, zone, environment, processStatus, InputStream.nullInputStream());
  }

  static Surroundings ofThisProcess() {
    return new Surroundings(
        Daemon::start,
        SystemClock.INSTANCE,
        ZoneId.systemDefault(),
        System.getenv(),
        Path.of("/proc/self/status"),
        System.in);
  }
}
