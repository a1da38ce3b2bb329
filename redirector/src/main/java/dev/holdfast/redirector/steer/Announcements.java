package dev.holdfast.redirector.steer;

import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Which addresses are being announced on which LAN, and which of them are due ({@link
 * AnnounceSchedule}). Of one address on one LAN only the last thing that was to be said is said:
 * who captures it again does not go on to announce the guest.
 *
 * <p>A defence is no series but one announcement ({@link AddressClaims}).
 *
 * <p>No thread, clock or socket. Any thread may use it; who holds the monitor over {@link #due} and
 * the sending knows that nothing is sent after an {@link #end}.
 */
public final class Announcements {
  /** To be sent: {@code address} is at {@code mac}. */
  public record Announcement(IpAddress address, MacAddress mac) {}

  private record Subject(String lan, IpAddress address) {}

  /**
   * @param left announcements that have not been sent
   */
  private record Series(MacAddress mac, int left, long nextNanos) {}

  private final Map<Subject, Series> running = new LinkedHashMap<>();

  /** Announces from {@code nowNanos} on; in place of what was announced of these addresses. */
  public synchronized void begin(
      String lan, Collection<IpAddress> addresses, MacAddress mac, long nowNanos) {
    for (IpAddress address : addresses) {
      int rounds = AnnounceSchedule.of(address).rounds();
      running.put(new Subject(lan, address), new Series(mac, rounds, nowNanos));
    }
  }

  /** Says no more of these addresses. */
  public synchronized void end(String lan, Collection<IpAddress> addresses) {
    addresses.forEach(address -> running.remove(new Subject(lan, address)));
  }

  /** What is to be sent now; it is taken to be sent. */
  public synchronized List<Announcement> due(String lan, long nowNanos) {
    List<Announcement> due = new ArrayList<>();
    for (Map.Entry<Subject, Series> each : List.copyOf(running.entrySet())) {
      Subject subject = each.getKey();
      Series series = each.getValue();
      if (!subject.lan().equals(lan) || series.nextNanos() - nowNanos > 0) {
        continue;
      }
      due.add(new Announcement(subject.address(), series.mac()));
      if (series.left() == 1) {
        running.remove(subject);
      } else {
        // From now, not from when it was due: after a delay the next two would be too close.
        long next = nowNanos + AnnounceSchedule.of(subject.address()).intervalNanos();
        running.put(subject, new Series(series.mac(), series.left() - 1, next));
      }
    }
    return due;
  }

  /** Nanoseconds until something is due on {@code lan}, 0 where it is already; -1: nothing is. */
  public synchronized long untilNext(String lan, long nowNanos) {
    long least = -1;
    for (Map.Entry<Subject, Series> each : running.entrySet()) {
      if (each.getKey().lan().equals(lan)) {
        long wait = Math.max(0, each.getValue().nextNanos() - nowNanos);
        least = least < 0 ? wait : Math.min(least, wait);
      }
    }
    return least;
  }
}
