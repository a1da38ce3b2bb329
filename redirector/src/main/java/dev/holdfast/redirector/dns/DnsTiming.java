package dev.holdfast.redirector.dns;

import java.time.Duration;

/**
 * The patience of a DNS change.
 *
 * @param tries one request to the configured server
 * @param poll one question to one of the authoritative servers
 * @param firstPause between rounds at first; each is half as long again as the one before
 * @param longestPause what that grows to
 * @param armWait how long arm waits for the other servers to show the lowered TTL; later ones are
 *     still noticed by {@code awaitServers}
 * @param patience how long a step goes on against a server that gives no answer
 * @param silence after which an authoritative server that does not answer at all is no longer
 *     waited for: it cannot tell caches the old address either
 * @param nameServerPort where the zone's other authoritative servers listen
 */
public record DnsTiming(
    TrySchedule tries,
    TrySchedule poll,
    Duration firstPause,
    Duration longestPause,
    Duration armWait,
    Duration patience,
    Duration silence,
    int nameServerPort) {

  public static final DnsTiming STANDARD =
      new DnsTiming(
          TrySchedule.STANDARD,
          TrySchedule.ONCE,
          Duration.ofMillis(100),
          Duration.ofSeconds(10),
          Duration.ofSeconds(3),
          Duration.ofMinutes(30),
          Duration.ofMinutes(1),
          53);

  /** The pause that follows one of {@code last}. */
  Duration nextPause(Duration last) {
    Duration next = last.multipliedBy(3).dividedBy(2);
    return next.compareTo(longestPause) > 0 ? longestPause : next;
  }
}
