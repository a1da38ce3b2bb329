package dev.holdfast.redirector.hold;

import java.util.Comparator;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * A share of TCP connections, in which the connection with the most bytes gives first.
 *
 * <p>Connections stand in three groups: those that may hold mere bytes, those known to hold only
 * what matters, and those known to hold only what matters most. A packet that comes or goes puts
 * its connection back into the first; it is looked at again only when it is asked to give.
 */
final class HeaviestFirst extends Share {
  /** Where a connection stands. Weight is a power of two, so that it seldom has to move. */
  static final class Place {
    private static final Comparator<Place> HEAVIEST_FIRST =
        Comparator.<Place>comparingInt(place -> -place.weight)
            .thenComparingLong(place -> place.number);

    private final TcpQueue queue;
    private int weight;
    private long number;
    private @Nullable TreeSet<Place> group;

    Place(TcpQueue queue) {
      this.queue = queue;
    }
  }

  private final TreeSet<Place> mayHaveBulk = new TreeSet<>(Place.HEAVIEST_FIRST);
  private final TreeSet<Place> mattering = new TreeSet<>(Place.HEAVIEST_FIRST);
  private final TreeSet<Place> matteringMost = new TreeSet<>(Place.HEAVIEST_FIRST);
  private long numbers;

  HeaviestFirst(HoldLimits limits, int numerator, int denominator) {
    super(limits, numerator, denominator);
  }

  @Override
  void arrived(HeldPacket packet) {
    settle(packet);
  }

  @Override
  void left(HeldPacket packet) {
    settle(packet);
  }

  private void settle(HeldPacket packet) {
    if (!(packet.queue instanceof TcpQueue queue)) {
      throw new IllegalArgumentException("only TCP is weighed by connection");
    }
    Place place = queue.place;
    int weight = Long.SIZE - Long.numberOfLeadingZeros(queue.bytes());
    boolean empty = queue.packets() == 0;
    if (place.group == mayHaveBulk && place.weight == weight && !empty) {
      return;
    }
    move(place, empty ? null : mayHaveBulk, weight);
  }

  /** The queue draws on another share from now on. */
  void forget(TcpQueue queue) {
    move(queue.place, null, 0);
  }

  private void move(Place place, @Nullable TreeSet<Place> group, int weight) {
    if (place.group != null) {
      place.group.remove(place);
    }
    place.group = group;
    place.weight = weight;
    if (group != null) {
      place.number = numbers++;
      group.add(place);
    }
  }

  @Override
  @Nullable HeldPacket leastWorth() {
    while (!mayHaveBulk.isEmpty()) {
      Place place = mayHaveBulk.first();
      HeldPacket bulk = place.queue.worstBulk();
      if (bulk != null) {
        return bulk;
      }
      move(place, mattering, place.weight);
    }
    return null;
  }

  @Override
  @Nullable HeldPacket worthMore() {
    while (!mattering.isEmpty()) {
      Place place = mattering.first();
      HeldPacket worst = place.queue.worst();
      if (worst != null) {
        return worst;
      }
      move(place, matteringMost, place.weight);
    }
    return null;
  }

  @Override
  @Nullable HeldPacket worthMost() {
    return matteringMost.isEmpty() ? null : matteringMost.first().queue.all().getFirst();
  }
}
