package dev.holdfast.redirector.demo.load;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;

/**
 * The account of one stream at one end: how many bytes in which phase, their SHA-256, and for a
 * receiver where they first differed from what was to come.
 *
 * <p>Thread-safe: one thread adds, others look and wait.
 */
final class StreamLedger {
  private final SeededBytes expected;
  private final boolean checks;
  private final MessageDigest digest;
  private final long[] counts = new long[Phase.values().length];
  private long position;
  private long wrongAt = -1;
  private boolean ended;
  private byte[] scratch = new byte[0];

  private StreamLedger(SeededBytes expected, boolean checks) {
    this.expected = expected;
    this.checks = checks;
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java platform has SHA-256", e);
    }
  }

  /** An account of what is sent. */
  static StreamLedger ofSender(SeededBytes stream) {
    return new StreamLedger(stream, false);
  }

  /** An account of what is received, checked byte by byte. */
  static StreamLedger ofReceiver(SeededBytes stream) {
    return new StreamLedger(stream, true);
  }

  /** The next {@code length} bytes of the stream, to be sent; they are not counted yet. */
  synchronized byte[] next(int length) {
    byte[] bytes = new byte[length];
    expected.fill(position, bytes, 0, length);
    return bytes;
  }

  /** Counts bytes that were sent or have come. */
  synchronized void add(Phase phase, byte[] bytes, int offset, int length) {
    if (checks && wrongAt < 0) {
      if (scratch.length < length) {
        scratch = new byte[length];
      }
      expected.fill(position, scratch, 0, length);
      int differs = Arrays.mismatch(scratch, 0, length, bytes, offset, offset + length);
      if (differs >= 0) {
        wrongAt = position + differs;
      }
    }
    digest.update(bytes, offset, length);
    counts[phase.ordinal()] += length;
    position += length;
    notifyAll();
  }

  /** No more will be added. */
  synchronized void end() {
    ended = true;
    notifyAll();
  }

  /**
   * Waits for the stream to have so many bytes.
   *
   * @return false when it ended before
   */
  synchronized boolean await(long total) throws InterruptedException {
    while (position < total && !ended) {
      wait();
    }
    return position >= total;
  }

  synchronized void awaitEnd() throws InterruptedException {
    while (!ended) {
      wait();
    }
  }

  synchronized boolean isEnded() {
    return ended;
  }

  synchronized long position() {
    return position;
  }

  synchronized long count(Phase phase) {
    return counts[phase.ordinal()];
  }

  /** Where the first wrong byte stood; -1 when all were right. */
  synchronized long wrongAt() {
    return wrongAt;
  }

  /** Over everything so far; may be asked once, at the end. */
  synchronized String sha256() {
    return HexFormat.of().formatHex(digest.digest());
  }
}
