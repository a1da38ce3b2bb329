package dev.holdfast.redirector.flow;

import java.util.Locale;

/** How a flow ended, or that it has not. */
public enum FlowEnd {
  OPEN,
  /** Both FINs were acknowledged and time-wait has passed. */
  FIN,
  RESET_BY_GUEST,
  RESET_BY_PEER,
  /** UDP, ICMP and others: silent for as long as their timer; TCP: a handshake that led nowhere. */
  TIMED_OUT,
  /** A complete list of the guest's connections does not have it. */
  UNLISTED;

  static final FlowEnd[] ALL = values();

  /** As people and JSON see it: {@code reset-by-peer}. */
  public String label() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  boolean isReset() {
    return this == RESET_BY_GUEST || this == RESET_BY_PEER;
  }
}
