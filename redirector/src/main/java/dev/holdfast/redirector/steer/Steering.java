package dev.holdfast.redirector.steer;

import java.io.IOException;
import java.util.List;

/** The kernel changes of one migration on one host. */
public interface Steering {
  /**
   * Changes of the LAN's interface, which other migrations may rely on too: to be owned by {@link
   * KernelLedger#HOST}. Only what is not so already.
   */
  List<KernelChange> shared() throws IOException;

  /** Changes of this migration alone, to be owned by its id. Nothing is switched on. */
  List<KernelChange> arm();
}
