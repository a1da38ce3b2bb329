package dev.holdfast.redirector.decide;

import java.util.Locale;

/** What a host is in one migration. */
public enum Role {
  /** The guest leaves this host. */
  REDIRECTOR,
  /** The guest comes to this host. */
  ENDPOINT;

  /** As people and JSON see it. */
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }
}
