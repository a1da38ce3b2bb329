package dev.holdfast.redirector.flow;

import java.util.Locale;

/**
 * The state that the guest's side of a connection is in, as far as a bystander can tell (RFC 9293
 * section 3.3.2).
 */
public enum TcpState {
  SYN_SENT,
  /** The peer's SYN was seen; the guest may have answered it or not. */
  SYN_RECEIVED,
  ESTABLISHED,
  FIN_WAIT_1,
  FIN_WAIT_2,
  CLOSE_WAIT,
  CLOSING,
  LAST_ACK,
  /**
   * Both FINs are acknowledged. Here that is so whoever closed first: the last acknowledgment may
   * have been lost behind us, and then a FIN is repeated.
   */
  TIME_WAIT,
  CLOSED;

  /** As people and JSON see it: {@code fin-wait-1}. */
  public String label() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
