package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.dns.DnsChange;
import dev.holdfast.redirector.dns.DnsCheck;
import dev.holdfast.redirector.dns.DnsException;
import dev.holdfast.redirector.dns.DnsMove;
import dev.holdfast.redirector.dns.DnsState;
import dev.holdfast.redirector.dns.DnsUpdater;
import dev.holdfast.tunnel.packet.IpAddress;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The DNS side of one migration. At arm a mistake refuses the migration; from release on DNS never
 * delays anything: it runs on a thread of its own, and its failures are alerts.
 */
final class NameMove {
  private static final Duration PATIENCE = Duration.ofSeconds(3);
  private static final Duration AGAIN = Duration.ofSeconds(30);

  private final RedirectorMigration migration;
  private final DnsChange change;
  private volatile @Nullable Thread publishing;
  private volatile @Nullable Thread ending;

  NameMove(Host host, RedirectorMigration migration) {
    this.migration = migration;
    MigrationRecord record = migration.record;
    DnsMove move = move(record);
    DnsUpdater updater = updater(host);
    String earlier = record.dns();
    this.change =
        earlier == null
            ? updater.begin(move, this::changed)
            : updater.resume(DnsState.fromJson(earlier), this::changed);
  }

  private static DnsMove move(MigrationRecord record) {
    List<IpAddress> published = record.dnsAddresses().stream().map(IpAddress::parse).toList();
    return new DnsMove(Objects.requireNonNull(record.dnsName()), record.olds(), published);
  }

  private static DnsUpdater updater(Host host) {
    try {
      return new DnsUpdater(host.config().dns(), host.clock());
    } catch (DnsException e) {
      throw new IllegalStateException("the config was checked, but: " + e.getMessage(), e);
    }
  }

  /**
   * Every step is journalled before it has its effect, so that a restarted daemon goes on from
   * there.
   */
  private void changed(DnsState state, String text) {
    migration.amend(record -> record.withDns(state.toJson()));
    migration.event("dns", text);
  }

  /** Finds out whether the change could be made; changes nothing. */
  static List<MigrationPlan.Check> checks(Host host, MigrationRecord record) {
    String name = host.config().daemon().name();
    try {
      return DnsCheck.run(updater(host), name, move(record));
    } catch (DnsException e) {
      String fix = "correct --dns-name, or leave it out and change the name yourself";
      return List.of(
          new MigrationPlan.Check(name, "DNS name", "failed", String.valueOf(e.getMessage()), fix));
    }
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

  /** Moves the name in the background, and says when the last stale second is. */
  void publish(LongConsumer moved) {
    publishing =
        Thread.ofVirtual()
            .name("dns-" + migration.record.name())
            .start(() -> {
              try {
                publishAndWait(moved);
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt(); // the migration is ending
              }
            });
  }

  private void publishAndWait(LongConsumer moved) throws InterruptedException {
    boolean published = false;
    while (true) {
      try {
        if (!published) {
          change.publish();
          published = true;
        }
        change.awaitServers();
        moved.accept(change.view().lastStaleEpochNanos());
        return;
      } catch (DnsException e) {
        if (e.kind() == DnsException.Kind.INTERRUPTED) {
          return; // the migration is ending
        }
        migration.alert(
            (published
                    ? "not every DNS server says the new address: "
                    : "DNS still says the old address: ")
                + e.getMessage()
                + "; connections go on through the tunnel, and draining waits: holdfast dns update, or"
                + " finish --force");
        if (!e.mayPass() && !published) {
          return;
        }
        Thread.sleep(AGAIN);
      }
    }
  }

  /** The migration is done: the TTL goes back to what it was. */
  void finish() {
    end(change::finish, "the TTL of the name was not restored: ", () -> {});
  }

  /**
   * The migration is not made: names as they were.
   *
   * @param then runs when they are, or when nothing more can be done
   */
  void rollback(Runnable then) {
    end(change::rollback, "DNS was not put back: ", then);
  }

  /**
   * Does in the background what a daemon that was killed had not come to after the migration's end.
   *
   * @param moved whether the name stays where it is now
   */
  void settle(boolean moved) {
    if (change.state().isOpen(moved)) {
      Thread unused =
          moved
              ? last(change::finish, "the TTL of the name was not restored: ", () -> {})
              : last(change::rollback, "DNS was not put back: ", () -> {});
    }
  }

  private interface LastStep {
    void run() throws DnsException;
  }

  /** What is last is not waited for long: a server that is down must not keep a migration alive. */
  private void end(LastStep step, String failed, Runnable then) {
    stopPublishing();
    try {
      if (!last(step, failed, then).join(PATIENCE)) {
        migration.event(
            "dns", "the DNS server does not answer; it is asked again in the background");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
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
        .name("dns-end-" + migration.record.name())
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

  private void stopPublishing() {
    Thread running = publishing;
    publishing = null;
    if (running != null) {
      running.interrupt();
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
