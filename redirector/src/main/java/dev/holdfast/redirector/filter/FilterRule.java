package dev.holdfast.redirector.filter;

import java.util.List;

/**
 * One rule of somebody's packet filter.
 *
 * @param text as its tool writes it, for people
 * @param conditions all of them must be true
 * @param target the chain of a jump or goto; else empty
 */
record FilterRule(String text, List<Condition> conditions, Action action, String target) {

  /** What a rule asks of a packet. */
  interface Condition {
    Truth of(Passage packet);
  }

  /** What a rule does with a packet that it matches. */
  enum Action {
    ACCEPT,
    DROP,
    REJECT,
    JUMP,
    GOTO,
    RETURN,
    /** Counts, logs or marks, and goes on. */
    NOTHING,
    /** Gives it to a program, or does what is not known here. */
    GIVE_AWAY
  }

  FilterRule {
    conditions = List.copyOf(conditions);
  }

  Truth matches(Passage packet) {
    Truth all = Truth.YES;
    for (Condition condition : conditions) {
      all = all.and(condition.of(packet));
    }
    return all;
  }
}
