package dev.holdfast.redirector.replay;

import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.config.Config.HoldPolicy;
import dev.holdfast.redirector.config.Config.StaleSyn;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;

/**
 * What a replay does, beside the capture.
 *
 * @param guests who moves; to be filled in before the replay where they are found out later
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
 * @param namedFlows connections whose verdicts are counted by name, however many there are; as
 *     {@link FlowResult#flow} or {@link FlowResult#name}
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
    long settleNanos,
    Set<String> namedFlows) {

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

  /** Everything as it is by default, and no guest yet. */
  public static final ReplayOptions USUAL =
      new ReplayOptions(
          List.of(),
          false,
          CONNECTIONS,
          WanOptions.DEFAULT,
          PEER_DELAY_NANOS,
          new Hold(HoldPolicy.QUEUE, 64L << 20, 300_000_000_000L),
          -1,
          StaleSyn.TUNNEL,
          1,
          STALL_NANOS,
          SETTLE_NANOS,
          Set.of());

  public ReplayOptions {
    guests = List.copyOf(guests);
    namedFlows = Set.copyOf(namedFlows);
    if (connections < 1 || connections > 16 || peerDelayNanos < 0) {
      throw new IllegalArgumentException("1 to 16 data connections, and no negative delay");
    }
  }

  /** What is to be different. */
  public static final class Draft {
    public List<GuestPlan> guests;
    public boolean byIpInIp;
    public int connections;
    public WanOptions wan;
    public long peerDelayNanos;
    public Hold hold;
    public long drainAfterNanos;
    public StaleSyn staleSyn;
    public long seed;
    public long stallNanos;
    public long settleNanos;
    public Set<String> namedFlows;

    private Draft(ReplayOptions from) {
      guests = from.guests;
      byIpInIp = from.byIpInIp;
      connections = from.connections;
      wan = from.wan;
      peerDelayNanos = from.peerDelayNanos;
      hold = from.hold;
      drainAfterNanos = from.drainAfterNanos;
      staleSyn = from.staleSyn;
      seed = from.seed;
      stallNanos = from.stallNanos;
      settleNanos = from.settleNanos;
      namedFlows = from.namedFlows;
    }
  }

  /** The same, but for what {@code change} says. */
  public ReplayOptions with(Consumer<Draft> change) {
    var draft = new Draft(this);
    change.accept(draft);
    return new ReplayOptions(
        draft.guests,
        draft.byIpInIp,
        draft.connections,
        draft.wan,
        draft.peerDelayNanos,
        draft.hold,
        draft.drainAfterNanos,
        draft.staleSyn,
        draft.seed,
        draft.stallNanos,
        draft.settleNanos,
        draft.namedFlows);
  }

  /** The same, with one guest in place of all. */
  public ReplayOptions with(GuestPlan guest) {
    return with(draft -> draft.guests = List.of(guest));
  }

  /** One guest, and everything else as it is by default. */
  public static ReplayOptions of(GuestPlan guest) {
    return USUAL.with(guest);
  }
}
