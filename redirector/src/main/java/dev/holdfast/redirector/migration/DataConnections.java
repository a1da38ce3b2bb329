package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.path.InboundPath;
import dev.holdfast.redirector.path.MigrationPath;
import dev.holdfast.tunnel.packet.IpAddress;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The redirector's data connections of one migration, one for each lane of the packet path: opened
 * at arm, proven by probes. While one is down the packet path holds its flows instead of tunnelling
 * them.
 */
final class DataConnections implements InboundPath.LinkEvents {
  private static final long OPEN_SECONDS = 7;
  private static final long PROBE_MILLIS = 1_000;
  private static final int PROBE_TRIES = 4;

  /** Of each connection, one after the other: about a quarter of a minute. */
  private static final int FAILURES_ALERTED = 10;

  /** Full-size probes in a burst: what some hundred connections say at once. */
  private static final int BURST = 192;

  private final Host host;
  private final RedirectorMigration migration;
  private final AtomicLong probes = new AtomicLong();
  private final PathMtuWatch watch;
  private volatile List<DataConnection> all = List.of();
  private volatile @Nullable LinkNews news;
  private String lastFailure = "";
  private int failures;

  DataConnections(Host host, RedirectorMigration migration) {
    this.host = host;
    this.migration = migration;
    this.watch = new PathMtuWatch(host, migration, probes);
  }

  /** What is known of the path that IP-in-IP takes. */
  PathMtuWatch pathMtu() {
    return watch;
  }

  /** As many as the record says, none of them open. */
  private List<DataConnection> make() {
    MigrationRecord record = migration.record;
    close(); // of an attempt that came half the way
    List<DataConnection> made =
        IntStream.range(0, record.connections())
            .mapToObj(lane -> new DataConnection(host, migration, this, lane))
            .toList();
    news = new LinkNews(made.size(), "to " + record.remote());
    all = made;
    return made;
  }

  /**
   * Opens them and waits until all stand.
   *
   * @throws RequestRefused with the reason when one does not
   */
  void open() throws RequestRefused {
    String remote = migration.record.remote();
    try {
      CompletableFuture.allOf(
              make().stream().map(DataConnection::connect).toArray(CompletableFuture<?>[]::new))
          .get(OPEN_SECONDS, TimeUnit.SECONDS);
    } catch (ExecutionException e) {
      Throwable cause = e.getCause() == null ? e : e.getCause();
      throw new RequestRefused(
          RequestRefused.Kind.REFUSED,
          "no data connection to " + remote + ": " + cause.getMessage(),
          e);
    } catch (TimeoutException e) {
      throw new RequestRefused(
          RequestRefused.Kind.REFUSED,
          "no data connection to " + remote + " within " + OPEN_SECONDS + " s",
          e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new RequestRefused(RequestRefused.Kind.FAILED, "interrupted while connecting", e);
    }
  }

  /** Opens them in the background, each until it stands: a restarted daemon takes over. */
  void keepOpen() {
    make().forEach(DataConnection::keepOpen);
  }

  /** One of them is up. Data loop. */
  void up(int lane) {
    forgetFailures();
    tell(Objects.requireNonNull(news).up(lane));
  }

  private synchronized void forgetFailures() {
    lastFailure = "";
  }

  private void tell(@Nullable String line) {
    if (line != null) {
      migration.event("link", line);
    }
  }

  /** Each reason is told once; one that does not pass is something for the operator. */
  synchronized void failed(Throwable failure) {
    Throwable cause = failure.getCause() == null ? failure : failure.getCause();
    String reason = String.valueOf(cause.getMessage());
    failures = reason.equals(lastFailure) ? failures + 1 : 1;
    lastFailure = reason;
    String text =
        "no data connection to "
            + migration.record.remote()
            + ", and packets are held meanwhile: "
            + reason;
    if (failures == 1) {
      migration.event("link", text);
    } else if (failures == FAILURES_ALERTED * all.size()) {
      migration.alert(text);
    }
  }

  @Override
  public void linkDown(int lane, String reason) {
    MigrationPath path = migration.path;
    if (path != null) {
      path.linkDown(lane);
    }
    List<DataConnection> present = all;
    if (lane < present.size()) {
      tell(Objects.requireNonNull(news).down(lane, reason));
      present.get(lane).lost();
    }
  }

  @Override
  public void markerSeen() {}

  @Override
  public void packetsReturned(@Nullable String why) {
    tell(LinkNews.packetsReturned(migration.record.remote(), why));
  }

  void close() {
    List<DataConnection> open = all;
    all = List.of();
    open.forEach(DataConnection::close);
  }

  /**
   * Proves the tunnel both ways with inner packets, the last one as long as the old LAN's longest.
   * That the other data connections lead to the same place has been proven by opening them.
   *
   * @throws RequestRefused when no answer comes, naming what was tried
   */
  void probe() throws RequestRefused {
    MigrationPath path = Objects.requireNonNull(migration.path);
    int longest = path.innerMtu();
    double probeMillis = -1;
    // Each family is another protocol in IP-in-IP, and another rule in a filter.
    for (IpAddress old : migration.record.olds()) {
      double millis = probe(path, old, 0, "a small probe");
      probeMillis = probeMillis < 0 ? millis : probeMillis;
      longest = full(path, old, longest);
    }
    if (longest < path.innerMtu()) {
      watch.agree(path, longest);
      watch.warn(longest);
    }
    widen(path, migration.record.olds().getFirst(), longest);
    migration.event(
        "progress",
        String.format(
            Locale.ROOT,
            "tunnel proven both ways, packets of up to %d bytes, round trip %.2f ms",
            longest,
            probeMillis));
  }

  /**
   * Proves that packets of {@code longest} bytes pass, or finds how long they may be.
   *
   * @throws RequestRefused where none pass, or {@code auto} has TLS left, which carries them whole
   */
  private int full(MigrationPath path, IpAddress old, int longest) throws RequestRefused {
    try {
      double unused = probe(path, old, longest, "a probe of " + longest + " bytes");
      return longest;
    } catch (RequestRefused e) {
      if (!migration.record.isIpInIp() || migration.record.encapsulationReason() != null) {
        throw e;
      }
      int found = 0;
      try {
        found = new PathMtuSearch(host, path, old, probes).measure(longest);
      } catch (InterruptedException interrupted) {
        Thread.currentThread().interrupt();
      }
      if (found == 0) {
        throw e;
      }
      return found;
    }
  }

  /**
   * Sends a burst through the tunnel and back, so that the TCP which carries it has seen more of
   * the path than its initial window (RFC 6928) when packets are staged and the guest is released.
   * With IP-in-IP that is the way of staged packets alone. Nothing depends on it.
   */
  private void widen(MigrationPath path, IpAddress old, int size) throws RequestRefused {
    int each = Math.ceilDiv(BURST, migration.record.connections());
    int count = each * migration.record.connections();
    CompletableFuture<Boolean> back = new CompletableFuture<>();
    AtomicInteger answers = new AtomicInteger();
    long last = probes.addAndGet(count);
    host.data()
        .run(() -> {
          path.listenToProbes(answer -> {
            if (answer > last - count && answers.incrementAndGet() == count) {
              back.complete(true);
            }
          });
          path.burst(old, last, each, size);
        });
    try {
      back.get(PROBE_MILLIS, TimeUnit.MILLISECONDS);
    } catch (TimeoutException e) {
      migration.event("progress", "the tunnel is slow: a burst of probes took more than 1 s");
    } catch (ExecutionException e) {
      throw new IllegalStateException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new RequestRefused(RequestRefused.Kind.FAILED, "interrupted while probing", e);
    } finally {
      host.data().run(() -> path.listenToProbes(null));
    }
  }

  private double probe(MigrationPath path, IpAddress old, int size, String what)
      throws RequestRefused {
    for (int attempt = 0; attempt < PROBE_TRIES; attempt++) {
      long number = probes.incrementAndGet();
      long begun = host.clock().nanoTime();
      CompletableFuture<Long> answered = new CompletableFuture<>();
      host.data()
          .run(() -> {
            path.listenToProbes(answer -> {
              if (answer == number) {
                answered.complete(host.clock().nanoTime());
              }
            });
            path.probe(old, number, size);
          });
      try {
        return (answered.get(PROBE_MILLIS, TimeUnit.MILLISECONDS) - begun) / 1e6;
      } catch (TimeoutException e) {
        continue; // an IP-in-IP packet may be lost like any other
      } catch (ExecutionException e) {
        throw new IllegalStateException(e);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new RequestRefused(RequestRefused.Kind.FAILED, "interrupted while probing", e);
      } finally {
        host.data().run(() -> path.listenToProbes(null));
      }
    }
    throw unanswered(what, old, size > 0);
  }

  private RequestRefused unanswered(String what, IpAddress old, boolean smallPassed) {
    MigrationRecord record = migration.record;
    String by =
        record.isIpInIp() ? "by IP protocol " + (old.isV4() ? 4 : 41) : "through the tunnel";
    String tried =
        "%s %s to %s was not answered (%d tries)".formatted(what, by, record.remote(), PROBE_TRIES);
    if (record.encapsulationReason() != null) {
      return new RequestRefused(RequestRefused.Kind.REFUSED, tried);
    }
    String fix = "see the remote host's log";
    if (record.isIpInIp()) {
      fix =
          smallPassed
              ? "raise the path MTU between the hosts, or use --encapsulation tls"
              : "allow it in the filter or NAT between the hosts, or use --encapsulation tls";
    }
    MigrationPlan.Check check =
        new MigrationPlan.Check(
            host.config().daemon().name(),
            smallPassed ? "path MTU" : "encapsulation",
            "failed",
            tried,
            fix);
    return new RequestRefused(
        RequestRefused.Kind.REFUSED, tried + " (" + fix + ")", List.of(check));
  }

  /**
   * Asks each for a sign of life: a path that is gone would otherwise be noticed only when TCP
   * gives up.
   */
  void verify() {
    all.forEach(DataConnection::verify);
  }
}
