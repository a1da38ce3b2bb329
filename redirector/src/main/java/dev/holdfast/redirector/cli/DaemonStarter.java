package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.config.Config;
import java.io.IOException;

/** Starts the daemon in this process. */
@FunctionalInterface
public interface DaemonStarter {

  /**
   * Returns when the daemon answers on its control socket. Closing what is returned stops it.
   *
   * @param version of this program
   * @throws IOException with a sentence that says what to do
   */
  AutoCloseable start(Config config, String version) throws IOException;
}
