package dev.holdfast.tunnel.endpoint;

/** Bytes on the control channel that are no message; the sentence says what is wrong with them. */
public final class ControlFormatException extends Exception {
  private static final long serialVersionUID = 1L;

  public ControlFormatException(String sentence) {
    super(sentence);
  }
}
