package dev.holdfast.guest;

import dev.holdfast.guest.Guest.Place;
import dev.holdfast.redirector.demo.lab.Tool;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * One QEMU at one host: its process, its port on the bridge, its serial ports and its monitors. A
 * guest that moves has one after the other.
 */
public final class Qemu implements AutoCloseable {
  private static final Duration START = Duration.ofSeconds(60);
  private static final String KERNEL_ARGUMENTS =
      "console=ttyS0 quiet panic=-1 mitigations=off nokaslr tsc=reliable no_timer_check"
          + " random.trust_cpu=on";

  private final Place place;
  private final Process process;
  private final GuestShell shell;
  private final Thread atExit;
  private @Nullable Qmp monitor;
  private boolean closed;

  private Qemu(Place place, Process process, SocketChannel channel) {
    this.place = place;
    this.process = process;
    shell = new GuestShell(channel, place.tap(), () -> said(place));
    atExit = new Thread(process::destroyForcibly, "end of " + place.tap());
    Runtime.getRuntime().addShutdownHook(atExit);
  }

  /**
   * Starts one.
   *
   * @param incoming whether it waits for a guest that comes from another; else it boots
   * @throws IOException with what it said, when it does not start
   */
  static Qemu start(GuestImage image, Place place, boolean incoming)
      throws IOException, InterruptedException {
    Files.createDirectories(place.folder());
    Path socket = place.folder().resolve(place.tap() + ".commands");
    Files.deleteIfExists(socket);
    plugIn(place);
    Process process = null;
    try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(UnixDomainSocketAddress.of(socket));
      server.configureBlocking(false);
      process = launch(command(image, place, socket, incoming), place);
      return new Qemu(place, process, accept(server, process, place));
    } catch (IOException | InterruptedException | RuntimeException e) {
      end(process, place);
      throw e;
    }
  }

  /** As libvirt does it: no address of the host's on the port, and a MAC that the bridge avoids. */
  private static void plugIn(Place place) throws IOException {
    String tap = place.tap();
    String mac = "fe" + place.mac().toString().substring(2);
    ip(place, "tuntap", "add", tap, "mode", "tap");
    var unused =
        Tool.run(
            List.of(
                "nsenter",
                "--net=/run/netns/" + place.host(),
                "sysctl",
                "-qw",
                "net.ipv6.conf." + tap + ".disable_ipv6=1"));
    ip(place, "link", "set", tap, "address", mac, "master", place.bridge(), "up");
  }

  private static void ip(Place place, String... arguments) throws IOException {
    List<String> command = new ArrayList<>(List.of("ip", "-n", place.host()));
    command.addAll(List.of(arguments));
    var unused = Tool.run(command);
  }

  private static List<String> command(
      GuestImage image, Place place, Path socket, boolean incoming) {
    List<String> command =
        new ArrayList<>(
            List.of(
                "nsenter",
                "--net=/run/netns/" + place.host(),
                "qemu-system-x86_64",
                "-accel",
                "tcg",
                "-cpu",
                "qemu64",
                "-m",
                "128",
                "-smp",
                "1",
                "-nodefaults",
                "-no-user-config",
                "-display",
                "none",
                "-kernel",
                image.kernel().toString(),
                "-initrd",
                image.initramfs().toString(),
                "-append",
                KERNEL_ARGUMENTS,
                "-netdev",
                "tap,id=lan,script=no,downscript=no,vnet_hdr=off,ifname=" + place.tap(),
                "-device",
                "virtio-net-pci,netdev=lan,romfile=,mac=" + place.mac(),
                "-serial",
                "file:" + console(place),
                "-chardev",
                "socket,id=commands,path=" + socket,
                "-serial",
                "chardev:commands"));
    for (String monitor : List.of("own", "hook")) {
      command.add("-qmp");
      command.add("unix:" + monitor(place, monitor) + ",server=on,wait=off");
    }
    if (incoming) {
      command.add("-incoming");
      command.add("defer");
    }
    command.addAll(place.more());
    return command;
  }

  private static Path monitor(Place place, String name) {
    return place.folder().resolve(place.tap() + "." + name + ".qmp");
  }

  private static Process launch(List<String> command, Place place) throws IOException {
    try {
      return new ProcessBuilder(command)
          .redirectErrorStream(true)
          .redirectOutput(place.folder().resolve(place.tap() + ".qemu").toFile())
          .start();
    } catch (IOException e) {
      throw new IOException("QEMU is needed: apt-get install qemu-system-x86", e);
    }
  }

  private static Path console(Place place) {
    return place.folder().resolve(place.tap() + ".console");
  }

  private static SocketChannel accept(ServerSocketChannel server, Process process, Place place)
      throws IOException, InterruptedException {
    long deadline = System.nanoTime() + START.toNanos();
    while (System.nanoTime() < deadline && process.isAlive()) {
      SocketChannel accepted = server.accept();
      if (accepted != null) {
        accepted.configureBlocking(true);
        return accepted;
      }
      Thread.sleep(5);
    }
    throw new IOException("QEMU has not started: " + said(place));
  }

  private static String said(Place place) throws IOException {
    String text = Files.readString(place.folder().resolve(place.tap() + ".qemu"));
    if (Files.exists(console(place))) {
      text += Files.readString(console(place), StandardCharsets.ISO_8859_1);
    }
    return text.substring(Math.max(0, text.length() - 2_000)).strip();
  }

  GuestShell shell() {
    return shell;
  }

  public Place place() {
    return place;
  }

  /** The test's own monitor. */
  public Qmp monitor() throws IOException, InterruptedException {
    if (monitor == null) {
      monitor = Qmp.connect(monitor(place, "own"), process::isAlive);
    }
    return monitor;
  }

  /** The socket of a second monitor, for another program. */
  public Path hookSocket() {
    return monitor(place, "hook");
  }

  public boolean isAlive() {
    return process.isAlive();
  }

  /** Ends it with SIGKILL, as a crash would; its port stays. */
  public void kill() throws InterruptedException {
    var unused = process.destroyForcibly().waitFor();
  }

  /** Ends it, and the port goes. Safe to call twice. */
  @Override
  public void close() throws IOException, InterruptedException {
    if (closed) {
      return;
    }
    closed = true;
    shell.close();
    if (monitor != null) {
      monitor.close();
    }
    end(process, place);
    Runtime.getRuntime().removeShutdownHook(atExit);
  }

  private static void end(@Nullable Process process, Place place)
      throws IOException, InterruptedException {
    if (process != null) {
      process.destroy();
      if (!process.waitFor(10, TimeUnit.SECONDS)) {
        process.destroyForcibly().waitFor();
      }
    }
    ip(place, "link", "del", place.tap());
  }
}
