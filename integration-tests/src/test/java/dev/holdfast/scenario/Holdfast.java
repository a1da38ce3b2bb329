package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.lab.Namespace;
import dev.holdfast.redirector.demo.host.ThisProgram;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** The command line as a process of its own, as a person or a tool starts it. */
public final class Holdfast {
  private static final long ENDS_WITHIN_SECONDS = 90;

  private Holdfast() {}

  /** What a command came to. */
  public record Outcome(List<String> arguments, int status, String out, String err) {

    /** Fails, with all that was printed, when the exit code is another. */
    public Outcome endsWith(int expected) {
      assertThat(status).as("holdfast %s%n%s%n%s", arguments, out, err).isEqualTo(expected);
      return this;
    }
  }

  /** Runs a command to its end. */
  static Outcome run(Path scratch, String... arguments) throws IOException, InterruptedException {
    return run(scratch, List.of(), arguments);
  }

  /** Like {@link #run(Path, String...)}, in a network namespace. */
  public static Outcome run(Path scratch, Namespace place, String... arguments)
      throws IOException, InterruptedException {
    return run(scratch, List.of("nsenter", "--net=/run/netns/" + place.name()), arguments);
  }

  private static Outcome run(Path scratch, List<String> within, String... arguments)
      throws IOException, InterruptedException {
    Path out = Files.createTempFile(scratch, "out", "");
    Path err = Files.createTempFile(scratch, "err", "");
    List<String> command = new ArrayList<>(within);
    command.addAll(ThisProgram.command());
    command.addAll(List.of(arguments));
    Process process =
        new ProcessBuilder(command)
            .redirectOutput(out.toFile())
            .redirectError(err.toFile())
            .start();
    try {
      assertThat(process.waitFor(ENDS_WITHIN_SECONDS, TimeUnit.SECONDS))
          .as("holdfast %s ends", List.of(arguments))
          .isTrue();
    } finally {
      process.destroyForcibly();
    }
    return new Outcome(
        List.of(arguments), process.exitValue(), Files.readString(out), Files.readString(err));
  }
}
