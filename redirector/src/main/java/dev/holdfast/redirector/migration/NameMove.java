package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.dns.DnsChange;
import dev.holdfast.redirector.dns.DnsException;
import dev.holdfast.redirector.dns.DnsMove;
import dev.holdfast.redirector.dns.DnsPlan;
import dev.holdfast.redirector.dns.DnsState;
import dev.holdfast.redirector.dns.DnsUpdater;
import dev.holdfast.tunnel.packet.IpAddress;
import java.util.List;
import java.util.Objects;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The DNS side of one migration. At arm a mistake refuses the migration; from release on DNS never
 * delays anything: it runs on a thread of its own, and its failures are alerts.
 */
final class NameMove {
  private final RedirectorMigration migration;
  private final DnsUpdater updater;
  private final DnsMove move;
  private final DnsChange change;
  private volatile @Nullable Thread publishing;

  NameMove(Host host, RedirectorMigration migration) {
    this.migration = migration;
    MigrationRecord record = migration.record;
    List<IpAddress> published = record.dnsAddresses().stream().map(IpAddress::parse).toList();
    DnsMove move = new DnsMove(Objects.requireNonNull(record.dnsName()), record.olds(), published);
    this.updater = updater(host);
    this.move = move;
    String earlier = record.dns();
    this.change =
        earlier == null
            ? updater.begin(move, this::changed)
            : updater.resume(DnsState.fromJson(earlier), this::changed);
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
    if (!migration.state().isEnded()) {
      migration.amend(migration.record.withDns(state.toJson()));
    }
    migration.event("dns", text);
  }

  /**
   * Finds out whether the change could be made; changes nothing.
   *
   * @throws RequestRefused with the reason
   */
  void plan() throws RequestRefused {
    try {
      DnsPlan plan = updater.plan(move);
      String problem = plan.problem();
      if (problem != null) {
        throw new RequestRefused(
            RequestRefused.Kind.REFUSED, "DNS: " + problem + " (or arm without --dns-name)");
      }
    } catch (DnsException e) {
      throw refused(e);
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
                change.publish();
                change.awaitServers();
                moved.accept(change.view().lastStaleEpochNanos());
              } catch (DnsException e) {
                migration.alert(
                    "DNS still says the old address: "
                        + e.getMessage()
                        + "; connections go on through the tunnel, and draining waits: holdfast dns update, or"
                        + " finish --force");
              }
            });
  }

  /** The migration is done: the TTL goes back to what it was. */
  void finish() {
    stopPublishing();
    try {
      change.finish();
    } catch (DnsException e) {
      migration.alert("the TTL of the name was not restored: " + e.getMessage());
    }
  }

  /** The migration is not made: names as they were. */
  void rollback() {
    stopPublishing();
    try {
      change.rollback();
    } catch (DnsException e) {
      migration.alert("DNS was not put back: " + e.getMessage());
    }
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
