package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.path.InboundPath;
import dev.holdfast.redirector.path.MigrationPath;
import dev.holdfast.tunnel.link.Link;
import dev.holdfast.tunnel.link.TlsLink;
import dev.holdfast.tunnel.packet.IpAddress;
import java.util.HexFormat;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The redirector's data connection of one migration: opened at arm, proven by probes, opened again
 * whenever it is lost, until the migration ends. While it is down the packet path holds instead of
 * tunnelling.
 */
final class DataConnection implements InboundPath.LinkEvents {
  private static final long OPEN_SECONDS = 7;
  private static final long PROBE_MILLIS = 1_000;
  private static final int PROBE_TRIES = 4;
  private static final long FIRST_RETRY_MILLIS = 100;
  private static final long LAST_RETRY_MILLIS = 2_000;

  private final Host host;
  private final RedirectorMigration migration;
  private final AtomicLong marker = new AtomicLong();
  private volatile @Nullable TlsLink link;
  private volatile boolean wanted;
  private volatile long retryMillis = FIRST_RETRY_MILLIS;
  private volatile double probeMillis = -1;

  DataConnection(Host host, RedirectorMigration migration) {
    this.host = host;
    this.migration = migration;
  }

  /**
   * Opens it and waits until it stands.
   *
   * @throws RequestRefused with the reason when it does not
   */
  void open() throws RequestRefused {
    wanted = true;
    MigrationRecord record = migration.record;
    try {
      connect(record).get(OPEN_SECONDS, TimeUnit.SECONDS);
    } catch (ExecutionException e) {
      Throwable cause = e.getCause() == null ? e : e.getCause();
      throw new RequestRefused(
          RequestRefused.Kind.REFUSED,
          "no data connection to " + record.remote() + ": " + cause.getMessage(),
          e);
    } catch (TimeoutException e) {
      throw new RequestRefused(
          RequestRefused.Kind.REFUSED,
          "no data connection to " + record.remote() + " within " + OPEN_SECONDS + " s",
          e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new RequestRefused(RequestRefused.Kind.FAILED, "interrupted while connecting", e);
    }
  }

  private CompletableFuture<Void> connect(MigrationRecord record) {
    MigrationPath path = migration.path;
    if (path == null) {
      return CompletableFuture.failedFuture(new IllegalStateException("it has just ended"));
    }
    return host.endpoint()
        .openLink(
            record.remote(),
            record.uuid(),
            record.epoch(),
            HexFormat.of().parseHex(record.token()),
            new InboundPath(path, host.objects().device(record), host.clock(), this, true))
        .thenAccept(opened -> host.data().run(() -> use(opened)));
  }

  private void use(TlsLink opened) {
    MigrationPath path = migration.path;
    if (!wanted || path == null) {
      opened.close();
      return;
    }
    link = opened;
    retryMillis = FIRST_RETRY_MILLIS;
    Link live = host.objects().liveLink(migration.record, path, opened, this);
    path.linkUp(opened, live);
    path.catchUp();
    if (path.isRedirecting()) {
      path.mark(marker.incrementAndGet());
    }
    migration.event("link", "data connection to " + migration.record.remote() + " is up");
  }

  /** Opens it in the background, again and again until it stands: a restarted daemon takes over. */
  void keepOpen() {
    wanted = true;
    retry();
  }

  private void retry() {
    long wait = retryMillis;
    retryMillis = Math.min(LAST_RETRY_MILLIS, wait * 2);
    host.later(
        wait,
        "data-connection-" + migration.record.name(),
        () -> {
          TlsLink present = link;
          if (!wanted || (present != null && present.isUp())) {
            return;
          }
          connect(migration.record)
              .exceptionally(failure -> {
                retry();
                return null;
              });
        });
  }

  /**
   * Proves the tunnel both ways with inner packets, the last one as long as the old LAN's longest.
   *
   * @throws RequestRefused when no answer comes, naming what was tried
   */
  void probe() throws RequestRefused {
    MigrationPath path = Objects.requireNonNull(migration.path);
    IpAddress old = migration.record.olds().getFirst();
    int longest = host.data().call(() -> path.innerMtu());
    probeMillis = probe(path, old, 0, "a small probe");
    probe(path, old, longest, "a probe of " + longest + " bytes");
    migration.event(
        "progress",
        String.format(
            java.util.Locale.ROOT,
            "tunnel proven both ways, packets of up to %d bytes, round trip %.2f ms",
            longest,
            probeMillis));
  }

  private double probe(MigrationPath path, IpAddress old, int size, String what)
      throws RequestRefused {
    for (int attempt = 0; attempt < PROBE_TRIES; attempt++) {
      long number = marker.incrementAndGet();
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
    boolean ipip = "ipip".equals(migration.record.encapsulation());
    throw new RequestRefused(
        RequestRefused.Kind.REFUSED,
        what
            + " through the tunnel to "
            + migration.record.remote()
            + " was not answered ("
            + PROBE_TRIES
            + " tries); "
            + (ipip
                ? "a filter may drop IP protocol 4 between the hosts, or the path MTU is smaller: allow it, or use"
                    + " --encapsulation tls"
                : "see the remote host's log"));
  }

  /** Round trip of the arm probe in milliseconds; -1 before it. */
  double probeMillis() {
    return probeMillis;
  }

  /**
   * Everything held has been sent: the endpoint is asked to say when it has handled it. Data loop.
   */
  void markSent() {
    MigrationPath path = migration.path;
    if (path != null) {
      path.catchUp();
      path.mark(marker.incrementAndGet());
    }
  }

  void close() {
    wanted = false;
    TlsLink present = link;
    link = null;
    if (present != null) {
      host.data().run(present::close);
    }
  }

  @Override
  public void linkDown(String reason) {
    MigrationPath path = migration.path;
    if (path != null) {
      path.linkDown();
    }
    link = null;
    if (wanted) {
      migration.event(
          "link", "data connection is down (" + reason + "); packets are held until it is back");
      retry();
    }
  }

  @Override
  public void markerAnswered(long answered) {
    MigrationPath path = migration.path;
    if (path != null && answered == marker.get()) {
      path.delivered(path.sentUpTo());
    }
  }

  @Override
  public void markerSeen(long seen) {}
}
