package dev.holdfast.tunnel.endpoint;

import dev.holdfast.tunnel.endpoint.ControlMessage.Hello;
import org.jspecify.annotations.Nullable;

/** Which versions of the control protocol this host speaks. */
final class Versions {
  static final int MIN = 1;
  static final int MAX = 1;

  private Versions() {}

  /** Null when there is a version that both speak, otherwise the sentence that says why not. */
  static @Nullable String mismatch(Hello theirs, String remoteName) {
    if (Math.min(MAX, theirs.maxVersion()) >= Math.max(MIN, theirs.minVersion())) {
      return null;
    }
    return remoteName
        + " ("
        + theirs.software()
        + ") speaks control protocol "
        + range(theirs.minVersion(), theirs.maxVersion())
        + ", this host "
        + range(MIN, MAX)
        + ": upgrade the older of the two";
  }

  private static String range(int min, int max) {
    return min == max ? "version " + min : "versions " + min + " to " + max;
  }
}
