package dev.holdfast.redirector.demo.lab;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * How a lab is to be.
 *
 * @param prefix of the namespaces' names, such as {@code hf1234-1-}
 * @param wan what is between the sites; {@link Wan#NONE}: no gateway
 * @param peer whether a machine of its own hangs on the old host's bridge
 * @param lowestMac whether the guest's port has the lowest MAC of the old host's bridge, so that
 *     the bridge's own is taken from it
 * @param quickAck whether the guest acknowledges at once; see {@link Lab#acknowledging}
 */
public record LabOptions(
    String prefix, Wan wan, boolean peer, boolean lowestMac, boolean quickAck) {

  private static final AtomicInteger LABS = new AtomicInteger();

  /** No delay, no peer; names that no other lab has. */
  public static LabOptions plain() {
    return new LabOptions(
        ofThisProcess() + LABS.incrementAndGet() + "-", Wan.NONE, false, false, true);
  }

  /** With which the names of all of this process's labs begin. */
  public static String ofThisProcess() {
    return "hf" + ProcessHandle.current().pid() + "-";
  }

  public LabOptions withDelay(Duration oneWay) {
    return withWan(Wan.delayed(oneWay));
  }

  public LabOptions withWan(Wan wanted) {
    return new LabOptions(prefix, wanted, peer, lowestMac, quickAck);
  }

  public LabOptions withPeer(boolean wanted) {
    return new LabOptions(prefix, wan, wanted, lowestMac, quickAck);
  }

  public LabOptions withLowestMac(boolean wanted) {
    return new LabOptions(prefix, wan, peer, wanted, quickAck);
  }

  public LabOptions withQuickAck(boolean wanted) {
    return new LabOptions(prefix, wan, peer, lowestMac, wanted);
  }

  boolean hasGateway() {
    return wan.isThere();
  }
}
