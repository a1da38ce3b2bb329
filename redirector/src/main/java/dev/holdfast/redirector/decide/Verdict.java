package dev.holdfast.redirector.decide;

import dev.holdfast.tunnel.observe.DropReason;

/** What becomes of a packet. All verdicts there are exist already: deciding allocates nothing. */
public sealed interface Verdict {
  /** Send it to the remote host. */
  Verdict TUNNEL = new Tunnel();

  /** Keep it in the hold queue. */
  Verdict HOLD = new Hold();

  /** Give it to this host's kernel, which delivers it. */
  Verdict PASS = new Pass();

  /** Give it to this host's kernel, which sends it on by its own routes. */
  Verdict LEAVE = new Leave();

  /**
   * Answer it as a closed port would: RST to a SYN, port-unreachable to the rest. Only by policy,
   * and only for what begins while draining. Counted as {@link DropReason#STALE_SYN}.
   */
  Verdict REJECT = new Reject();

  /** Drop it for this reason, and count that. */
  static Verdict drop(DropReason reason) {
    return Drop.OF[reason.ordinal()];
  }

  /** See {@link #TUNNEL}. */
  record Tunnel() implements Verdict {}

  /** See {@link #HOLD}. */
  record Hold() implements Verdict {}

  /** See {@link #PASS}. */
  record Pass() implements Verdict {}

  /** See {@link #LEAVE}. */
  record Leave() implements Verdict {}

  /** See {@link #REJECT}. */
  record Reject() implements Verdict {}

  /** See {@link #drop}. */
  record Drop(DropReason reason) implements Verdict {
    private static final Drop[] OF = new Drop[DropReason.values().length];

    static {
      for (DropReason reason : DropReason.values()) {
        OF[reason.ordinal()] = new Drop(reason);
      }
    }
  }
}
