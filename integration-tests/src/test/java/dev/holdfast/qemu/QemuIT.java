package dev.holdfast.qemu;

import java.util.Locale;
import org.junit.jupiter.api.Test;

/** The short form of the suite {@code tools} for QEMU: one live migration, driven by the hook. */
class QemuIT extends QemuTest {

  @Test
  void aGuestMovesWhileItsClientsTalk() throws Exception {
    begin(false, PACE);
    lab.arm("tls");
    GuestMove.Moved moved = new GuestMove(lab).there();
    newConnectionsWork();
    double gap = Math.max(GuestMove.gap(v4, moved), GuestMove.gap(v6, moved));
    System.out.printf(
        Locale.ROOT,
        "qemu: %s, longest gap of a client %.0f ms of %d lines%n",
        moved,
        gap,
        v4.lines() + v6.lines());
    endWell();
  }
}
