package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.steer.Announcements;
import dev.holdfast.redirector.steer.Announcer;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import java.io.IOException;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Sends what this host's {@link Announcements} say, round by round. */
final class Announcing {
  private static final Logger log = LoggerFactory.getLogger(Announcing.class);
  private static final long MILLI = 1_000_000;

  private final Host host;
  private final Announcements all;

  Announcing(Host host) {
    this.host = host;
    this.all = host.objects().announcements();
  }

  /** Tells {@code lan} that {@code addresses} are at {@code mac}, the first time soon. */
  void soon(String lan, List<IpAddress> addresses, MacAddress mac) {
    all.begin(lan, addresses, mac, host.clock().nanoTime());
    host.later(0, "announce-" + lan, () -> send(lan));
  }

  /** The same, the first time before this method returns. */
  void now(String lan, List<IpAddress> addresses, MacAddress mac) {
    all.begin(lan, addresses, mac, host.clock().nanoTime());
    send(lan);
  }

  /** When this has returned, nothing more is sent of these addresses. */
  void end(String lan, List<IpAddress> addresses) {
    all.end(lan, addresses);
  }

  private void send(String lan) {
    long next;
    try (Announcer announcer = Announcer.open(lan)) {
      synchronized (all) {
        for (Announcements.Announcement each : all.due(lan, host.clock().nanoTime())) {
          announcer.announce(each.mac(), List.of(each.address()));
        }
        next = all.untilNext(lan, host.clock().nanoTime());
      }
    } catch (IOException e) {
      all.end(lan);
      log.warn("no announcements on {}: {}", lan, e.getMessage());
      return;
    }
    if (next >= 0) {
      host.later(next / MILLI + 1, "announce-" + lan, () -> send(lan));
    }
  }
}
