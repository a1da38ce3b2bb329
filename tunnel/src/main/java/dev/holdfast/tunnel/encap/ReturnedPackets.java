package dev.holdfast.tunnel.encap;

/**
 * When it is worth telling that the tunnel's packets to one remote host come back as "unreachable"
 * or "time exceeded". One such error is soft state (RFC 1122 section 3.2.2.1: a hint, no proof); a
 * few of them, one soon after the other, are trouble; it is over when something comes from the host
 * again and no error has come for a while. Time is the caller's.
 */
public final class ReturnedPackets {
  /** So many errors are told. */
  static final int TROUBLE = 3;

  /** Errors that are further apart have nothing to do with each other. */
  static final long APART_NANOS = 30_000_000_000L;

  /** Routers send these errors about once in a second (RFC 1812 section 4.3.2.8). */
  static final long QUIET_NANOS = 5_000_000_000L;

  private int errors;
  private long lastAt;
  private boolean trouble;

  /** A believed error has come; true where that is now to be told. */
  public boolean returned(long nowNanos) {
    if (errors > 0 && nowNanos - lastAt > APART_NANOS) {
      errors = 0;
    }
    lastAt = nowNanos;
    errors++;
    if (trouble || errors < TROUBLE) {
      return false;
    }
    trouble = true;
    return true;
  }

  /** Whether {@link #heard} is of interest: a packet from the remote host costs nothing else. */
  public boolean isPending() {
    return errors > 0;
  }

  /** A packet has come from the remote host; true where it is to be told that all is well again. */
  public boolean heard(long nowNanos) {
    if (nowNanos - lastAt < QUIET_NANOS) {
      return false;
    }
    boolean over = trouble;
    trouble = false;
    errors = 0;
    return over;
  }
}
