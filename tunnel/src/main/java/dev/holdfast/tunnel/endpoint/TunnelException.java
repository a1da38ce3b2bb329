package dev.holdfast.tunnel.endpoint;

import java.io.IOException;

/** A remote host that could not be reached or refused; the message is one sentence. */
public final class TunnelException extends IOException {
  private static final long serialVersionUID = 1L;

  public TunnelException(String sentence) {
    super(sentence);
  }
}
