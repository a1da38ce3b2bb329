package dev.holdfast.redirector.demo.load;

/** Where in the move a byte was written. */
public enum Phase {
  /** Until hold was asked for. */
  BEFORE,
  /** From hold until release was accepted. */
  DURING,
  /** From then on. */
  AFTER
}
