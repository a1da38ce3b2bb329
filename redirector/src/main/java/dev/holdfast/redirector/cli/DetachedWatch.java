package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.demo.host.ThisProgram;
import dev.holdfast.redirector.hook.WatchStarter;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * Starts {@code hook qmp} in a session of its own: whoever has called a hook waits for it, and for
 * all that has its outputs open. What the watch says is in {@code hook-ID.log} beside the daemon's
 * socket.
 */
final class DetachedWatch implements WatchStarter {
  private final List<String> program;
  private final Path control;

  /**
   * @param control the daemon's socket
   */
  DetachedWatch(Path control) {
    this(ThisProgram.command(), control);
  }

  /**
   * @param program how this program is started
   */
  DetachedWatch(List<String> program, Path control) {
    this.program = program;
    this.control = control.toAbsolutePath();
  }

  @Override
  public void start(Path monitor, String migration, String end) throws IOException {
    List<String> command = new ArrayList<>(List.of("setsid", "--fork"));
    command.addAll(program);
    command.addAll(
        List.of(
            "hook",
            "qmp",
            "--socket",
            monitor.toString(),
            "--migration",
            migration,
            "--role",
            end,
            "--no-gate",
            "--connect-timeout",
            "60s"));
    File log = log(migration).toFile();
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .redirectInput(new File("/dev/null"))
            .redirectOutput(ProcessBuilder.Redirect.appendTo(log))
            .redirectError(ProcessBuilder.Redirect.appendTo(log));
    builder.environment().put("HOLDFAST_CONTROL", control.toString());
    Process starter = builder.start();
    try {
      if (starter.waitFor() != 0) {
        throw new IOException("setsid has ended with " + starter.exitValue() + "; see " + log);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
  }

  /** What a watch says. */
  Path log(String migration) {
    return Objects.requireNonNull(control.getParent()).resolve("hook-" + migration + ".log");
  }
}
