package dev.holdfast.redirector.decide;

import dev.holdfast.tunnel.observe.DropReason;

/** Every rule there is: what it decides, and why. {@link Decision} says when each applies. */
public enum Rule {
  // ---- whatever the state ----
  NOT_OURS(DropReason.NO_MIGRATION, "its destination is not this guest's old address"),
  NOT_GRANTED(DropReason.NOT_GRANTED, "its inner address was not granted"),
  GROUP_ADDRESS(DropReason.MULTICAST, "multicast and broadcast stay in their LAN"),
  TO_ITSELF(DropReason.LOOP, "both its addresses are the guest's: it would come back here"),

  // ---- redirector, to the guest ----
  NOT_ARMED(DropReason.WRONG_STATE, "nothing is set up yet, or nothing is left"),
  GUEST_IS_HERE(Verdict.PASS, "the guest runs at this host"),
  GUEST_IS_PAUSED(Verdict.HOLD, "the guest is paused, and gets it when it runs again"),
  HOLD_DROPS(DropReason.HOLD_POLICY_DROP, "the guest is paused, and hold.policy is drop"),
  GUEST_IS_THERE(Verdict.TUNNEL, "the guest runs at the remote host"),
  KNOWN_FLOW(Verdict.TUNNEL, "its connection began before, and is served until it ends"),
  MID_STREAM(Verdict.TUNNEL, "its connection is older than our knowledge of it"),
  GUEST_HAS_THE_WORD(
      Verdict.TUNNEL, "its connection was reset, and only the guest may repeat that"),
  ABOUT_OTHERS(Verdict.TUNNEL, "an ICMP error or reply is about what the guest sent"),
  PART_OF_DATAGRAM(
      Verdict.TUNNEL, "a fragment without ports does not say which connection it is of"),
  STALE_TUNNELLED(Verdict.TUNNEL, "it is new, and drain.stale-syn is tunnel"),
  STALE_DROPPED(DropReason.STALE_SYN, "it is new, and drain.stale-syn is drop"),
  STALE_REJECTED(Verdict.REJECT, "it is new, and drain.stale-syn is reject"),
  FLOW_ENDED(DropReason.WRONG_STATE, "its connection has ended, and the migration is draining"),

  // ---- redirector, from the guest through the tunnel ----
  GUEST_ANSWERS(Verdict.PASS, "the guest's answers leave at the old site"),
  NO_TUNNEL_YET(DropReason.WRONG_STATE, "the guest has not left this host, or is back"),

  // ---- endpoint ----
  DELIVERED(Verdict.PASS, "the guest runs at this host"),
  NOT_RELEASED(DropReason.WRONG_STATE, "the guest does not run at this host"),
  ANSWER_GOES_BACK(Verdict.TUNNEL, "answers from the old address leave at the old site"),
  ANSWER_GOES_DIRECT(
      Verdict.LEAVE, "the return path is direct, and its connection is open and stays so"),
  NOT_HELD(DropReason.WRONG_STATE, "the guest still runs at the old host, or again");

  private final Verdict verdict;
  private final String reason;

  Rule(Verdict verdict, String reason) {
    this.verdict = verdict;
    this.reason = reason;
  }

  Rule(DropReason drop, String reason) {
    this(Verdict.drop(drop), reason);
  }

  public Verdict verdict() {
    return verdict;
  }

  /** A clause that completes "that is so because …". */
  public String reason() {
    return reason;
  }
}
