package dev.holdfast.redirector.demo;

/** How a scenario goes. */
public enum Ending {
  /** The guest moves, and the connections with it. */
  MOVED,
  /** The migration is armed and taken back; the guest stays. */
  ROLLED_BACK_FROM_ARMED,
  /** The guest is paused and goes on at the old host; the migration is taken back. */
  ROLLED_BACK_FROM_HOLDING,
  /** The guest moves, works at the new host, and moves back; the migration is taken back. */
  ROLLED_BACK_FROM_REDIRECTING;

  public boolean isRollback() {
    return this != MOVED;
  }
}
