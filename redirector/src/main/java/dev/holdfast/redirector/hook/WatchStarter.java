package dev.holdfast.redirector.hook;

import java.io.IOException;
import java.nio.file.Path;

/** Starts {@code holdfast hook qmp} as a process of its own, which outlives its starter. */
@FunctionalInterface
public interface WatchStarter {
  /**
   * Returns at once.
   *
   * @param monitor QEMU's socket; it may come to be later
   * @param migration id
   * @param end source or destination
   * @throws IOException when no process can be started
   */
  void start(Path monitor, String migration, String end) throws IOException;
}
