package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.dns.DnsCheck;
import dev.holdfast.redirector.dns.DnsException;
import dev.holdfast.redirector.dns.DnsMove;
import dev.holdfast.redirector.dns.DnsState;
import dev.holdfast.redirector.dns.DnsUpdater;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The DNS side of one migration: a move for each of the guest's names. None waits for another, so
 * that a zone whose server is down or refuses leaves the names in other zones alone; draining waits
 * for all.
 */
final class NameMoves {
  private static final Duration PATIENCE = Duration.ofSeconds(3);

  private final RedirectorMigration migration;
  private final Clock clock;
  private final List<NameMove> moves;

  NameMoves(Host host, RedirectorMigration migration) {
    this.migration = migration;
    this.clock = host.clock();
    MigrationRecord record = migration.record;
    DnsUpdater updater = updater(host);
    String earlier = record.dns();
    List<DnsState> known = earlier == null ? List.of() : DnsState.listFromJson(earlier);
    List<NameMove> all = new ArrayList<>();
    for (DnsMove move : moves(record)) {
      DnsState state =
          known.stream()
              .filter(each -> each.isOf(move.name()))
              .findFirst()
              .orElseGet(() -> DnsState.of(move));
      all.add(new NameMove(migration, updater, state));
    }
    this.moves = List.copyOf(all);
  }

  private static List<DnsMove> moves(MigrationRecord record) {
    List<IpAddress> published = record.dnsAddresses().stream().map(IpAddress::parse).toList();
    return record.dnsNames().stream()
        .map(name -> new DnsMove(name, record.olds(), published))
        .toList();
  }

  private static DnsUpdater updater(Host host) {
    try {
      return new DnsUpdater(host.config().dns(), host.clock());
    } catch (DnsException e) {
      throw new IllegalStateException("the config was checked, but: " + e.getMessage(), e);
    }
  }

  /** Finds out whether the changes could be made; changes nothing. */
  static List<MigrationPlan.Check> checks(Host host, MigrationRecord record) {
    String name = host.config().daemon().name();
    try {
      return DnsCheck.run(updater(host), name, moves(record));
    } catch (DnsException e) {
      String fix = "correct --dns-name, or leave it out and change the name yourself";
      return List.of(
          new MigrationPlan.Check(name, "DNS name", "failed", String.valueOf(e.getMessage()), fix));
    }
  }

  /**
   * Lowers the TTLs.
   *
   * @throws RequestRefused with the reason, at the first name that is not as it should be
   */
  void arm() throws RequestRefused {
    for (NameMove move : moves) {
      move.arm();
    }
  }

  /** Moves the names in the background, and says when the last stale second of all of them is. */
  void publish(LongConsumer moved) {
    var waitedFor = new AtomicInteger(moves.size());
    for (NameMove move : moves) {
      move.publish(() -> {
        if (waitedFor.decrementAndGet() == 0) {
          moved.accept(
              moves.stream().mapToLong(each -> each.view().lastStaleEpochNanos()).max().orElse(0));
        }
      });
    }
  }

  /** The migration is done: the TTLs go back to what they were. */
  void finish() {
    stopPublishing();
    await(moves.stream().map(move -> move.finish(() -> {})).toList());
  }

  /**
   * The migration is not made: names as they were.
   *
   * @param then runs when all are, or when nothing more can be done
   */
  void rollback(Runnable then) {
    stopPublishing();
    var waitedFor = new AtomicInteger(moves.size());
    Runnable last =
        () -> {
          if (waitedFor.decrementAndGet() == 0) {
            then.run();
          }
        };
    await(moves.stream().map(move -> move.rollback(last)).toList());
  }

  /**
   * Does in the background what a daemon that was killed had not come to after the migration's end.
   *
   * @param moved whether the names stay where they are now
   * @param names those that no later migration has in hand
   */
  void settle(boolean moved, List<String> names) {
    for (NameMove move : moves) {
      if (names.stream().anyMatch(move::isOf)) {
        move.settle(moved);
      }
    }
  }

  /** Of these names, one that is still to be put in order, as its server does not answer. */
  @Nullable String ending(List<String> names) {
    return names.stream()
        .filter(name -> moves.stream().anyMatch(move -> move.isEnding() && move.isOf(name)))
        .findFirst()
        .orElse(null);
  }

  boolean isEnding() {
    return moves.stream().anyMatch(NameMove::isEnding);
  }

  /** The first name's, with the further ones in it. */
  MigrationView.DnsView view() {
    List<MigrationView.DnsView> all = moves.stream().map(NameMove::view).toList();
    return all.getFirst().with(all.subList(1, all.size()));
  }

  private void stopPublishing() {
    moves.forEach(NameMove::interruptPublishing);
    moves.forEach(NameMove::awaitPublishingEnd);
  }

  /** What is last is not waited for long: a server that is down must not keep a migration alive. */
  private void await(List<Thread> running) {
    long end = clock.nanoTime() + PATIENCE.toNanos();
    try {
      for (Thread each : running) {
        if (!each.join(Duration.ofNanos(Math.max(1, end - clock.nanoTime())))) {
          migration.event(
              "dns", "a DNS server does not answer; it is asked again in the background");
          return;
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
