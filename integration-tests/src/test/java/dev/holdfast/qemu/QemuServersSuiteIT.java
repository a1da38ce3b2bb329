package dev.holdfast.qemu;

import dev.holdfast.qemu.GuestMove.Moved;
import java.util.Locale;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The guest's web server and its SSH server are those of Debian, and so are their clients. */
@Tag("suite-tools")
@SuppressWarnings("NullAway.Init") // the test begins with its servers
class QemuServersSuiteIT extends QemuTest {
  private GuestServers servers;

  /**
   * There, back, and there again, while one file is downloaded and somebody types.
   *
   * @param slow how fast the download is while the guest moves, in MB a second
   */
  @ParameterizedTest(name = "{0} MiB, {1}, over a WAN: {2}, guest-aware: {3}")
  @CsvSource({
    "256,  tls,  false, true,  4",
    "256,  ipip, false, false, 4",
    "256,  ipip, true,  true,  4",
    "256,  tls,  true,  false, 4",
    "1024, tls,  false, true,  16"
  })
  void aDownloadAndAShellLiveThroughAllMoves(
      long mebibytes, String encapsulation, boolean wan, boolean aware, long slow)
      throws Exception {
    servers = new GuestServers(folder.resolve("servers"), mebibytes << 20);
    begin(wan, PACE, servers.contents(), servers.hardware());
    GuestVisit visit = visit(servers, slow * 1_000_000);
    lab.arm(encapsulation, aware);
    report("there", visit.during(0.1, this::there));
    newConnectionsWork();
    visit.newVisitorsAreServed();
    report("back", visit.during(0.35, this::back));
    lab.arm(encapsulation, aware);
    report("there", visit.during(0.6, this::there));
    visit.endWell();
    endWell();
  }

  private Moved there() throws Exception {
    return new GuestMove(lab).with(servers.hardware()).there();
  }

  private Moved back() throws Exception {
    return new GuestMove(lab).with(servers.hardware()).back();
  }

  private static void report(String what, Moved moved) {
    System.out.printf(
        Locale.ROOT,
        "qemu: %s, %s, %.1f s from its begin to RESUME%n",
        what,
        moved,
        (moved.resumed() - moved.begun()) / 1e9);
  }
}
