package dev.holdfast.qemu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.host.DemoHost;
import dev.holdfast.redirector.demo.host.ThisProgram;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** {@code holdfast hook qmp} at one end, as a person or a tool starts it. */
final class HookProcess implements AutoCloseable {
  private static final Duration WATCHING_WITHIN = Duration.ofSeconds(30);

  private static final Pattern TOOK = Pattern.compile("\\(([0-9.]+) ms after it\\)");

  private final Process process;
  private final Path log;

  private HookProcess(Process process, Path log) {
    this.process = process;
    this.log = log;
  }

  /**
   * Starts one, and waits until it watches.
   *
   * @param monitor the socket of QEMU's monitor
   * @param more options
   */
  static HookProcess start(
      DemoHost daemon, Path monitor, String migration, Path folder, List<String> more)
      throws Exception {
    HookProcess hook = launch(daemon, monitor, migration, folder, more);
    hook.await("Watching QEMU");
    return hook;
  }

  /** The same, and does not wait. */
  static HookProcess launch(
      DemoHost daemon, Path monitor, String migration, Path folder, List<String> more)
      throws IOException {
    List<String> command = new ArrayList<>(ThisProgram.command());
    command.addAll(List.of("--socket", daemon.control().socket().toString(), "hook", "qmp"));
    command.addAll(List.of("--socket", monitor.toString(), "--migration", migration));
    command.addAll(more);
    Path log = Files.createTempFile(folder, "hook-" + daemon.plan().name() + "-", ".log");
    return new HookProcess(
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile()).start(),
        log);
  }

  /** Waits until it has said this. */
  void await(String words) throws IOException, InterruptedException {
    long deadline = System.nanoTime() + WATCHING_WITHIN.toNanos();
    while (!said().contains(words)) {
      assertThat(process.isAlive()).as("the hook runs until '%s':%n%s", words, said()).isTrue();
      assertThat(System.nanoTime()).as("'%s' in:%n%s", words, said()).isLessThan(deadline);
      Thread.sleep(10);
    }
  }

  /** All that it has printed. */
  String said() throws IOException {
    return Files.readString(log);
  }

  /** How long after QEMU's event it had done what was to be done, in ms; the last time it did. */
  double tookMillis() throws IOException {
    Matcher took = TOOK.matcher(said());
    double last = Double.NaN;
    while (took.find()) {
      last = Double.parseDouble(took.group(1));
    }
    return last;
  }

  /** Waits for its end; gives its exit status. */
  int ends(Duration within) throws IOException, InterruptedException {
    assertThat(process.waitFor(within.toMillis(), TimeUnit.MILLISECONDS))
        .as("the hook ends:%n%s", said())
        .isTrue();
    return process.exitValue();
  }

  /** It ends with this status. */
  void endsWith(int status) throws IOException, InterruptedException {
    assertThat(ends(Duration.ofSeconds(60))).as("the hook's status:%n%s", said()).isEqualTo(status);
  }

  @Override
  public void close() throws InterruptedException {
    var unused = process.destroyForcibly().waitFor();
  }
}
