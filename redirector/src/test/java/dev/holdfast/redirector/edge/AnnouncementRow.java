package dev.holdfast.redirector.edge;

import dev.holdfast.redirector.steer.Announcements;
import dev.holdfast.tunnel.packet.ArpMessage;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.packet.NeighbourMessage;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What is announced on one LAN within ten seconds, and when. The host looks every 100 ms whether
 * something is due, unless it {@link #sleeps}.
 */
final class AnnouncementRow implements Row {
  private static final String LAN = "lan";
  private static final long TICK = 100_000_000L;
  private static final int TICKS = 100;

  private final Map<Integer, List<Event>> events = new TreeMap<>();
  private final List<String> expected = new ArrayList<>();
  private long start = Long.MAX_VALUE - 30 * TICK; // it may overflow on the way
  private int sleepFrom = TICKS;
  private int sleepUntil = TICKS;

  /** What is asked of the announcements, at a time. */
  private interface Event {
    void happen(Announcements announcements, long now);
  }

  /** This address is at this MAC from {@code seconds} on. */
  static AnnouncementRow begins(double seconds, MacAddress mac, IpAddress... addresses) {
    return new AnnouncementRow().begin(seconds, mac, addresses);
  }

  AnnouncementRow begin(double seconds, MacAddress mac, IpAddress... addresses) {
    return at(seconds, (all, now) -> all.begin(LAN, List.of(addresses), mac, now));
  }

  /** On another LAN of this host. */
  AnnouncementRow beginElsewhere(double seconds, MacAddress mac, IpAddress address) {
    return at(seconds, (all, now) -> all.begin("other", List.of(address), mac, now));
  }

  /** No more of it is said from then on. */
  AnnouncementRow ends(double seconds, IpAddress... addresses) {
    return at(seconds, (all, now) -> all.end(LAN, List.of(addresses)));
  }

  /** The host is too busy to look in that time. */
  AnnouncementRow sleeps(double from, double until) {
    sleepFrom = ticks(from);
    sleepUntil = ticks(until);
    return this;
  }

  private AnnouncementRow at(double seconds, Event event) {
    events.computeIfAbsent(ticks(seconds), tick -> new ArrayList<>()).add(event);
    return this;
  }

  private static int ticks(double seconds) {
    return (int) Math.round(seconds * 10);
  }

  /** This frame is sent at each of these seconds. */
  AnnouncementRow says(Frame frame, double... seconds) {
    for (double second : seconds) {
      expected.add(line(ticks(second), frame));
    }
    return this;
  }

  private static String line(int tick, Frame frame) {
    return "%04.1f s: %s".formatted(tick / 10.0, frame);
  }

  @Override
  public void check() {
    var announcements = new Announcements();
    List<String> was = new ArrayList<>();
    for (int tick = 0; tick < TICKS; tick++) {
      long now = start + tick * TICK;
      events.getOrDefault(tick, List.of()).forEach(event -> event.happen(announcements, now));
      if (tick < sleepFrom || tick >= sleepUntil) {
        for (Announcements.Announcement each : announcements.due(LAN, now)) {
          was.add(line(tick, frame(each)));
        }
      }
    }
    expected.sort(null);
    was.sort(null);
    if (!was.equals(expected)) {
      throw new AssertionError(
          "expected:%n  %s%nwas:%n  %s"
              .formatted(String.join("\n  ", expected), String.join("\n  ", was)));
    }
  }

  /** As {@code steer.Announcer} writes it. */
  private static Frame frame(Announcements.Announcement each) {
    ByteBuf out = Unpooled.buffer();
    if (each.address().isV4()) {
      ArpMessage.writeGratuitous(out, each.mac(), each.address());
    } else {
      NeighbourMessage.writeUnsolicited(out, each.mac(), each.address(), 0);
    }
    return Frame.of(Outgoing.bytesOf(out));
  }
}
