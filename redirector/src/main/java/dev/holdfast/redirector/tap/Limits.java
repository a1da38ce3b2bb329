package dev.holdfast.redirector.tap;

/**
 * How much of a capture is wanted.
 *
 * @param snapLength bytes of a packet that are kept at most
 * @param count packets after which it ends
 * @param nanos time after which it ends
 * @param bufferBytes how much may wait to be taken
 */
public record Limits(int snapLength, long count, long nanos, int bufferBytes) {
  /** No frame of the tunnel is longer, bytes. */
  public static final int LONGEST = 1 << 17;

  public static final int DEFAULT_BUFFER = 16 << 20;

  /** Room for some of the longest packets. */
  public static final int SMALLEST_BUFFER = 1 << 20;

  public static final int LARGEST_BUFFER = 256 << 20;

  public static final Limits NONE =
      new Limits(LONGEST, Long.MAX_VALUE, Long.MAX_VALUE, DEFAULT_BUFFER);

  /**
   * @throws IllegalArgumentException with a sentence
   */
  public Limits {
    require(snapLength >= 1 && snapLength <= LONGEST, "A packet is cut to 1 to %d bytes.", LONGEST);
    require(count >= 1, "A capture of no packets is none.", 0);
    require(nanos >= 1, "A capture of no time is none.", 0);
    require(
        bufferBytes >= SMALLEST_BUFFER && bufferBytes <= LARGEST_BUFFER,
        "The buffer is 1 MiB to %d MiB.",
        LARGEST_BUFFER >> 20);
  }

  private static void require(boolean holds, String sentence, int figure) {
    if (!holds) {
      throw new IllegalArgumentException(sentence.formatted(figure));
    }
  }
}
