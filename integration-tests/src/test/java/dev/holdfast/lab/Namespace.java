package dev.holdfast.lab;

import dev.holdfast.tunnel.device.NetworkNamespace;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A network namespace for one test, with a name that no other has; gone when closed.
 *
 * <p>Programs are started from outside and enter it themselves: a process started by a thread
 * within would leave a thread of the JDK behind there, which keeps the namespace alive.
 */
public final class Namespace implements AutoCloseable {
  private static final AtomicInteger COUNT = new AtomicInteger();

  private final String name;
  private final NetworkNamespace network;

  private Namespace(String name, NetworkNamespace network) {
    this.name = name;
    this.network = network;
  }

  /**
   * Makes {@code hft-PID-N-LABEL}, its loopback interface up.
   *
   * @throws AssertionError without root
   */
  public static Namespace create(String label) throws IOException, InterruptedException {
    requireRoot();
    String name =
        "hft-" + ProcessHandle.current().pid() + "-" + COUNT.incrementAndGet() + "-" + label;
    execute(List.of("ip", "netns", "add", name));
    var namespace = new Namespace(name, NetworkNamespace.open(name));
    namespace.ip("link set lo up");
    return namespace;
  }

  /** Fails, in one sentence, where the test may not make network namespaces. */
  public static void requireRoot() throws IOException {
    if (!Integer.valueOf(0).equals(Files.getAttribute(Path.of("/proc/self"), "unix:uid"))) {
      throw new AssertionError("this test makes network namespaces and needs root");
    }
  }

  /** Joins two namespaces by a pair of virtual Ethernet devices, both up. */
  public static void connect(Namespace left, String leftDevice, Namespace right, String rightDevice)
      throws IOException, InterruptedException {
    left.ip(
        "link add " + leftDevice + " type veth peer name " + rightDevice + " netns " + right.name);
    left.ip("link set " + leftDevice + " up");
    right.ip("link set " + rightDevice + " up");
  }

  public String name() {
    return name;
  }

  /** Runs {@code ip} here; the arguments are separated by single spaces. */
  public String ip(String arguments) throws IOException, InterruptedException {
    var command = new ArrayList<>(List.of("ip", "-n", name));
    command.addAll(List.of(arguments.split(" ", -1)));
    return execute(command);
  }

  /**
   * Runs a program here and gives what it printed; it must end with status 0. What it complained of
   * is not in that: {@code ip link} names the namespaces of its links, looks at all that the
   * machine has for that, and complains about one that another test is just making.
   */
  public String run(String... command) throws IOException, InterruptedException {
    var entered = new ArrayList<>(List.of("nsenter", "--net=/run/netns/" + name));
    entered.addAll(List.of(command));
    return execute(entered);
  }

  /** Runs {@code body} here, on a thread of its own. */
  public <T> T call(Callable<T> body) throws Exception {
    return network.call(body);
  }

  /** For what {@link #call} does not do. */
  public NetworkNamespace network() {
    return network;
  }

  private static String execute(List<String> command) throws IOException, InterruptedException {
    Path complaints = Files.createTempFile("holdfast-complaints", ".txt");
    try {
      Process process = new ProcessBuilder(command).redirectError(complaints.toFile()).start();
      process.getOutputStream().close();
      String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      int status = process.waitFor();
      if (status != 0) {
        throw new IOException(
            "%s ended with %d: %s%s"
                .formatted(
                    String.join(" ", command), status, output, Files.readString(complaints)));
      }
      return output;
    } finally {
      Files.delete(complaints);
    }
  }

  @Override
  public void close() throws IOException, InterruptedException {
    network.close();
    execute(List.of("ip", "netns", "del", name));
  }
}
