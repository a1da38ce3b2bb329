package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.dns.DnsChange;
import dev.holdfast.redirector.dns.DnsException;
import dev.holdfast.redirector.dns.DnsState;
import dev.holdfast.redirector.dns.DnsUpdater;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * The move of one name. At arm a mistake refuses the migration; from release on DNS never delays
 * anything: it runs on a thread of its own, and its failures are alerts.
 */
final class NameMove {
  private static final Duration AGAIN = Duration.ofSeconds(30);

  /** What only somebody else can mend is tried again too, and not so often. */
  private static final Duration LATER = Duration.ofMinutes(5);

  /** Trouble that lasts longer is told, though it may pass by itself. */
  private static final long PATIENCE_NANOS = 5_000_000_000L;

  private final RedirectorMigration migration;
  private final DnsChange change;
  private volatile @Nullable Thread publishing;
  private volatile @Nullable String told;
  private volatile long beganNanos;
  private volatile @Nullable Thread ending;

  /**
   * @param state as the journal has it, or a fresh one
   */
  NameMove(RedirectorMigration migration, DnsUpdater updater, DnsState state) {
    this.migration = migration;
    this.change = updater.resume(state, this::changed);
  }

  boolean isOf(String name) {
    return change.state().isOf(name);
  }

  private String name() {
    return change.state().name();
  }

  /**
   * Every step is journalled before it has its effect, so that a restarted daemon goes on from
   * there.
   */
  private void changed(DnsState state, String text) {
    migration.amend(record -> record.withDns(state.amend(record.dns())));
    migration.event("dns", text);
    String trouble = state.problem();
    if (trouble != null
        && state.isUpdating()
        && migration.host.clock().nanoTime() - beganNanos > PATIENCE_NANOS) {
      tell(notYet(false, trouble));
    }
  }

  /** Once, however often it is tried. */
  private void tell(String text) {
    if (!text.equals(told)) {
      told = text;
      migration.alert(text);
    }
  }

  private String notYet(boolean published, String why) {
    return (published
            ? "not every DNS server says the new address of " + name() + ": "
            : "DNS still says the old address of " + name() + ": ")
        + why
        + " It is tried again; connections go on through the tunnel, and draining waits: mend that,"
        + " or change the name (holdfast dns update), or finish --force";
  }

  /**
   * Lowers the TTL.
   *
   * @throws RequestRefused with the reason
   */
  void arm() throws RequestRefused {
    try {
      change.arm();
    } catch (DnsException e) {
      throw refused(e);
    }
  }

  private static RequestRefused refused(DnsException e) {
    return new RequestRefused(
        RequestRefused.Kind.REFUSED,
        "DNS: " + e.getMessage() + " (or arm without --dns-name, and change the name yourself)",
        e);
  }

  /**
   * Moves the name in the background.
   *
   * @param moved runs when its last stale second is known
   */
  void publish(Runnable moved) {
    beganNanos = migration.host.clock().nanoTime();
    publishing =
        Thread.ofVirtual()
            .name("dns-" + name())
            .start(() -> {
              try {
                publishAndWait(moved);
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt(); // the migration is ending
              }
            });
  }

  private void publishAndWait(Runnable moved) throws InterruptedException {
    boolean published = false;
    while (true) {
      try {
        if (!published) {
          change.publish();
          published = true;
          if (change.state().owesReverse()) {
            tell(
                name()
                    + " is moved, but its PTR record is not: "
                    + change.view().problem()
                    + " It is tried again at the end of the migration and when the daemon starts,"
                    + " or: holdfast dns update");
          }
        }
        change.awaitServers();
        moved.run();
        return;
      } catch (DnsException e) {
        if (e.kind() == DnsException.Kind.INTERRUPTED) {
          return; // the migration is ending
        }
        if (e.kind() == DnsException.Kind.CONFLICT && !published) {
          migration.alert(
              "DNS says of "
                  + name()
                  + " what somebody else has made it say, and it stays so: "
                  + e.sentence()
                  + " Connections go on through the tunnel, and draining waits: change the name"
                  + " (holdfast dns update) and finish --force");
          return;
        }
        tell(notYet(published, e.sentence()));
        Thread.sleep(published || e.mayPass() ? AGAIN : LATER);
      }
    }
  }

  /**
   * The migration is done: the TTL goes back to what it was, in the background.
   *
   * @param then runs when it is, or when nothing more can be done
   */
  Thread finish(Runnable then) {
    return last(change::finish, "the TTL of " + name() + " was not restored: ", then);
  }

  /** The migration is not made: the name as it was, in the background. */
  Thread rollback(Runnable then) {
    return last(change::rollback, "DNS of " + name() + " was not put back: ", then);
  }

  /** Does what a daemon that was killed had not come to after the migration's end. */
  void settle(boolean moved) {
    if (change.state().isOpen(moved)) {
      Thread unused = moved ? finish(() -> {}) : rollback(() -> {});
    }
  }

  private interface LastStep {
    void run() throws DnsException;
  }

  /** Whether what was last is still to be done, as the server does not answer. */
  boolean isEnding() {
    Thread running = ending;
    return running != null && running.isAlive();
  }

  private Thread last(LastStep step, String failed, Runnable then) {
    Thread running = start(step, failed, then);
    ending = running;
    return running;
  }

  private Thread start(LastStep step, String failed, Runnable then) {
    return Thread.ofVirtual()
        .name("dns-end-" + name())
        .start(() -> {
          try {
            step.run();
          } catch (DnsException e) {
            migration.alert(failed + e.getMessage());
            if (e.kind() == DnsException.Kind.INTERRUPTED) {
              return; // the daemon is stopping; the next one goes on
            }
          }
          then.run();
        });
  }

  void interruptPublishing() {
    Thread running = publishing;
    if (running != null) {
      running.interrupt();
    }
  }

  /** After {@link #interruptPublishing}: a step ends at once when it is interrupted. */
  void awaitPublishingEnd() {
    Thread running = publishing;
    publishing = null;
    if (running != null) {
      try {
        running.join(5_000);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }

  MigrationView.DnsView view() {
    return change.view();
  }
}
