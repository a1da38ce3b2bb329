package dev.holdfast.criu;

import dev.holdfast.guest.DebianRelease;
import dev.holdfast.redirector.demo.lab.Lab;
import dev.holdfast.redirector.demo.lab.Namespace;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A container as far as its network goes: a network namespace on a host's bridge, with one process
 * that CRIU dumps or restores.
 *
 * <p>The process is started by nsenter: "ip netns exec" makes a mount namespace, which CRIU would
 * have to dump too.
 */
public final class CriuContainer {
  /** On which the server listens. */
  public static final int PORT = 7000;

  /**
   * Debian 12's and 13's do not dump a TCP socket on Linux 6.16 and later: the one does not know
   * its vDSO, the other asks a TCP socket for SO_PASSCRED.
   */
  private static final String RELEASE = "forky";

  private static final long WITHIN_SECONDS = 60;

  /**
   * How CRIU ended.
   *
   * @param nanos from its start to its end
   * @param log what it printed, the action script's words among it, and errors of its own log
   */
  public record Ended(int status, long nanos, String log) {}

  private final Namespace namespace;
  private final Namespace host;
  private final String port;
  private @Nullable Process server;
  private long pid;

  /**
   * Connects an empty namespace with a host's bridge; it has no address yet.
   *
   * @param port what the host calls its end; must not be there
   */
  public CriuContainer(Namespace namespace, Namespace host, String port) throws Exception {
    this.namespace = namespace;
    this.host = host;
    this.port = port;
    host.ip("link add %s type veth peer name eth0 netns %s".formatted(port, namespace.name()));
    host.sysctl("net/ipv6/conf/" + port + "/disable_ipv6", "1");
    host.ip(
        "link set %s address fe:54:00:10:00:10 master %s".formatted(port, Lab.BRIDGE),
        "link set " + port + " up");
    namespace.ip("link set lo up", "link set eth0 address " + Lab.GUEST_MAC, "link set eth0 up");
  }

  public Namespace namespace() {
    return namespace;
  }

  /** Takes the link away; frames neither come nor go. */
  public void cut() throws IOException {
    host.ip("link del " + port);
  }

  /** Starts the server that answers lines, on any address. */
  public void serve(Path scratch) throws IOException, InterruptedException {
    Path program = scratch.resolve("echo-server.pl");
    try (InputStream in = CriuContainer.class.getResourceAsStream("echo-server.pl")) {
      Files.write(program, in.readAllBytes());
    }
    Process started =
        new ProcessBuilder(within("setsid", "perl", program.toString(), Integer.toString(PORT)))
            .redirectInput(new File("/dev/null"))
            .redirectOutput(Redirect.DISCARD)
            .redirectError(Redirect.DISCARD)
            .start();
    server = started;
    pid = started.pid();
    while (!listens()) {
      if (!started.isAlive()) {
        throw new IOException("the server ended with " + started.exitValue());
      }
      Thread.sleep(10);
    }
  }

  private boolean listens() throws IOException {
    String table = Files.readString(Path.of("/proc/" + pid + "/net/tcp"));
    return table.contains(":%04X 00000000:0000 0A".formatted(PORT));
  }

  /**
   * Dumps the server and all its connections, and ends it.
   *
   * @param images an empty folder
   * @param script of {@code --action-script}
   */
  public Ended dump(Path images, Path script, Map<String, String> environment)
      throws IOException, InterruptedException {
    List<String> whom = List.of("-t", Long.toString(pid));
    Ended ended = criu("dump", within(), images, script, environment, whom);
    Process dumped = server;
    // Its pid is to be free for who restores it here.
    if (ended.status() == 0 && dumped != null && !dumped.waitFor(10, TimeUnit.SECONDS)) {
      throw new IOException("the dumped server still runs");
    }
    return ended;
  }

  /** Restores what was dumped, here. */
  public Ended restore(Path images, Path script, Map<String, String> environment)
      throws IOException, InterruptedException {
    Path file = images.resolve("restored.pid");
    Files.deleteIfExists(file);
    List<String> more = List.of("-d", "--pidfile", file.toString());
    Ended ended = criu("restore", within(), images, script, environment, more);
    if (ended.status() == 0) {
      pid = Long.parseLong(Files.readString(file).strip());
    }
    return ended;
  }

  /**
   * Restores what is to fail. The process ids are not this machine's but of a namespace that ends
   * with CRIU: the hosts of the lab have them in common, and what a failed restore leaves, if it is
   * a process that nobody has waited for, would keep them busy for who restores at the old host.
   */
  public Ended restoreInVain(Path images, Path script, Map<String, String> environment)
      throws IOException, InterruptedException {
    List<String> within = within("unshare", "--pid", "--fork", "--mount-proc");
    return criu("restore", within, images, script, environment, List.of("-d"));
  }

  private static Ended criu(
      String verb,
      List<String> within,
      Path images,
      Path script,
      Map<String, String> environment,
      List<String> more)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(within);
    command.addAll(DebianRelease.program(RELEASE, "criu", "usr/sbin/criu"));
    command.addAll(List.of(verb, "-D", images.toString(), "--tcp-established"));
    command.addAll(List.of("--network-lock", "nftables", "--action-script", script.toString()));
    command.addAll(List.of("-v4", "-o", verb + ".log"));
    command.addAll(more);
    Path printed = images.resolve(verb + ".out");
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .redirectInput(new File("/dev/null"))
            .redirectErrorStream(true)
            .redirectOutput(printed.toFile());
    builder.environment().putAll(environment);
    long begin = System.nanoTime();
    Process criu = builder.start();
    try {
      if (!criu.waitFor(WITHIN_SECONDS, TimeUnit.SECONDS)) {
        throw new IOException("criu " + verb + " does not end: " + Files.readString(printed));
      }
    } finally {
      criu.destroyForcibly();
    }
    long nanos = System.nanoTime() - begin;
    var log = new StringBuilder(Files.readString(printed));
    Path own = images.resolve(verb + ".log");
    if (Files.exists(own)) {
      try (var lines = Files.lines(own)) {
        lines.filter(line -> line.contains("Error")).forEach(line -> log.append(line).append('\n'));
      }
    }
    return new Ended(criu.exitValue(), nanos, log.toString());
  }

  private List<String> within(String... command) {
    List<String> all = new ArrayList<>(List.of("nsenter", "--net=/run/netns/" + namespace.name()));
    all.addAll(List.of(command));
    return all;
  }

  /** Ends the server, if it is here. */
  public void stop() {
    if (pid != 0) {
      ProcessHandle.of(pid)
          .filter(handle -> handle.info().command().orElse("").endsWith("perl"))
          .ifPresent(ProcessHandle::destroyForcibly);
    }
  }
}
