package dev.holdfast.qemu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.qemu.GuestMove.Moved;
import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.LabAddresses;
import java.util.Locale;

/** A person at the guest's servers: one long download over IPv4, and one shell over IPv6. */
final class GuestVisit {
  /** One move of the guest. */
  interface Move {
    Moved go() throws Exception;
  }

  private final QemuLab lab;
  private final GuestServers servers;
  private final long slow;
  private final Download download;
  private final ShellSession shell;
  private long atLastMove;

  /**
   * Starts the servers, and both of them.
   *
   * @param slow bytes a second that are downloaded at most while the guest moves, so that the
   *     download is longer than the move; otherwise as many as come
   */
  GuestVisit(QemuLab lab, GuestServers servers, long slow, Cleanup cleanup) throws Exception {
    this.lab = lab;
    this.servers = servers;
    this.slow = slow;
    long begun = System.nanoTime();
    servers.start(lab.guest());
    long up = System.nanoTime();
    shell = servers.shell(lab.clientMachine(), LabAddresses.V6.guestOld());
    cleanup.add("a shell", shell::close);
    long in = System.nanoTime();
    download = servers.download(lab.clientMachine(), LabAddresses.V4.guestOld());
    cleanup.add("a download", download::close);
    download.slowDown(slow);
    System.out.printf(
        Locale.ROOT,
        "guest: servers up in %.1f s, logged in after %.1f s%n",
        (up - begun) / 1e9,
        (in - up) / 1e9);
  }

  /**
   * Moves the guest as soon as a part of the file has come, and while the rest is under way.
   *
   * @param share of the file, up to which the download is as fast as it can be
   */
  Moved during(double share, Move move) throws Exception {
    download.speedUp();
    download.await((long) (servers.bytes() * share));
    download.slowDown(slow);
    shell.awaitMore(3);
    long before = download.bytes();
    Moved moved = move.go();
    atLastMove = download.bytes();
    assertThat(atLastMove).as("bytes so far").isBetween(before + 1, servers.bytes() - 1);
    shell.awaitMore(3);
    return moved;
  }

  /** Who comes after the move finds the server at the new address. */
  void newVisitorsAreServed() throws Exception {
    servers.requireSmall(lab.clientMachine(), LabAddresses.V4.guestNew());
    servers.requireSmall(lab.clientMachine(), LabAddresses.V6.guestNew());
  }

  /** Both end well: every byte and every line was right. */
  void endWell() throws Exception {
    download.speedUp();
    long then = System.nanoTime();
    long left = servers.bytes() - download.bytes();
    assertThat(download.finish(servers.bytes())).as("SHA-256").isEqualTo(servers.digest());
    double rate = left / ((System.nanoTime() - then) / 1e3);
    shell.awaitMore(3);
    shell.finish();
    System.out.printf(
        Locale.ROOT,
        "qemu: %d MiB downloaded in %.1f s, %d MiB of them after the last move; at the end at %.1f"
            + " MB/s, longest stall %.0f ms; %d lines in the shell, echoed after %.0f ms (median),"
            + " %.0f ms (longest)%n",
        servers.bytes() >> 20,
        download.seconds(),
        servers.bytes() - atLastMove >> 20,
        rate,
        download.longestStall(),
        shell.lines(),
        shell.echoes().percentile(50),
        shell.echoes().max());
  }
}
