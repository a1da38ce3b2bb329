package dev.holdfast.tunnel.identity;

/** A certificate or key that cannot be used; the message is one sentence for a person. */
public final class IdentityException extends Exception {
  private static final long serialVersionUID = 1L;

  public IdentityException(String sentence) {
    super(sentence);
  }

  public IdentityException(String sentence, Throwable cause) {
    super(sentence, cause);
  }
}
