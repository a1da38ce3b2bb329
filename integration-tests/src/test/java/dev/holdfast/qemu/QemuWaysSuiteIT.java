package dev.holdfast.qemu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.qemu.GuestMove.Moved;
import dev.holdfast.qemu.GuestMove.Way;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The four ways to move a guest; how long it is paused, and what is there when it resumes. */
@Tag("suite-tools")
class QemuWaysSuiteIT extends QemuTest {
  private static final Duration LONG_PAUSE = Duration.ofSeconds(20);

  /** What was sent into a pause of any length is answered so soon after it. */
  private static final double RECOVERY_MILLIS = 1_000;

  private double move(String what, Way way, String... capabilities) throws Exception {
    lab.arm("tls");
    Moved moved = new GuestMove(lab).by(way, capabilities).there();
    newConnectionsWork();
    double gap = Math.max(GuestMove.gap(v4, moved), GuestMove.gap(v6, moved));
    System.out.printf(
        Locale.ROOT, "qemu: %s, paused for %.0f ms, gap %.0f ms%n", what, moved.pauseMillis(), gap);
    assertThat(gap - moved.pauseMillis()).as("wait after the pause").isLessThan(RECOVERY_MILLIS);
    return moved.pauseMillis();
  }

  @Test
  void preCopy() throws Exception {
    begin(false, PACE);
    move("pre-copy", GuestMove.PRE_COPY);
    endWell();
  }

  @Test
  void stopAndCopy() throws Exception {
    begin(false, PACE);
    double pause =
        move(
            "stop and copy",
            migration -> {
              migration.with(Map.of("max-bandwidth", 2_500_000));
              migration.source().execute("stop");
              migration.begin();
              migration.atSource("MIGRATION completed");
              migration.destination().execute("cont");
              migration.atDestination("RESUME");
            });
    assertThat(pause).isGreaterThan(LONG_PAUSE.toMillis());
    endWell();
  }

  @Test
  void postCopy() throws Exception {
    begin(false, PACE);
    var resumed = new AtomicLong();
    lab.arm("tls");
    Way way =
        migration -> {
          migration
              .with(Map.of("max-bandwidth", 4_000_000, "max-postcopy-bandwidth", 4_000_000))
              .begin();
          migration.atSource("MIGRATION active");
          Thread.sleep(500);
          migration.source().execute("migrate-start-postcopy");
          migration.atSource("MIGRATION postcopy-active");
          resumed.set(migration.atDestination("RESUME").nanos());
          assertThat(migration.query().path("status").asString(""))
              .as("its memory is still on its way")
              .isEqualTo("postcopy-active");
        };
    Moved moved = new GuestMove(lab).by(way, "postcopy-ram").there();
    newConnectionsWork();
    System.out.printf(
        Locale.ROOT,
        "qemu: post-copy, paused for %.0f ms, gap %.0f ms, whole move %.1f s%n",
        moved.pauseMillis(),
        GuestMove.gap(v4, moved),
        (System.nanoTime() - moved.begun()) / 1e9);
    assertThat(resumed.get()).isEqualTo(moved.resumed());
    endWell();
  }

  @Test
  void hybrid() throws Exception {
    begin(false, Duration.ofMillis(50));
    lab.guest().must("head -c 8m /dev/urandom >/tmp/seed");
    lab.guest().background("while [ ! -e /tmp/calm ]; do cat /tmp/seed >/tmp/load; done");
    var throttled = new AtomicLong();
    lab.arm("tls");
    Way way =
        migration -> {
          migration
              .with(
                  Map.of(
                      "max-bandwidth",
                      8_000_000,
                      "cpu-throttle-initial",
                      50,
                      "cpu-throttle-increment",
                      20))
              .begin();
          while (migration.source().events().stream()
              .noneMatch(event -> event.name().equals("STOP"))) {
            long percent = migration.query().path("cpu-throttle-percentage").asLong(0);
            throttled.set(Math.max(throttled.get(), percent));
            Thread.sleep(100);
          }
          migration.atDestination("RESUME");
        };
    Moved moved = new GuestMove(lab).by(way, "auto-converge").there();
    lab.guest().must("touch /tmp/calm; while pgrep -f tmp/seed >/dev/null; do sleep 0.1; done");
    newConnectionsWork();
    System.out.printf(
        Locale.ROOT,
        "qemu: hybrid, throttled to %d %%, paused for %.0f ms, gap %.0f ms%n",
        100 - throttled.get(),
        moved.pauseMillis(),
        GuestMove.gap(v4, moved));
    assertThat(throttled.get()).as("the guest was throttled, percent").isPositive();
    assertThat(lab.guest().must("cat /tmp/seed | sha256sum"))
        .as("its memory is what it was")
        .isEqualTo(lab.guest().must("cat /tmp/load | sha256sum"));
    endWell();
  }
}
