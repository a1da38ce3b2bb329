package dev.holdfast.guest;

import dev.holdfast.lab.Namespace;
import dev.holdfast.tunnel.packet.MacAddress;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A virtual machine with a kernel of its own, on a bridge of a network namespace; gone when closed.
 *
 * <p>QEMU emulates the processor (TCG), so nothing is asked of the machine that runs the test; the
 * guest is up within some seconds. Its network card has no offloads: what it sends is on the wire
 * as it would be on a cable. Commands go by its second serial port, one at a time.
 */
public final class Guest implements AutoCloseable {
  private static final Duration BOOT = Duration.ofSeconds(120);
  private static final Duration COMMAND = Duration.ofSeconds(60);
  private static final String KERNEL_ARGUMENTS =
      "console=ttyS0 quiet panic=-1 mitigations=off nokaslr tsc=reliable no_timer_check"
          + " random.trust_cpu=on";

  /** What QEMU says when it has ended; no line of a command contains it. */
  private static final String END = "@@end";

  /**
   * Where and how a guest runs.
   *
   * @param host has the bridge
   * @param bridge the guest's network card is one of its ports
   * @param tap the name of that port
   * @param addresses of the guest, each with its prefix length
   * @param folder for its sockets and its console's log
   * @param more arguments for QEMU
   */
  public record Place(
      Namespace host,
      String bridge,
      String tap,
      MacAddress mac,
      List<String> addresses,
      Path folder,
      List<String> more) {}

  /**
   * What a command has come to.
   *
   * @param status its exit status
   * @param text both of its outputs
   */
  public record Output(int status, String text) {}

  private final Place place;
  private final Process qemu;
  private final Thread atExit;
  private final BlockingQueue<String> lines = new LinkedBlockingQueue<>();
  private final SocketChannel channel;
  private int commands;

  private Guest(Place place, Process qemu, SocketChannel channel) {
    this.place = place;
    this.qemu = qemu;
    this.channel = channel;
    atExit = new Thread(qemu::destroyForcibly, "end of " + place.tap);
    Runtime.getRuntime().addShutdownHook(atExit);
    Thread reader = new Thread(this::read, "guest " + place.tap);
    reader.setDaemon(true);
    reader.start();
  }

  /**
   * Boots a guest and gives its card its addresses.
   *
   * @throws IOException with the end of its console when it does not boot
   */
  public static Guest start(GuestImage image, Place place)
      throws IOException, InterruptedException {
    Files.createDirectories(place.folder);
    Path socket = place.folder.resolve(place.tap + ".commands");
    Files.deleteIfExists(socket);
    place.host.ip("tuntap add " + place.tap + " mode tap");
    place.host.ip("link set " + place.tap + " master " + place.bridge + " up");
    Process qemu = null;
    Guest guest = null;
    try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(UnixDomainSocketAddress.of(socket));
      server.configureBlocking(false);
      qemu = launch(image, place, socket);
      guest = new Guest(place, qemu, accept(server, qemu, place));
      guest.awaitReady();
      for (String address : place.addresses) {
        guest.must("ip addr add " + address + " dev eth0" + (isV6(address) ? " nodad" : ""));
      }
      return guest;
    } catch (IOException | InterruptedException | RuntimeException e) {
      if (guest != null) {
        guest.close();
      } else {
        end(qemu, place);
      }
      throw e;
    }
  }

  private static boolean isV6(String address) {
    return address.indexOf(':') >= 0;
  }

  private static Process launch(GuestImage image, Place place, Path socket) throws IOException {
    List<String> command =
        new ArrayList<>(
            List.of(
                "nsenter",
                "--net=/run/netns/" + place.host.name(),
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
                "tap,id=lan,script=no,downscript=no,vnet_hdr=off,ifname=" + place.tap,
                "-device",
                "virtio-net-pci,netdev=lan,romfile=,mac=" + place.mac,
                "-serial",
                "file:" + console(place),
                "-chardev",
                "socket,id=commands,path=" + socket,
                "-serial",
                "chardev:commands"));
    command.addAll(place.more);
    try {
      return new ProcessBuilder(command)
          .redirectErrorStream(true)
          .redirectOutput(place.folder.resolve(place.tap + ".qemu").toFile())
          .start();
    } catch (IOException e) {
      throw new IOException("QEMU is needed: apt-get install qemu-system-x86", e);
    }
  }

  private static Path console(Place place) {
    return place.folder.resolve(place.tap + ".console");
  }

  private static SocketChannel accept(ServerSocketChannel server, Process qemu, Place place)
      throws IOException, InterruptedException {
    long deadline = System.nanoTime() + BOOT.toNanos();
    while (System.nanoTime() < deadline && qemu.isAlive()) {
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
    String text = Files.readString(place.folder.resolve(place.tap + ".qemu"));
    if (Files.exists(console(place))) {
      text += Files.readString(console(place), StandardCharsets.ISO_8859_1);
    }
    return text.substring(Math.max(0, text.length() - 2_000)).strip();
  }

  private void read() {
    try (var from =
        new BufferedReader(
            new InputStreamReader(Channels.newInputStream(channel), StandardCharsets.UTF_8))) {
      for (String line = from.readLine(); line != null; line = from.readLine()) {
        lines.add(line);
      }
    } catch (IOException e) {
      // the guest has ended, or the test
    }
    lines.add(END);
  }

  private void awaitReady() throws IOException, InterruptedException {
    while (!next(BOOT, "boot").equals("@@ready")) {
      // what a serial port says as it is opened
    }
  }

  private String next(Duration patience, String what) throws IOException, InterruptedException {
    String line = lines.poll(patience.toMillis(), TimeUnit.MILLISECONDS);
    if (line == null || line.equals(END)) {
      throw new IOException(
          "the guest "
              + (line == null ? "did not " : "ended and did not ")
              + what
              + "; its console: "
              + said(place));
    }
    return line;
  }

  /**
   * Runs a shell command in the guest and waits for its end. What it leaves running must have its
   * output elsewhere.
   *
   * @param command one line
   * @throws IOException when the guest does not answer
   */
  public Output run(String command) throws IOException, InterruptedException {
    if (command.indexOf('\n') >= 0) {
      throw new IllegalArgumentException("more than one line: " + command);
    }
    String mark = "@@" + ++commands + " ";
    write("( " + command + " ) </dev/null 2>&1; s=$?; echo; echo \"" + mark + "$s\"\n");
    var text = new StringBuilder();
    while (true) {
      String line = next(COMMAND, "answer to: " + command);
      if (line.startsWith(mark)) {
        String said = text.toString();
        return new Output(Integer.parseInt(line.substring(mark.length())), said.stripTrailing());
      }
      text.append(line).append('\n');
    }
  }

  /** As {@link #run}, for what must end with status 0; gives what it printed. */
  public String must(String command) throws IOException, InterruptedException {
    Output output = run(command);
    if (output.status != 0) {
      throw new IOException(
          "in the guest, " + command + " ended with " + output.status + ": " + output.text);
    }
    return output.text;
  }

  private void write(String line) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(line.getBytes(StandardCharsets.UTF_8));
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }

  @Override
  public void close() throws IOException, InterruptedException {
    channel.close();
    end(qemu, place);
    Runtime.getRuntime().removeShutdownHook(atExit);
  }

  private static void end(@Nullable Process qemu, Place place)
      throws IOException, InterruptedException {
    if (qemu != null) {
      qemu.destroy();
      if (!qemu.waitFor(10, TimeUnit.SECONDS)) {
        qemu.destroyForcibly().waitFor();
      }
    }
    place.host.ip("link del " + place.tap);
  }
}
