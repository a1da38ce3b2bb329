package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.migration.RequestRefused;

/** What the exit codes mean, for every command. */
final class ExitCode {
  static final int OK = 0;
  static final int FAILED = 1;
  static final int USAGE = 2;
  static final int NO_DAEMON = 3;
  static final int REFUSED = 4;
  static final int PARTLY_DONE = 5;

  private ExitCode() {}

  static int of(RequestRefused.Kind kind) {
    return switch (kind) {
      case INVALID -> USAGE;
      case UNKNOWN, CONFLICT, REFUSED -> REFUSED;
      case FAILED -> FAILED;
    };
  }
}
