package dev.holdfast.redirector.migration;

import dev.holdfast.tunnel.endpoint.RemoteHost;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps a control channel with every remote host that a live migration is shared with. Whoever of
 * the two can reach the other dials: behind a NAT that is the redirector alone, and after a change
 * of an address it is the host whose address has changed, so that the other learns where it is.
 */
final class StandingChannels {
  private static final Logger log = LoggerFactory.getLogger(StandingChannels.class);
  private static final long LOOK_MILLIS = 1_000;

  private final Host host;
  private final MigrationEngine engine;

  StandingChannels(Host host, MigrationEngine engine) {
    this.host = host;
    this.engine = engine;
  }

  /** Looks from now on, as long as the host's timer runs. */
  void start() {
    var unused =
        host.timer()
            .scheduleWithFixedDelay(this::look, LOOK_MILLIS, LOOK_MILLIS, TimeUnit.MILLISECONDS);
  }

  /** One that is up costs nothing, and one that is being dialled is not dialled again. */
  private void look() {
    for (LiveMigration migration : engine.live()) {
      RemoteHost remote = host.endpoint().remotes().get(migration.record.remote());
      if (remote != null && remote.endpoint() != null) {
        keep(remote.name());
      }
    }
  }

  private void keep(String remote) {
    host.endpoint()
        .control(remote)
        .whenComplete((channel, failure) -> {
          if (failure != null) {
            log.debug("no control channel to {}: {}", remote, failure.getMessage());
          }
        });
  }
}
