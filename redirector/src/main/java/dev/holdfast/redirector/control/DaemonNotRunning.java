package dev.holdfast.redirector.control;

import java.io.IOException;
import java.nio.file.Path;

/** Nobody answers on the control socket, or it may not be opened. The message is a sentence. */
public final class DaemonNotRunning extends IOException {
  private static final long serialVersionUID = 1L;

  public DaemonNotRunning(Path socket, String message, Throwable cause) {
    super(message.replace("SOCKET", socket.toString()), cause);
  }
}
