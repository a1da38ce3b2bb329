package dev.holdfast.redirector.tap;

import java.io.IOException;
import java.io.OutputStream;

/** A capture that runs, as pcapng. */
public interface Feed {
  /** By which it can be ended. */
  String id();

  /**
   * Writes until the capture ends: by {@link #end}, by its own count or time, or because nobody
   * takes what is written. Blocks; called once.
   *
   * @throws IOException what {@code out} has thrown
   */
  void writeTo(OutputStream out) throws IOException;

  /** Ends it: what was recorded until now is still written. Any thread. */
  void end();
}
