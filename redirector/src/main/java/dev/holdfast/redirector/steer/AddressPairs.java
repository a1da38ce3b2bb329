package dev.holdfast.redirector.steer;

import dev.holdfast.tunnel.packet.IpAddress;
import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.Map;

/** Which new address stands for which old one: within a family, in the order of both lists. */
public final class AddressPairs {
  private AddressPairs() {}

  /** True where each old address has one new address of its family, and the other way round. */
  public static boolean match(Collection<IpAddress> olds, Collection<IpAddress> news) {
    return olds.size() == news.size()
        && olds.stream().filter(IpAddress::isV4).count()
            == news.stream().filter(IpAddress::isV4).count();
  }

  /**
   * New addresses by old ones.
   *
   * @throws IllegalArgumentException where they do not {@link #match}
   */
  public static Map<IpAddress, IpAddress> of(
      Collection<IpAddress> olds, Collection<IpAddress> news) {
    if (!match(olds, news)) {
      throw new IllegalArgumentException(olds + " and " + news + " are no pairs");
    }
    Deque<IpAddress> four = new ArrayDeque<>(news.stream().filter(IpAddress::isV4).toList());
    Deque<IpAddress> six = new ArrayDeque<>(news.stream().filter(IpAddress::isV6).toList());
    Map<IpAddress, IpAddress> pairs = new LinkedHashMap<>();
    for (IpAddress old : olds) {
      pairs.put(old, (old.isV4() ? four : six).removeFirst());
    }
    return pairs;
  }
}
