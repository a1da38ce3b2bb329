package dev.holdfast.redirector.demo.lab;

import dev.holdfast.tunnel.device.NetworkNamespace;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;

/** One named network namespace: a machine of the lab. */
public final class Namespace implements AutoCloseable {
  private final String name;
  private final NetworkNamespace entrance;

  private Namespace(String name, NetworkNamespace entrance) {
    this.name = name;
    this.entrance = entrance;
  }

  /**
   * Makes namespaces that go with {@code cleanup}, the processes in them not.
   *
   * @return in the order of {@code names}
   */
  public static List<Namespace> make(Cleanup cleanup, List<String> names) throws Exception {
    List<String> lines = names.stream().map(name -> "netns add " + name).toList();
    cleanup.make(
        "network namespaces",
        () -> Tool.run(List.of("ip", "-batch", "-"), String.join("\n", lines) + "\n"),
        () -> delete(names));
    List<Namespace> made = new ArrayList<>();
    for (String name : names) {
      var namespace = new Namespace(name, NetworkNamespace.open(name));
      cleanup.add("the entrance of " + name, namespace::close);
      namespace.call(() -> {
        namespace.settle();
        return null;
      });
      made.add(namespace);
    }
    return made;
  }

  /** Goes on where one cannot be deleted. */
  private static void delete(List<String> names) throws IOException {
    IOException failure = null;
    for (String name : names) {
      try {
        if (Files.exists(Path.of("/run/netns", name))) {
          Tool.run(List.of("ip", "netns", "del", name));
        }
      } catch (IOException e) {
        failure = e;
      }
    }
    if (failure != null) {
      throw failure;
    }
  }

  /** Addresses must be usable at once, and nothing may announce itself that was not asked to. */
  private void settle() throws IOException {
    for (String group : List.of("all", "default")) {
      writeSysctl("net/ipv6/conf/" + group + "/accept_dad", "0");
      writeSysctl("net/ipv6/conf/" + group + "/dad_transmits", "0");
      writeSysctl("net/ipv6/conf/" + group + "/accept_ra", "0");
      writeSysctl("net/ipv6/conf/" + group + "/router_solicitations", "0");
    }
  }

  /** As {@code ip netns list} shows it. */
  public String name() {
    return name;
  }

  /** Runs lines of {@code ip -batch} here. */
  public void ip(String... lines) throws IOException {
    ip(List.of(lines));
  }

  /** Runs lines of {@code ip -batch} here. */
  public void ip(List<String> lines) throws IOException {
    Tool.run(List.of("ip", "-n", name, "-batch", "-"), String.join("\n", lines) + "\n");
  }

  /** Runs {@code ip ARGUMENTS} here and gives what it printed. */
  public String query(String... arguments) throws IOException {
    List<String> command = new ArrayList<>(List.of("ip", "-n", name));
    command.addAll(List.of(arguments));
    return Tool.run(command);
  }

  /** The command line that runs {@code command} here. */
  public List<String> within(String... command) {
    List<String> all = new ArrayList<>(List.of("ip", "netns", "exec", name));
    all.addAll(List.of(command));
    return all;
  }

  /**
   * Runs {@code body} on a thread in this namespace: what sockets it opens belong here and may be
   * used from any thread afterwards.
   */
  public <T> T call(Callable<T> body) throws Exception {
    return entrance.call(body);
  }

  /** A thread in this namespace, not yet started. */
  public Thread thread(String threadName, Runnable body) {
    return entrance.thread(threadName, body);
  }

  /** Sets a sysctl; {@code path} has slashes and is relative to /proc/sys. */
  public void sysctl(String path, String value) throws Exception {
    call(() -> {
      writeSysctl(path, value);
      return null;
    });
  }

  private static void writeSysctl(String path, String value) throws IOException {
    Files.writeString(Path.of("/proc/sys", path), value);
  }

  @Override
  public void close() {
    entrance.close();
  }

  @Override
  public String toString() {
    return name;
  }
}
