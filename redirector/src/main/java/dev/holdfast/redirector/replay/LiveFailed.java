package dev.holdfast.redirector.replay;

/** A live replay cannot go on. The message is a sentence for the person. */
public class LiveFailed extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public LiveFailed(String message) {
    super(message);
  }
}
