package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.path.MigrationPath;
import dev.holdfast.tunnel.encap.PathMtuProbing;
import dev.holdfast.tunnel.endpoint.ControlMessage;
import dev.holdfast.tunnel.packet.IpAddress;
import java.util.List;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The redirector's knowledge of what IP-in-IP carries whole, from arm to the end: both hosts are
 * told, and it is tried again as {@link PathMtuProbing} says, since a path that shrinks where ICMP
 * is filtered would swallow every full segment without a word. TLS needs none of it.
 */
final class PathMtuWatch {
  private static final Logger log = LoggerFactory.getLogger(PathMtuWatch.class);
  private static final long SOON_NANOS = 10_000_000L;

  private final Host host;
  private final RedirectorMigration migration;
  private final AtomicLong numbers;
  private volatile @Nullable PathMtuProbing present;
  private boolean isShortAlone;

  /**
   * @param numbers gives probes numbers of their own
   */
  PathMtuWatch(Host host, RedirectorMigration migration, AtomicLong numbers) {
    this.host = host;
    this.migration = migration;
    this.numbers = numbers;
  }

  /** From now on, until the migration ends; what was started before is over. */
  void start() {
    if (migration.record.isIpInIp()) {
      var probing = new PathMtuProbing(now());
      present = probing;
      next(probing);
    }
  }

  private void next(PathMtuProbing probing) {
    long nanos = Math.max(SOON_NANOS, probing.left(now()));
    host.later(
        TimeUnit.NANOSECONDS.toMillis(nanos) + 1,
        "path-mtu-" + migration.record.name(),
        () -> {
          if (present != probing || migration.state().isEnded()) {
            return;
          }
          try {
            turn(probing);
          } catch (InterruptedException | RejectedExecutionException e) {
            return; // the daemon is stopping
          } catch (RuntimeException e) {
            log.warn("the path MTU of {} could not be tried", migration.record.name(), e);
            probing.searched(false, now()); // such as a full disk: later
          }
          next(probing);
        });
  }

  private void turn(PathMtuProbing probing) throws InterruptedException {
    MigrationPath path = migration.path;
    if (path == null || !path.isLinkUp()) {
      probing.passed(now()); // that a tunnel is down as a whole says nothing of sizes
      return;
    }
    var search = new PathMtuSearch(host, path, probed(), numbers);
    int known = host.data().call(path::tunnelMtu);
    switch (probing.step(path.innerMtu() < usual(), now())) {
      case WAIT -> {}
      case CONFIRM -> {
        if (search.passes(known)) {
          probing.passed(now());
          tell(); // it does not answer, and may have been somewhere else
        } else {
          probing.lost(now());
        }
      }
      case SEARCH -> searchLess(probing, search, path, known);
      case RAISE -> {
        int more = search.passes(usual()) ? usual() : search.longest(known + 1, usual() - 1);
        probing.raised(now());
        if (more > path.innerMtu()) {
          migration.event(
              "link", "IP-in-IP carries inner packets of " + more + " bytes from now on");
          agree(path, more);
        }
      }
    }
  }

  private void searchLess(
      PathMtuProbing probing, PathMtuSearch search, MigrationPath path, int known)
      throws InterruptedException {
    if (!search.passes(0)) {
      probing.passed(now()); // nothing passes: it is not the size
      return;
    }
    int found = search.measure(known + 1); // three lost probes may have been lost to a queue
    if (found > 0 && found < known && search.passes(known)) {
      found = known; // as the search's own burst may have been
    }
    probing.searched(found > 0, now());
    if (found == 0 && !isShortAlone) {
      migration.alert("IP-in-IP carries short packets alone: see to the path between the hosts");
    } else if (found > 0 && found < known) {
      agree(path, found);
      warn(found);
    }
    isShortAlone = found == 0;
  }

  /** Its probes may not be fragmented at any size where it is IPv4. */
  private IpAddress probed() {
    List<IpAddress> olds = migration.record.olds();
    return olds.stream().filter(IpAddress::isV4).findFirst().orElse(olds.getFirst());
  }

  private int usual() {
    return Paths.usualInnerMtu(host.config(), migration.record);
  }

  private long now() {
    return host.clock().nanoTime();
  }

  /** Both hosts know from now on that {@code bytes} of inner packet pass whole, and no more. */
  void agree(MigrationPath path, int bytes) {
    host.data().run(() -> path.innerMtu(bytes)); // first: packets do not wait for a disk
    migration.amend(record -> record.withInnerMtu(bytes));
    tell();
  }

  /**
   * Says it to the endpoint, which does not answer: said again whenever its control channel is
   * back, since the one on which it was said may have been lost with it, and with each
   * confirmation.
   */
  void tell() {
    MigrationRecord record = migration.record;
    Integer bytes = record.innerMtu();
    if (bytes == null || !record.isIpInIp() || record.state().isEnded()) {
      return;
    }
    host.endpoint()
        .control(record.remote())
        .thenAccept(channel ->
            channel.send(new ControlMessage.PathMtu(record.uuid(), record.epoch(), bytes)))
        .exceptionally(failure -> null);
  }

  /** Something for the operator to see to. */
  void warn(int bytes) {
    migration.warn(
        List.of(
            new MigrationPlan.Check(
                host.config().daemon().name(),
                "path MTU",
                "warning",
                "IP-in-IP carries inner packets of %d bytes, and not the usual %d; peers are told"
                    .formatted(bytes, usual()),
                "raise the path MTU between the hosts, or use --encapsulation tls, which carries all")));
  }
}
