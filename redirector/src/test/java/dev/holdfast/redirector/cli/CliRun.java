package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.control.FakeService;
import dev.holdfast.tunnel.time.Clock;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import picocli.CommandLine;

/** One call of the command line in this process, and what it left. */
record CliRun(int exitCode, String out, String err) {

  /** Wall time stands still a minute after the fake daemon began; waiting takes its real time. */
  static final Clock CLOCK =
      new Clock() {
        @Override
        public long nanoTime() {
          return System.nanoTime();
        }

        @Override
        public long epochNanos() {
          return FakeService.NOON + 60_000_000_000L;
        }
      };

  static final Surroundings SURROUNDINGS =
      new Surroundings(
          (config, version) -> {
            throw new IOException("no daemon in this test");
          },
          CLOCK,
          ZoneId.of("UTC"),
          Map.of(),
          Path.of("/proc/self/status"));

  static CliRun of(String... arguments) {
    return in(SURROUNDINGS, arguments);
  }

  static CliRun in(Surroundings surroundings, String... arguments) {
    var out = new StringWriter();
    var err = new StringWriter();
    CommandLine line =
        Main.commandLine(surroundings)
            .setOut(new PrintWriter(out, true))
            .setErr(new PrintWriter(err, true));
    int exitCode = line.execute(arguments);
    return new CliRun(exitCode, out.toString(), err.toString());
  }

  /** With a daemon's socket; the command may be one text with spaces. */
  static CliRun at(Path socket, String command, String... more) {
    List<String> arguments = new ArrayList<>(Arrays.asList(command.split(" ")));
    arguments.addAll(Arrays.asList(more));
    arguments.add("--socket=" + socket);
    return of(arguments.toArray(String[]::new));
  }
}
