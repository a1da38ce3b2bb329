package dev.holdfast.redirector.demo;

import dev.holdfast.redirector.demo.lab.Lab;

/** Does something of its own in the lab while a scenario runs; a test, for example, measures. */
public interface Bystander {
  /** Does nothing. */
  Bystander NONE = lab -> {};

  /** The lab stands and the guest serves; nothing is armed yet. */
  default void begun(Lab lab) throws Exception {}

  /** Every connection has moved as far as it will; all are still open. */
  void moved(Lab lab) throws Exception;
}
