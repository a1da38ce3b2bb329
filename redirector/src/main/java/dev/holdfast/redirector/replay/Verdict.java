package dev.holdfast.redirector.replay;

/** What became of a connection. */
public sealed interface Verdict {
  /** Everything that it carried in the capture was delivered, whole and in order, and in time. */
  record Survived() implements Verdict {}

  /**
   * It had something to deliver and did not, for too long or for ever.
   *
   * @param nanos the longest such time, the guest's pause apart
   * @param forEver whether it had not ended when the replay did
   */
  record Stalled(long nanos, boolean forEver) implements Verdict {}

  /**
   * A reset arrived that the capture does not have.
   *
   * @param by whose it was, as far as can be told
   */
  record Reset(String by) implements Verdict {}

  /**
   * Other bytes arrived than were written.
   *
   * @param offset of the first one in its stream, from 0; of a datagram's packet
   * @param toGuest in which direction
   */
  record Corrupted(long offset, boolean toGuest) implements Verdict {}

  /**
   * It could not be replayed.
   *
   * @param why a clause
   */
  record NotReplayed(String why) implements Verdict {}

  /** survived, stalled, reset, corrupted or not-replayed. */
  default String label() {
    return switch (this) {
      case Survived survived -> "survived";
      case Stalled stalled -> "stalled";
      case Reset reset -> "reset";
      case Corrupted corrupted -> "corrupted";
      case NotReplayed not -> "not-replayed";
    };
  }

  /** With what belongs to it, such as {@code stalled(1200 ms)}. */
  default String text() {
    return switch (this) {
      case Survived survived -> "survived";
      case Stalled(long nanos, boolean forEver) ->
          "stalled(" + nanos / 1_000_000 + " ms" + (forEver ? ", and had not ended)" : ")");
      case Reset(String by) -> "reset(by " + by + ")";
      case Corrupted(long offset, boolean toGuest) ->
          "corrupted(at byte " + offset + (toGuest ? " to the guest)" : " from the guest)");
      case NotReplayed(String why) -> "not-replayed(" + why + ")";
    };
  }

  /** Whether nothing is wrong with the move as far as this connection can tell. */
  default boolean isGood() {
    return this instanceof Survived || this instanceof NotReplayed;
  }
}
