package dev.holdfast.redirector.demo.load;

/** What became of a connection. */
public enum Outcome {
  /** It moved new bytes both ways after the move, ended as it should, and every byte was right. */
  SURVIVED,
  /** It was reset, or ended before it should. */
  RESET,
  /** A byte was wrong, missing or too many. */
  CORRUPTED,
  /** It moved no more, or not to its end. */
  STALLED
}
