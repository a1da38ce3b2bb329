package dev.holdfast.redirector.cli;

/** A command that ends without what was asked for. The message is a sentence for the person. */
final class CommandFailed extends Exception {
  private static final long serialVersionUID = 1L;

  private final int exitCode;
  private final String kind;

  private CommandFailed(int exitCode, String kind, String message) {
    super(message);
    this.exitCode = exitCode;
    this.kind = kind;
  }

  /** It was tried and did not work. */
  static CommandFailed failed(String message) {
    return new CommandFailed(ExitCode.FAILED, "failed", message);
  }

  /** The command or a file that it names is wrong. */
  static CommandFailed usage(String message) {
    return new CommandFailed(ExitCode.USAGE, "invalid", message);
  }

  /** Nothing was tried, because it must not or cannot be now. */
  static CommandFailed refused(String message) {
    return new CommandFailed(ExitCode.REFUSED, "refused", message);
  }

  /** There is nobody to ask. */
  static CommandFailed noDaemon(String message) {
    return new CommandFailed(ExitCode.NO_DAEMON, "not-running", message);
  }

  /** Some of it was done. */
  static CommandFailed partlyDone(String message) {
    return new CommandFailed(ExitCode.PARTLY_DONE, "partly-done", message);
  }

  int exitCode() {
    return exitCode;
  }

  String kind() {
    return kind;
  }
}
