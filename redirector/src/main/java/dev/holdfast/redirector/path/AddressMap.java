package dev.holdfast.redirector.path;

import dev.holdfast.tunnel.packet.IpAddress;
import org.jspecify.annotations.Nullable;

/**
 * From an address to what serves it, looked up by two longs so that no object is made for a packet.
 * Open addressing, rebuilt at each change: changes are rare and few, lookups are not.
 */
final class AddressMap<T> {
  private @Nullable Object[] values = new @Nullable Object[8];
  private long[] highs = new long[8];
  private long[] lows = new long[8];
  private int size;

  @SuppressWarnings("unchecked")
  @Nullable T get(long high, long low) {
    for (int i = slot(high, low, values.length); ; i = (i + 1) & (values.length - 1)) {
      Object value = values[i];
      if (value == null) {
        return null;
      }
      if (lows[i] == low && highs[i] == high) {
        return (T) value;
      }
    }
  }

  void put(IpAddress address, T value) {
    rebuild(address, value);
  }

  void remove(IpAddress address) {
    rebuild(address, null);
  }

  int size() {
    return size;
  }

  private void rebuild(IpAddress changed, @Nullable Object value) {
    @Nullable Object[] oldValues = values;
    long[] oldHighs = highs;
    long[] oldLows = lows;
    int capacity = Math.max(8, Integer.highestOneBit((size + 1) * 4));
    values = new @Nullable Object[capacity];
    highs = new long[capacity];
    lows = new long[capacity];
    size = 0;
    for (int i = 0; i < oldValues.length; i++) {
      Object kept = oldValues[i];
      if (kept != null && (oldLows[i] != changed.low() || oldHighs[i] != changed.high())) {
        insert(oldHighs[i], oldLows[i], kept);
      }
    }
    if (value != null) {
      insert(changed.high(), changed.low(), value);
    }
  }

  private void insert(long high, long low, Object value) {
    int i = slot(high, low, values.length);
    while (values[i] != null) {
      i = (i + 1) & (values.length - 1);
    }
    values[i] = value;
    highs[i] = high;
    lows[i] = low;
    size++;
  }

  private static int slot(long high, long low, int capacity) {
    long mixed = (high * 0x9e37_79b9_7f4a_7c15L ^ low) * 0xbf58_476d_1ce4_e5b9L;
    return (int) (mixed >>> 40) & (capacity - 1);
  }
}
