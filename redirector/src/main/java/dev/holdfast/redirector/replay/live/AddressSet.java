package dev.holdfast.redirector.replay.live;

import dev.holdfast.tunnel.packet.IpAddress;
import java.util.Collection;

/** A set of addresses that is asked for every packet: by hashing, without an object. */
final class AddressSet {
  private final long[] highs;
  private final long[] lows;
  private final boolean[] used;

  AddressSet(Collection<IpAddress> addresses) {
    int size = Integer.highestOneBit(Math.max(4, addresses.size())) * 4;
    highs = new long[size];
    lows = new long[size];
    used = new boolean[size];
    for (IpAddress address : addresses) {
      int at = find(address.high(), address.low());
      highs[at] = address.high();
      lows[at] = address.low();
      used[at] = true;
    }
  }

  boolean contains(long high, long low) {
    return used[find(high, low)];
  }

  boolean contains(IpAddress address) {
    return contains(address.high(), address.low());
  }

  private int find(long high, long low) {
    long mixed = (high * 31 + low) * 0x9e3779b97f4a7c15L;
    int at = (int) (mixed >>> 40) & used.length - 1;
    while (used[at] && (highs[at] != high || lows[at] != low)) {
      at = at + 1 & used.length - 1;
    }
    return at;
  }
}
