package dev.holdfast.redirector.flow;

import java.util.Locale;

/** How a flow became known. */
public enum Origin {
  /** Its packets were captured on the guest's port while the guest still ran at the old host. */
  CAPTURED,
  /** The guest listed it. */
  LISTED,
  /** The remote host named it. */
  SNAPSHOT,
  /** Its packets were seen on their way through the tunnel or the hold queue. */
  SEEN,
  /** This host's connection tracking had it. */
  CONNTRACK;

  static final Origin[] ALL = values();

  /** As people and JSON see it. */
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }
}
