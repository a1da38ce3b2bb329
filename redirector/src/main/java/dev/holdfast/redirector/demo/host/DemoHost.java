package dev.holdfast.redirector.demo.host;

import dev.holdfast.redirector.control.ControlClient;
import dev.holdfast.redirector.control.DaemonNotRunning;
import dev.holdfast.redirector.demo.host.HostPlan.Remote;
import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.Tool;
import dev.holdfast.redirector.migration.Daemon;
import dev.holdfast.tunnel.identity.Fingerprint;
import dev.holdfast.tunnel.identity.HostIdentity;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.time.SystemClock;
import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A host's daemon: its folder, its process and its control socket.
 *
 * <p>The process is this program again, {@code holdfast run --config FILE}, in the host's
 * namespace.
 */
public final class DemoHost {
  private static final Duration READY_WITHIN = Duration.ofSeconds(30);
  private static final Duration STOPPED_WITHIN = Duration.ofSeconds(10);
  private static final long LOOK_EVERY_MILLIS = 20;
  private static final Duration VALIDITY = Duration.ofDays(365);
  private static final int LOG_LINES = 20;

  private final HostPlan plan;
  private final Path folder;
  private final Fingerprint fingerprint;
  private final ControlClient control;
  private List<String> program = ThisProgram.command();
  private final List<String> forJava = new ArrayList<>();
  private @Nullable Process process;

  /**
   * Makes the host's folder and identity; nothing runs yet.
   *
   * @param folder is made where it is not there
   */
  public DemoHost(HostPlan plan, Path folder) throws IOException {
    this(plan, folder, VALIDITY);
  }

  /** The same, with a certificate that expires after {@code validity}. */
  public DemoHost(HostPlan plan, Path folder, Duration validity) throws IOException {
    this.plan = plan;
    this.folder = Files.createDirectories(folder);
    HostIdentity identity =
        HostIdentity.create(plan.name(), validity, SystemClock.INSTANCE, new SecureRandom());
    identity.save(folder.resolve(HostConfig.CERTIFICATE), folder.resolve(HostConfig.KEY));
    fingerprint = identity.fingerprint();
    control = new ControlClient(folder.resolve(HostConfig.CONTROL));
  }

  public HostPlan plan() {
    return plan;
  }

  /** What the other host needs to know of this one. */
  public Remote asRemote(List<String> granted) {
    return asRemote(granted, plan.endpoint(), false);
  }

  /** The same, with more about it; see {@link Remote}. */
  public Remote asRemote(List<String> granted, String endpoint, boolean plaintext) {
    return new Remote(plan, fingerprint, granted, endpoint, plaintext);
  }

  /**
   * From now on the daemon finds this address for the name, and for other names none. The first
   * time, this is to be said before it is started.
   */
  public void resolves(String name, IpAddress address) throws IOException {
    Files.writeString(names(), address + " " + name + "\n");
  }

  /**
   * The daemon is this command, to which {@code run --config FILE} is added, and not this program
   * as it is. To be said before it is started.
   */
  public void runs(List<String> command) {
    program = List.copyOf(command);
  }

  /**
   * The daemon does not rehearse when it starts, which would be most of what it works until it is
   * armed; its first release may be slower than others. To be said before it is started.
   */
  public void unrehearsed() {
    forJava.add("-D" + Daemon.REHEARSE + "=false");
  }

  /** In the form of /etc/hosts. */
  private Path names() {
    return folder.toAbsolutePath().resolve("hosts");
  }

  public ControlClient control() {
    return control;
  }

  public Path configFile() {
    return folder.resolve(HostConfig.FILE);
  }

  private Path log() {
    return folder.resolve("daemon.log");
  }

  /** Writes the configuration and starts the daemon; it is stopped with {@code cleanup}. */
  public void start(Remote remote, NameService names, Cleanup cleanup) throws Exception {
    HostConfig.write(folder, plan, remote, names);
    cleanup.make("the daemon of " + plan.name(), this::launch, this::stop);
  }

  private void launch() throws IOException {
    List<String> command = new ArrayList<>(plan.machine().within());
    command.addAll(program);
    command.addAll(List.of("run", "--config", configFile().toString()));
    ProcessBuilder builder = new ProcessBuilder(command);
    List<String> options = new ArrayList<>(forJava);
    if (Files.exists(names())) {
      options.add("-Djdk.net.hosts.file=" + names());
    }
    if (!options.isEmpty()) {
      builder.environment().put("JAVA_TOOL_OPTIONS", String.join(" ", options));
    }
    builder.redirectErrorStream(true).redirectOutput(Redirect.appendTo(log().toFile()));
    process = builder.start();
  }

  /** Starts the daemon once more, after {@link #kill}, and waits until it answers. */
  public void startAgain() throws Exception {
    launch();
    awaitReady();
  }

  /**
   * Waits until the daemon answers.
   *
   * @throws IOException with the end of its log when it does not
   */
  public void awaitReady() throws Exception {
    long end = SystemClock.INSTANCE.nanoTime() + READY_WITHIN.toNanos();
    Process daemon = running();
    while (true) {
      try {
        var _ = control.status();
        return;
      } catch (DaemonNotRunning e) {
        if (!daemon.isAlive()) {
          throw new IOException(
              "the daemon of %s ended with status %d: %s"
                  .formatted(plan.name(), daemon.exitValue(), endOfLog()),
              e);
        }
        if (SystemClock.INSTANCE.nanoTime() - end >= 0) {
          throw new IOException(
              "the daemon of %s is not ready after %d s: %s"
                  .formatted(plan.name(), READY_WITHIN.toSeconds(), endOfLog()),
              e);
        }
        Thread.sleep(LOOK_EVERY_MILLIS);
      }
    }
  }

  private Process running() {
    Process daemon = process;
    if (daemon == null) {
      throw new IllegalStateException("the daemon of " + plan.name() + " was not started");
    }
    return daemon;
  }

  /** The daemon's process. */
  public long pid() {
    return running().pid();
  }

  /** Ends the daemon as systemd would: SIGTERM, and SIGKILL where that is not enough. */
  public void stop() throws IOException, InterruptedException {
    Process daemon = process;
    if (daemon == null || !daemon.isAlive()) {
      return;
    }
    daemon.destroy();
    if (!daemon.waitFor(STOPPED_WITHIN.toMillis(), TimeUnit.MILLISECONDS)) {
      daemon.destroyForcibly().waitFor();
      throw new IOException(
          "the daemon of %s did not end within %d s after SIGTERM"
              .formatted(plan.name(), STOPPED_WITHIN.toSeconds()));
    }
  }

  /** Ends the daemon with SIGKILL, as a crash would. */
  public void kill() throws InterruptedException {
    var _ = running().destroyForcibly().waitFor();
  }

  /** Stops the daemon's threads where they are, or lets them go on. */
  public void freeze(boolean on) throws IOException, InterruptedException {
    String signal = on ? "-STOP" : "-CONT";
    var _ = Tool.run(List.of("kill", signal, Long.toString(running().pid())));
  }

  /** Files that the daemon has pinned. */
  public List<String> pins() throws IOException {
    Path pins = folder.resolve(HostConfig.PINS);
    if (!Files.isDirectory(pins)) {
      return List.of();
    }
    try (Stream<Path> files = Files.walk(pins)) {
      return files
          .filter(file -> !file.equals(pins))
          .map(file -> pins.relativize(file).toString())
          .sorted()
          .toList();
    }
  }

  /** The last lines that the daemon printed. */
  public String endOfLog() {
    try {
      List<String> lines = Files.readAllLines(log());
      return String.join("\n", lines.subList(Math.max(0, lines.size() - LOG_LINES), lines.size()));
    } catch (IOException e) {
      return "(no log: " + e.getMessage() + ")";
    }
  }
}
