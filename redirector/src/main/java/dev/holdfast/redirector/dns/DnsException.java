package dev.holdfast.redirector.dns;

import org.jspecify.annotations.Nullable;

/** Something about DNS did not work; the message is a sentence for the operator. */
public final class DnsException extends Exception {
  private static final long serialVersionUID = 1;

  /** What sort of trouble it is, and so whether trying again can help. */
  public enum Kind {
    /** The request or this host's configuration cannot work as it is. */
    CONFIGURATION,
    /** The records are not what they were: somebody else has changed them. */
    CONFLICT,
    /** The server says no: key, grant, clock or zone. */
    REFUSED,
    /** No believable answer came in time, or the server says that it is in trouble itself. */
    UNREACHABLE,
    /** The wait was interrupted; the thread's interrupt flag is set again. */
    INTERRUPTED
  }

  private final Kind kind;

  public DnsException(Kind kind, String sentence) {
    this(kind, sentence, null);
  }

  public DnsException(Kind kind, String sentence, @Nullable Throwable cause) {
    super(sentence, cause);
    this.kind = kind;
  }

  public Kind kind() {
    return kind;
  }

  /** The message: never null. */
  public String sentence() {
    String message = getMessage();
    return message == null ? "DNS: " + kind : message;
  }

  /** Whether the same request may well succeed later with nobody doing anything about it. */
  public boolean mayPass() {
    return kind == Kind.UNREACHABLE;
  }

  /** Sets the interrupt flag again and says so. */
  static DnsException interrupted() {
    Thread.currentThread().interrupt();
    return new DnsException(Kind.INTERRUPTED, "The DNS request was interrupted.");
  }
}
