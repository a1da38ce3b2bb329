package dev.holdfast.redirector.steer;

/**
 * The kernel changes at the old host, where capture is switched on and off: as elements of sets and
 * maps in one nft transaction. The scripts of several migrations may be joined into one.
 */
public interface CaptureSteering extends Steering {
  /** Switches capture on, and blocks the guest's port. */
  String holdScript();

  /**
   * Switches capture off; the guest's port stays blocked. Until the changes of {@link #arm} are
   * undone, this host says nothing of its own about the old addresses, and what neighbours still
   * send to this host's MAC can get to the guest.
   */
  String unholdScript();

  /** Opens the guest's port again. */
  String unblockScript();
}
