package dev.holdfast.redirector.demo.lab;

import dev.holdfast.tunnel.time.SystemClock;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * The guest's move as its cable sees it: pulled out here, plugged in there, the network card being
 * the same all the time.
 *
 * <p>A namespace cannot be paused as a virtual machine can. What stands for the pause is the time
 * without carrier; the guest's own TCP notices it and backs off, which a paused one would not do.
 */
public final class GuestCable {
  private static final Duration FORWARDING_WITHIN = Duration.ofSeconds(5);

  private final Lab lab;

  public GuestCable(Lab lab) {
    this.lab = lab;
  }

  /** Takes the carrier away from the guest and from its ports at both hosts, which stay there. */
  public void unplug() throws IOException {
    lab.cable().ip("link set old down", "link set new down", "link set guest down");
  }

  /** Deletes the port at the old host, as a hypervisor does when the guest has gone. */
  public void deleteOldPort() throws IOException {
    lab.oldHost().ip("link del " + Lab.OLD_PORT);
  }

  /** Gives guest and port at the new host their carrier; frames pass when it returns. */
  public void plugInAtNewHost() throws IOException, InterruptedException {
    lab.cable().ip("link set new up", "link set guest up");
    awaitForwarding(lab.newHost(), Lab.NEW_PORT, "new");
  }

  /** Gives guest and port at the old host their carrier back; frames pass when it returns. */
  public void plugInAtOldHost() throws IOException, InterruptedException {
    lab.cable().ip("link set new down", "link set old up", "link set guest up");
    awaitForwarding(lab.oldHost(), Lab.OLD_PORT, "old");
  }

  /**
   * Moves the guest to the new host while its own card has carrier all the time, as under QEMU:
   * nothing tells its kernel that the neighbours it knows may be others.
   */
  public void carryToNewHost() throws IOException, InterruptedException {
    lab.cable().ip("link set old down", "link set new up");
    awaitForwarding(lab.newHost(), Lab.NEW_PORT, "new");
  }

  /** The same, back to the old host. */
  public void carryToOldHost() throws IOException, InterruptedException {
    lab.cable().ip("link set new down", "link set old up");
    awaitForwarding(lab.oldHost(), Lab.OLD_PORT, "old");
  }

  /**
   * The kernel tells a bridge of a carrier when it finds the time, up to a second later; a machine
   * that is resumed has its port from its first instruction on.
   */
  private void awaitForwarding(Namespace host, String port, String cable)
      throws IOException, InterruptedException {
    long end = SystemClock.INSTANCE.nanoTime() + FORWARDING_WITHIN.toNanos();
    while (!isForwarding(host, port)
        || !isForwarding(lab.cable(), cable)
        || !isForwarding(lab.cable(), "guest")) {
      if (SystemClock.INSTANCE.nanoTime() - end >= 0) {
        throw new IOException("the bridge port " + port + " of " + host + " does not forward");
      }
      Thread.sleep(1);
    }
  }

  private static boolean isForwarding(Namespace where, String port) throws IOException {
    String shown = where.query("-d", "link", "show", "dev", port);
    return shown.contains("bridge_slave")
        ? shown.contains("state forwarding")
        : shown.contains("LOWER_UP"); // of a routed guest
  }

  /** Makes the guest aware of the move. */
  public void takeNewAddresses() throws IOException {
    lab.guest().ip(newAddresses(lab.acknowledging()));
  }

  /** Takes that back. */
  public void takeOldAddresses() throws IOException {
    lab.guest().ip(oldAddresses(lab.acknowledging()));
  }

  /**
   * What a guest is told that moves, as lines of {@code ip -batch}: it gets its new address and
   * gateway, and keeps the old address, deprecated, for the connections that it has. The old prefix
   * must go, or the guest would look for its old LAN on the new one.
   *
   * @param ofRoutes more for its default routes; empty or beginning with a space
   */
  public static List<String> newAddresses(String ofRoutes) {
    List<String> lines = new ArrayList<>();
    LabAddresses v4 = LabAddresses.V4;
    // The old address is never gone, not even between two lines.
    lines.add("addr add " + v4.guestOld() + "/32 dev eth0 preferred_lft 0");
    lines.add("addr del " + v4.inLan(v4.guestOld()) + " dev eth0");
    lines.add("addr add " + v4.inLan(v4.guestNew()) + " dev eth0");
    lines.add("route replace default via " + v4.newGateway() + " dev eth0" + ofRoutes);
    LabAddresses v6 = LabAddresses.V6;
    // An IPv6 address is there once, whatever its prefix length: losing the prefix's route makes
    // it one of 128 bits in all but the display.
    lines.add("addr change " + v6.inLan(v6.guestOld()) + " dev eth0 preferred_lft 0 noprefixroute");
    lines.add("addr add " + v6.inLan(v6.guestNew()) + " dev eth0 nodad");
    lines.add("route replace default via " + v6.newGateway() + " dev eth0" + ofRoutes);
    return lines;
  }

  /** What takes that back: the guest has its old addresses as it had them, and no others. */
  public static List<String> oldAddresses(String ofRoutes) {
    List<String> lines = new ArrayList<>();
    LabAddresses v4 = LabAddresses.V4;
    lines.add("addr add " + v4.inLan(v4.guestOld()) + " dev eth0");
    lines.add("addr del " + v4.guestOld() + "/32 dev eth0");
    lines.add("addr del " + v4.inLan(v4.guestNew()) + " dev eth0");
    lines.add("route replace default via " + v4.oldGateway() + " dev eth0" + ofRoutes);
    LabAddresses v6 = LabAddresses.V6;
    lines.add("addr change " + v6.inLan(v6.guestOld()) + " dev eth0 preferred_lft forever");
    lines.add("addr del " + v6.inLan(v6.guestNew()) + " dev eth0");
    lines.add("route replace default via " + v6.oldGateway() + " dev eth0" + ofRoutes);
    return lines;
  }
}
