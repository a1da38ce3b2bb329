package dev.holdfast.redirector.hook;

/** QEMU has answered a command with an error. The message is QEMU's own description. */
final class QmpRefused extends Exception {
  private static final long serialVersionUID = 1L;

  QmpRefused(String command, String description) {
    super(command + ": " + description);
  }
}
