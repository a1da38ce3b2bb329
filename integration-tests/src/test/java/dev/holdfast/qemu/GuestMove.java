package dev.holdfast.qemu;

import dev.holdfast.guest.Qemu;
import dev.holdfast.qemu.QemuLab.Site;
import dev.holdfast.redirector.migration.MigrationState;
import java.time.Duration;
import java.util.List;
import java.util.Locale;

/**
 * One move of the guest with Holdfast beside: a hook at each end does all that is done to the
 * migration, and the guest gets its addresses when it runs.
 */
final class GuestMove {
  /** How QEMU gets the guest over: from prepared ends to a guest that runs at the destination. */
  interface Way {
    void go(LiveMigration migration) throws Exception;
  }

  /** Its memory while it runs, then a brief pause: what everybody does. */
  static final Way PRE_COPY =
      migration -> {
        migration.begin();
        migration.atDestination("RESUME");
      };

  /**
   * Who tells the guest of its addresses does that when Holdfast has released; here as long after
   * its first instruction, with Holdfast or without. What it does then competes with its answers.
   */
  private static final Duration TOLD_AFTER = Duration.ofMillis(150);

  private final QemuLab lab;
  private Way way = PRE_COPY;
  private List<String> capabilities = List.of();
  private List<String> hardware = List.of();
  private String[] hookOptions = {};

  /** Pre-copy, as QEMU does it when it is told nothing else. */
  GuestMove(QemuLab lab) {
    this.lab = lab;
  }

  /**
   * Another way.
   *
   * @param more capabilities of QEMU's migration that it needs
   */
  GuestMove by(Way another, String... more) {
    way = another;
    capabilities = List.of(more);
    return this;
  }

  /** What the guest has beside its card, as arguments of the QEMU that it moves to. */
  GuestMove with(List<String> arguments) {
    hardware = arguments;
    return this;
  }

  /** More options for the hooks. */
  GuestMove hooked(String... options) {
    hookOptions = options;
    return this;
  }

  /**
   * What was measured; times by {@link System#nanoTime}.
   *
   * @param pauseMillis from the source's STOP to the destination's RESUME
   * @param holdMillis from STOP until it was held; NaN where nothing was
   * @param releaseMillis from RESUME until it was released, or rolled back; NaN likewise
   */
  record Moved(
      long begun, long resumed, double pauseMillis, double holdMillis, double releaseMillis) {

    private Moved after(double hold, double release) {
      return new Moved(begun, resumed, pauseMillis, hold, release);
    }

    @Override
    public String toString() {
      return String.format(
          Locale.ROOT,
          "paused for %.0f ms, held after %.0f ms, released after %.0f ms",
          pauseMillis,
          holdMillis,
          releaseMillis);
    }
  }

  /** From host-a to host-b. The migration is armed, and redirecting or draining after it. */
  Moved there() throws Exception {
    Qemu from = lab.guest().qemu();
    Qemu to = lab.expectAt(lab.b(), hardware);
    try (HookProcess source = lab.hook(lab.a(), from.hookSocket(), hookOptions);
        HookProcess destination = lab.hook(lab.b(), to.hookSocket(), hookOptions)) {
      Moved moved = move(from, to, lab.b(), true);
      source.endsWith(0);
      destination.endsWith(0);
      return moved.after(source.tookMillis(), destination.tookMillis());
    }
  }

  /** Back to host-a, where the migration is rolled back. */
  Moved back() throws Exception {
    Qemu from = lab.guest().qemu();
    Qemu to = lab.expectAt(lab.a(), hardware);
    try (HookProcess source = lab.hook(lab.b(), from.hookSocket(), "--role", "source");
        HookProcess destination = lab.hook(lab.a(), to.hookSocket(), "--role", "destination")) {
      Moved moved = move(from, to, lab.a(), true);
      destination.endsWith(0);
      source.endsWith(0);
      lab.await(lab.a(), MigrationState.ROLLED_BACK);
      lab.await(lab.b(), MigrationState.ROLLED_BACK);
      return moved.after(source.tookMillis(), destination.tookMillis());
    }
  }

  /** To a site without Holdfast: the guest keeps its addresses. */
  Moved alone(Site site) throws Exception {
    return move(lab.guest().qemu(), lab.expectAt(site, hardware), site, false);
  }

  private Moved move(Qemu from, Qemu to, Site site, boolean beside) throws Exception {
    var migration = new LiveMigration(from, to, site.address(), capabilities);
    long begun = System.nanoTime();
    way.go(migration);
    Qemu left = lab.guest().runsAt(to);
    Thread.sleep(TOLD_AFTER);
    if (beside) {
      lab.takeAddresses(site);
    } else {
      lab.tellAsMuch();
    }
    migration.atSource("MIGRATION completed");
    left.close();
    long resumed = migration.atDestination("RESUME").nanos();
    return new Moved(begun, resumed, migration.pause(), Double.NaN, Double.NaN);
  }

  /** The client's gap around a move, in milliseconds: until two seconds after the guest ran. */
  static double gap(LineClient client, Moved moved) throws InterruptedException {
    long end = moved.resumed + Duration.ofSeconds(2).toNanos();
    while (System.nanoTime() - end < 0) {
      Thread.sleep(50);
    }
    client.awaitMore(1);
    return client.longestGap(moved.begun, end);
  }
}
