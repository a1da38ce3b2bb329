package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.steer.Announcements;
import dev.holdfast.redirector.steer.Announcements.Announcement;
import dev.holdfast.redirector.steer.Announcer;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.time.Clock;
import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sends what this host's {@link Announcements} say, round by round.
 *
 * <p>What cannot be sent is counted and logged, and holds nothing else up: neither another address,
 * nor another LAN, nor the next round of the same one.
 */
final class Announcing {
  private static final Logger log = LoggerFactory.getLogger(Announcing.class);
  private static final long MILLI = 1_000_000;

  /** What announces on one LAN. */
  interface Voice extends AutoCloseable {
    /**
     * @return false where the kernel did not take it
     * @throws IOException when the interface is gone
     */
    boolean announce(MacAddress mac, IpAddress address) throws IOException;

    @Override
    void close();
  }

  /** Opens a LAN's voice, for one round. */
  interface Voices {
    /**
     * @throws IOException when there is no such interface, or privilege is missing
     */
    Voice open(String lan) throws IOException;
  }

  /** Runs a task later, on a thread of its own. */
  interface Later {
    void run(long millis, String name, Runnable task);
  }

  private final Announcements all;
  private final Clock clock;
  private final Later later;
  private final Voices voices;
  private long failures;

  Announcing(Host host) {
    this(host.objects().announcements(), host.clock(), host::later, Announcing::socket);
  }

  Announcing(Announcements all, Clock clock, Later later, Voices voices) {
    this.all = all;
    this.clock = clock;
    this.later = later;
    this.voices = voices;
  }

  private static Voice socket(String lan) throws IOException {
    Announcer announcer = Announcer.open(lan);
    return new Voice() {
      @Override
      public boolean announce(MacAddress mac, IpAddress address) throws IOException {
        return announcer.announce(mac, List.of(address)) == 1;
      }

      @Override
      public void close() {
        announcer.close();
      }
    };
  }

  /** Tells {@code lan} that {@code addresses} are at {@code mac}, the first time soon. */
  void soon(String lan, List<IpAddress> addresses, MacAddress mac) {
    all.begin(lan, addresses, mac, clock.nanoTime());
    later.run(0, "announce-" + lan, () -> send(lan));
  }

  /** The same, the first time before this method returns. */
  void now(String lan, List<IpAddress> addresses, MacAddress mac) {
    all.begin(lan, addresses, mac, clock.nanoTime());
    send(lan);
  }

  /** When this has returned, nothing more is sent of these addresses. */
  void end(String lan, List<IpAddress> addresses) {
    all.end(lan, addresses);
  }

  /** How many announcements were due and could not be sent. */
  long failures() {
    synchronized (all) {
      return failures;
    }
  }

  private void send(String lan) {
    long next;
    IOException closed = null;
    Voice voice = null;
    try {
      voice = voices.open(lan);
    } catch (IOException e) {
      closed = e; // the interface may be there again in the next round
    }
    try {
      synchronized (all) {
        for (Announcement each : all.due(lan, clock.nanoTime())) {
          send(lan, voice, closed, each);
        }
        next = all.untilNext(lan, clock.nanoTime());
      }
    } finally {
      if (voice != null) {
        voice.close();
      }
    }
    if (next >= 0) {
      later.run(next / MILLI + 1, "announce-" + lan, () -> send(lan));
    }
  }

  private void send(
      String lan, @Nullable Voice voice, @Nullable IOException closed, Announcement what) {
    String why = "the kernel did not take it";
    try {
      if (voice != null && voice.announce(what.mac(), what.address())) {
        return;
      }
      if (closed != null) {
        why = String.valueOf(closed.getMessage());
      }
    } catch (IOException e) {
      why = String.valueOf(e.getMessage());
    }
    failures++;
    log.warn(
        "{} was not announced at {} on {}: {} ({} such failures so far)",
        what.address(),
        what.mac(),
        lan,
        why,
        failures);
  }
}
