package dev.holdfast.tunnel.sys;

import java.io.IOException;

/** A system call failed; the message says what was tried and, in words, why it failed. */
public final class SysException extends IOException {
  private static final long serialVersionUID = 1;

  private final int errno;

  /**
   * @param what the call and what it was about, such as {@code "open /dev/net/tun"}
   */
  public SysException(String what, int errno) {
    super(what + ": " + Errno.text(errno) + " (" + Errno.name(errno) + ")");
    this.errno = errno;
  }

  /** As in {@link Errno}. */
  public int errno() {
    return errno;
  }

  /** The macro's name, such as {@code EBUSY}. */
  public String errnoName() {
    return Errno.name(errno);
  }
}
