package dev.holdfast.redirector.demo;

import dev.holdfast.redirector.demo.host.ThisProgram;
import dev.holdfast.redirector.demo.lab.Tool;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * The demo for somebody who is not root: the same program once more, as root of a user namespace
 * that has network and mounts of its own ({@code user_namespaces(7)}).
 *
 * <p>All of the lab is made within it, and goes with it. What a real root may do and this one may
 * not is a higher priority for the thread that carries packets: they wait longer for a processor.
 */
final class Rootless {
  /** Set within: who has it must not go into another one. */
  private static final String WITHIN = "HOLDFAST_ROOTLESS";

  private static final Path TUN = Path.of("/dev/net/tun");
  private static final long ENDS_WITHIN_SECONDS = 30;

  /** {@code ip netns} keeps its namespaces under /run, which is root's. */
  private static final String OWN_RUN = "mount -t tmpfs tmpfs /run && mkdir /run/netns";

  private static final String PROBE =
      OWN_RUN
          + " && ip link set lo up && ip netns add probe"
          + " && ip -n probe tuntap add probe mode tun && ip netns exec probe nft list tables";

  private static final Map<String, String> SWITCHES =
      Map.of(
          "kernel/unprivileged_userns_clone", "0",
          "user/max_user_namespaces", "0",
          "kernel/apparmor_restrict_unprivileged_userns", "1");

  private Rootless() {}

  /** Whether this process is root of such a namespace only. */
  static boolean isWithin() {
    return System.getenv(WITHIN) != null;
  }

  /** Why it cannot be done here, one sentence; empty where it can. */
  static String missing() throws IOException {
    if (!Files.isReadable(TUN) || !Files.isWritable(TUN)) {
      return "only root may use "
          + TUN
          + " here (its mode is not 0666, which lets everybody make TUN devices of their own).";
    }
    for (Map.Entry<String, String> each : SWITCHES.entrySet()) {
      if (sysctl(each.getKey()).equals(each.getValue())) {
        return "this kernel lets nobody else make user namespaces (%s is %s)."
            .formatted(each.getKey().replace('/', '.'), each.getValue());
      }
    }
    try {
      Tool.run(command("sh", "-c", PROBE));
      return "";
    } catch (IOException e) {
      return "a user namespace cannot do here what it takes: " + e.getMessage();
    }
  }

  private static String sysctl(String name) {
    try {
      return Files.readString(Path.of("/proc/sys", name)).strip();
    } catch (IOException e) {
      return ""; // this kernel has no such switch
    }
  }

  private static List<String> command(String... within) {
    List<String> command =
        new ArrayList<>(List.of("unshare", "--user", "--map-root-user", "--net", "--mount"));
    command.addAll(List.of(within));
    return command;
  }

  /**
   * Runs {@code holdfast ARGUMENTS} within, with this process's input and output, and gives its
   * exit code. When this process is told to end, that one is too, and is waited for.
   */
  static int run(List<String> arguments) throws IOException, InterruptedException {
    List<String> command = command("sh", "-c", OWN_RUN + " && exec \"$@\"", "sh");
    command.addAll(ThisProgram.command());
    command.addAll(arguments);
    ProcessBuilder builder = new ProcessBuilder(command).inheritIO();
    builder.environment().put(WITHIN, "1");
    Process process = builder.start();
    Thread hook = Thread.ofPlatform().name("rootless").unstarted(() -> end(process));
    Runtime.getRuntime().addShutdownHook(hook);
    return process.waitFor();
  }

  private static void end(Process process) {
    try {
      process.destroy();
      if (!process.waitFor(ENDS_WITHIN_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
