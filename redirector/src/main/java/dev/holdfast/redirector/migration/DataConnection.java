package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.path.InboundPath;
import dev.holdfast.redirector.path.MigrationPath;
import dev.holdfast.tunnel.link.Link;
import dev.holdfast.tunnel.link.TlsLink;
import java.util.HexFormat;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * One of the redirector's data connections of a migration: opened again whenever it is lost, each
 * by itself, until the migration ends.
 */
final class DataConnection {
  private static final long VERIFY_MILLIS = 1_500;
  private static final long FIRST_RETRY_MILLIS = 100;
  private static final long LAST_RETRY_MILLIS = 2_000;

  private final Host host;
  private final RedirectorMigration migration;
  private final DataConnections all;
  private final int lane;
  private volatile @Nullable TlsLink link;
  private volatile boolean wanted = true;
  private volatile long retryMillis = FIRST_RETRY_MILLIS;

  DataConnection(Host host, RedirectorMigration migration, DataConnections all, int lane) {
    this.host = host;
    this.migration = migration;
    this.all = all;
    this.lane = lane;
  }

  CompletableFuture<Void> connect() {
    MigrationRecord record = migration.record;
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
            lane,
            // Where outer packets come from is where the endpoint sends its own to.
            record.isIpInIp() ? host.config().tunnel().listen().getAddress() : null,
            new InboundPath(path, lane, host.objects().device(record), host.clock(), all, true))
        .thenAccept(opened -> host.data().run(() -> use(opened)));
  }

  private void use(TlsLink opened) {
    MigrationPath path = migration.path;
    if (!wanted || path == null) {
      opened.close();
      return;
    }
    Link live;
    try {
      live = host.objects().liveLink(migration.record, path, opened, all);
    } catch (IllegalArgumentException e) {
      opened.close(); // whoever asked for it is told why
      throw e;
    }
    link = opened;
    retryMillis = FIRST_RETRY_MILLIS;
    path.linkUp(lane, opened, live);
    path.catchUp(lane);
    all.up(lane);
  }

  /** Opens it in the background, again and again until it stands. */
  void keepOpen() {
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
          connect()
              .exceptionally(failure -> {
                all.failed(failure);
                keepOpen();
                return null;
              });
        });
  }

  /**
   * Asks for a sign of life, and opens another connection where none comes: a path that is gone
   * would otherwise be noticed only when TCP gives up.
   */
  void verify() {
    try {
      host.data().post(this::askForLife);
    } catch (RejectedExecutionException e) {
      // The daemon is stopping, and the next one opens its own.
    }
  }

  private void askForLife() {
    TlsLink asked = link;
    MigrationPath path = migration.path;
    if (asked == null || path == null) {
      return;
    }
    long heard = path.heard(lane);
    path.askForLife(lane);
    var unused =
        host.data()
            .loop()
            .schedule(
                () -> {
                  if (link == asked && path.heard(lane) == heard) {
                    asked.close();
                    all.linkDown(lane, "nothing comes from it any more");
                  }
                },
                VERIFY_MILLIS,
                TimeUnit.MILLISECONDS);
  }

  /** It has ended: another one is opened. Data loop. */
  void lost() {
    link = null;
    if (wanted) {
      keepOpen();
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
}
