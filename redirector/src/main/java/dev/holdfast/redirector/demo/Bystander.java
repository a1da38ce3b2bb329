package dev.holdfast.redirector.demo;

import dev.holdfast.redirector.demo.host.DemoHost;
import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.Lab;
import dev.holdfast.redirector.migration.MigrationState;

/** Does something of its own in the lab while a scenario runs; a test, for example, measures. */
public interface Bystander {
  /** Does nothing. */
  Bystander NONE = lab -> {};

  /** The lab stands and the guest serves; nothing is armed yet. */
  default void begun(Lab lab) throws Exception {}

  /** The migration has just come to {@code state} at both hosts. */
  default void reached(MigrationState state, DemoHost oldHost, DemoHost newHost) throws Exception {}

  /** The guest is at the old host again: has {@code rollback} done, which asks for it. */
  default void takeBack(Cleanup.Step rollback, DemoHost oldHost, DemoHost newHost)
      throws Exception {
    rollback.run();
  }

  /** Every connection has moved as far as it will; all are still open. */
  void moved(Lab lab) throws Exception;
}
