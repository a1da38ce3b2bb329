package dev.holdfast.guest;

import dev.holdfast.tunnel.packet.MacAddress;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * A virtual machine with a kernel of its own, on a bridge of a network namespace; gone when closed.
 *
 * <p>QEMU emulates the processor (TCG), so nothing is asked of the machine that runs the test; the
 * guest is up within some seconds. Its network card has no offloads: what it sends is on the wire
 * as it would be on a cable. Commands go by its second serial port, one at a time.
 */
public final class Guest implements AutoCloseable {
  /**
   * Where and how a guest runs.
   *
   * @param host the network namespace that has the bridge
   * @param bridge the guest's network card is one of its ports
   * @param tap the name of that port
   * @param addresses of the guest, each with its prefix length
   * @param folder for its sockets and its console's log
   * @param more arguments for QEMU
   */
  public record Place(
      String host,
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

  private final GuestImage image;
  private Qemu qemu;

  private Guest(GuestImage image, Qemu qemu) {
    this.image = image;
    this.qemu = qemu;
  }

  /**
   * Boots a guest and gives its card its addresses.
   *
   * @throws IOException with the end of its console when it does not boot
   */
  public static Guest start(GuestImage image, Place place)
      throws IOException, InterruptedException {
    Guest guest = new Guest(image, Qemu.start(image, place, false));
    try {
      guest.qemu.shell().awaitReady();
      for (String address : place.addresses) {
        guest.must("ip addr add " + address + " dev eth0" + (isV6(address) ? " nodad" : ""));
      }
      return guest;
    } catch (IOException | InterruptedException | RuntimeException e) {
      guest.close();
      throw e;
    }
  }

  private static boolean isV6(String address) {
    return address.indexOf(':') >= 0;
  }

  /** Where it runs. */
  public Qemu qemu() {
    return qemu;
  }

  /**
   * Starts a QEMU that waits for this guest at another place, whose card and disks are as they are
   * here. It belongs to whoever asked for it until the guest {@linkplain #runsAt runs there}.
   */
  public Qemu expectAt(Place there) throws IOException, InterruptedException {
    return Qemu.start(image, there, true);
  }

  /**
   * The guest has moved and gets its commands there.
   *
   * @return the QEMU that it has left, which is the caller's to close
   */
  public Qemu runsAt(Qemu there) {
    Qemu left = qemu;
    qemu = there;
    return left;
  }

  /**
   * Runs a shell command in the guest and waits for its end. What it leaves running must have its
   * output elsewhere.
   *
   * @param command one line
   * @throws IOException when the guest does not answer
   */
  public Output run(String command) throws IOException, InterruptedException {
    return qemu.shell().run(command);
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

  /** Runs {@code program} for each connection to a port, with the connection as its in and out. */
  public void serve(int port, String program) throws IOException, InterruptedException {
    background("nc -ll -p %d -e %s".formatted(port, program));
  }

  /** Starts a shell script and lets it run; it has no single quotes. */
  public void background(String script) throws IOException, InterruptedException {
    must("setsid sh -c '" + script + "' >/dev/null 2>&1 &");
  }

  @Override
  public void close() throws IOException, InterruptedException {
    qemu.close();
  }
}
