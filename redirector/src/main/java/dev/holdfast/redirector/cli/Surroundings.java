package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.migration.Daemon;
import dev.holdfast.tunnel.time.Clock;
import dev.holdfast.tunnel.time.SystemClock;
import java.io.Console;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Path;
import java.time.ZoneId;
import java.util.Map;

/**
 * What the command line takes from outside, so that tests can give it something else.
 *
 * @param zone for times that people read
 * @param processStatus where the kernel says which capabilities this process has
 * @param in standard input
 * @param out standard output, for what is no text
 */
public record Surroundings(
    DaemonStarter daemon,
    Clock clock,
    ZoneId zone,
    Map<String, String> environment,
    Path processStatus,
    InputStream in,
    OutputStream out) {

  /** With nothing on standard input. */
  public Surroundings(
      DaemonStarter daemon,
      Clock clock,
      ZoneId zone,
      Map<String, String> environment,
      Path processStatus) {
    this(daemon, clock, zone, environment, processStatus, InputStream.nullInputStream());
  }

  /** With this process's standard output. */
  public Surroundings(
      DaemonStarter daemon,
      Clock clock,
      ZoneId zone,
      Map<String, String> environment,
      Path processStatus,
      InputStream in) {
    this(daemon, clock, zone, environment, processStatus, in, THIS_PROCESS);
  }

  private static final OutputStream THIS_PROCESS = new FileOutputStream(FileDescriptor.out);

  /** Whether a person sees what is written to {@link #out}. */
  boolean isTerminal() {
    Console console = System.console();
    return out == THIS_PROCESS && console != null && console.isTerminal();
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
