package dev.holdfast.redirector.demo.load;

import java.net.InetSocketAddress;

/**
 * What became of one connection.
 *
 * @param machine the name of the client's machine
 * @param client its address and port
 * @param guestFirst whether, being idle, the guest spoke first
 * @param detail a sentence; empty when it survived
 * @param toGuest bytes that the client wrote
 * @param toClient bytes that the guest wrote
 */
public record ConnectionResult(
    int index,
    Kind kind,
    String machine,
    InetSocketAddress client,
    boolean guestFirst,
    Outcome outcome,
    String detail,
    Bytes toGuest,
    Bytes toClient) {

  /** Bytes written in each phase. */
  public record Bytes(long before, long during, long after) {
    static Bytes of(StreamLedger ledger) {
      return new Bytes(
          ledger.count(Phase.BEFORE), ledger.count(Phase.DURING), ledger.count(Phase.AFTER));
    }

    public boolean spansTheMove() {
      return before > 0 && during > 0 && after > 0;
    }
  }

  /** The bytes in the direction that a bulk stream has. */
  public Bytes bulk() {
    return kind == Kind.BULK_UP ? toGuest : toClient;
  }
}
