package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.control.ControlServer;
import dev.holdfast.redirector.control.FakeService;
import dev.holdfast.tunnel.time.SystemClock;
import java.nio.file.Path;
import java.time.ZoneId;

/** The program with a daemon that has no packets, to be started as a process of its own. */
final class RunProcess {
  private RunProcess() {}

  /** The first argument is the file that says which capabilities the process has. */
  public static void main(String[] arguments) {
    var surroundings =
        new Surroundings(
            (config, version) -> {
              var server = new ControlServer(config.daemon().control(), new FakeService());
              server.start();
              return server;
            },
            SystemClock.INSTANCE,
            ZoneId.of("UTC"),
            System.getenv(),
            Path.of(arguments[0]));
    String[] rest = java.util.Arrays.copyOfRange(arguments, 1, arguments.length);
    System.exit(Main.commandLine(surroundings).execute(rest));
  }
}
