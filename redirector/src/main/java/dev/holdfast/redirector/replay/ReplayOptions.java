package dev.holdfast.redirector.replay;

import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.config.Config.HoldPolicy;
import dev.holdfast.redirector.config.Config.StaleSyn;
import java.util.List;

/**
 * What a replay does, beside the capture.
 *
 * @param guests who moves
 * @param byIpInIp live packets by IP-in-IP, not by TLS
 * @param connections data connections of a migration
 * @param wan between the sites
 * @param peerDelayNanos one way between a peer and the old site
 * @param hold what the two hosts' config says of holding
 * @param drainAfterNanos draining begins so long after the release; negative: never
 * @param staleSyn what becomes of new connections while draining
 * @param seed of everything that is random
 * @param stallNanos a connection that had something to deliver and did not for longer than that,
 *     the pause apart, has stalled
 * @param settleNanos how long what is still on its way has after the capture's last packet
 */
public record ReplayOptions(
    List<GuestPlan> guests,
    boolean byIpInIp,
    int connections,
    WanOptions wan,
    long peerDelayNanos,
    Hold hold,
    long drainAfterNanos,
    StaleSyn staleSyn,
    long seed,
    long stallNanos,
    long settleNanos) {

  /** As in the config: bytes and nanoseconds. */
  public record Hold(HoldPolicy policy, long maxBytes, long maxAgeNanos) {
    public static Hold of(Config.Hold config) {
      return new Hold(config.policy(), config.maxBytes(), config.maxAge().toNanos());
    }
  }

  public static final int CONNECTIONS = 4;
  public static final long PEER_DELAY_NANOS = 5_000_000L;
  public static final long STALL_NANOS = 1_000_000_000L;
  public static final long SETTLE_NANOS = 120_000_000_000L;

  public ReplayOptions {
    guests = List.copyOf(guests);
    if (connections < 1 || connections > 16 || peerDelayNanos < 0) {
      throw new IllegalArgumentException("1 to 16 data connections, and no negative delay");
    }
  }

  /** The same, with one guest in place of all. */
  public ReplayOptions with(GuestPlan guest) {
    return new ReplayOptions(
        List.of(guest),
        byIpInIp,
        connections,
        wan,
        peerDelayNanos,
        hold,
        drainAfterNanos,
        staleSyn,
        seed,
        stallNanos,
        settleNanos);
  }

  /** One guest, and everything else as it is by default. */
  public static ReplayOptions of(GuestPlan guest) {
    return new ReplayOptions(
        List.of(guest),
        false,
        CONNECTIONS,
        WanOptions.DEFAULT,
        PEER_DELAY_NANOS,
        new Hold(HoldPolicy.QUEUE, 64L << 20, 300_000_000_000L),
        -1,
        StaleSyn.TUNNEL,
        1,
        STALL_NANOS,
        SETTLE_NANOS);
  }
}
