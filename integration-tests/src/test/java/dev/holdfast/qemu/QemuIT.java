package dev.holdfast.qemu;

import java.util.Locale;
import org.junit.jupiter.api.Test;

/**
 * The short form of the suite {@code tools} for QEMU: one live migration, driven by the hook, of a
 * guest with a real web server and a real SSH server.
 */
class QemuIT extends QemuTest {
  private static final long DOWNLOAD = 64 << 20;
  private static final long WHILE_IT_MOVES = 4_000_000; // bytes a second

  @Test
  void aGuestMovesWhileItsClientsTalk() throws Exception {
    var servers = new GuestServers(folder.resolve("servers"), DOWNLOAD);
    begin(false, PACE, servers.contents(), servers.hardware());
    GuestVisit visit = visit(servers, WHILE_IT_MOVES);
    lab.arm("tls");
    GuestMove.Moved moved =
        visit.during(0.25, () -> new GuestMove(lab).with(servers.hardware()).there());
    newConnectionsWork();
    visit.newVisitorsAreServed();
    double gap = Math.max(GuestMove.gap(v4, moved), GuestMove.gap(v6, moved));
    System.out.printf(
        Locale.ROOT,
        "qemu: %s, longest gap of a client %.0f ms of %d lines%n",
        moved,
        gap,
        v4.lines() + v6.lines());
    visit.endWell();
    endWell();
  }
}
