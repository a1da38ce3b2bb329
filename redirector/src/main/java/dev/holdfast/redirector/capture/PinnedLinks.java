package dev.holdfast.redirector.capture;

import dev.holdfast.tunnel.packet.IpAddress;
import org.jspecify.annotations.Nullable;

/**
 * At which {@link LinkAddress} the guests are, for all who are on one LAN: asked for each packet,
 * so it is one open-addressed table in which nothing is allocated but when a guest comes or goes.
 * One thread.
 */
final class PinnedLinks {
  private long[] highs = new long[16];
  private long[] lows = new long[16];
  private long[] links = new long[16];
  private int size;

  void put(IpAddress address, long link) {
    if (2 * (size + 1) > links.length) {
      rebuild(2 * links.length, null);
    }
    int place = place(address.high(), address.low());
    size += links[place] == LinkAddress.NONE ? 1 : 0;
    highs[place] = address.high();
    lows[place] = address.low();
    links[place] = link;
  }

  void remove(IpAddress address) {
    rebuild(links.length, address);
  }

  /** {@link LinkAddress#NONE} where no guest has that address. */
  long get(long high, long low) {
    return links[place(high, low)];
  }

  /**
   * The address is where a guest is said to be. What a frame from {@code link} shows is believed of
   * it only if that is the guest's own MAC; then its VLAN is learnt.
   *
   * @return whether it is a guest's
   */
  boolean heard(long high, long low, long link) {
    int place = place(high, low);
    if (links[place] == LinkAddress.NONE) {
      return false;
    }
    if (LinkAddress.mac(links[place]) == LinkAddress.mac(link)) {
      links[place] = link;
    }
    return true;
  }

  /** Where it is, or could be. Never full, so this ends. */
  private int place(long high, long low) {
    long mixed = (high * 0x9e37_79b9_7f4a_7c15L ^ low) * 0xbf58_476d_1ce4_e5b9L;
    int place = (int) (mixed >>> 40) & (links.length - 1);
    while (links[place] != LinkAddress.NONE && (highs[place] != high || lows[place] != low)) {
      place = (place + 1) & (links.length - 1);
    }
    return place;
  }

  private void rebuild(int length, @Nullable IpAddress without) {
    long[] oldHighs = highs;
    long[] oldLows = lows;
    long[] oldLinks = links;
    highs = new long[length];
    lows = new long[length];
    links = new long[length];
    size = 0;
    for (int i = 0; i < oldLinks.length; i++) {
      boolean isLeftOut =
          without != null && oldHighs[i] == without.high() && oldLows[i] == without.low();
      if (oldLinks[i] != LinkAddress.NONE && !isLeftOut) {
        put(new IpAddress(oldHighs[i], oldLows[i]), oldLinks[i]);
      }
    }
  }
}
