package dev.holdfast.dns;

import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.dns.DnsException;
import dev.holdfast.redirector.dns.DnsTiming;
import dev.holdfast.redirector.dns.DnsUpdater;
import dev.holdfast.redirector.dns.Pause;
import dev.holdfast.redirector.dns.TrySchedule;
import dev.holdfast.tunnel.time.SystemClock;
import java.time.Duration;
import java.util.List;

/** Updaters with the patience that tests have. */
final class Timings {
  private static final int PORT = 53;

  private static final Duration LONG = Duration.ofSeconds(60);

  private Timings() {}

  /** For servers that answer, however busy this machine is. */
  static DnsUpdater updater(Config.DnsZone... zones) throws DnsException {
    return updater(twice(Duration.ofSeconds(4)), LONG, LONG, LONG, zones);
  }

  /** For answers that are not believed: they come soon, and there are no others. */
  static DnsUpdater hasty(Config.DnsZone... zones) throws DnsException {
    return updater(TrySchedule.once(Duration.ofSeconds(2)), LONG, Duration.ZERO, LONG, zones);
  }

  /** For a first answer that gets lost. */
  static DnsUpdater losing(Config.DnsZone... zones) throws DnsException {
    TrySchedule tries =
        new TrySchedule(
            List.of(Duration.ofSeconds(1), Duration.ofSeconds(4)), List.of(Duration.ofMillis(50)));
    return updater(tries, LONG, LONG, LONG, zones);
  }

  /** Gives up a try soon, and the whole late. */
  static DnsUpdater impatient(Config.DnsZone... zones) throws DnsException {
    return updater(twice(Duration.ofMillis(250)), LONG, LONG, LONG, zones);
  }

  /** Waits for another server than the configured one for a second only. */
  static DnsUpdater waitingBriefly(Config.DnsZone... zones) throws DnsException {
    Duration second = Duration.ofSeconds(1);
    return updater(twice(Duration.ofSeconds(4)), second, LONG, second, zones);
  }

  private static TrySchedule twice(Duration timeout) {
    return new TrySchedule(List.of(timeout, timeout), List.of(Duration.ofMillis(50)));
  }

  private static DnsUpdater updater(
      TrySchedule tries,
      Duration armWait,
      Duration patience,
      Duration silence,
      Config.DnsZone... zones)
      throws DnsException {
    DnsTiming timing =
        new DnsTiming(
            tries,
            TrySchedule.once(Duration.ofSeconds(1)),
            Duration.ofMillis(50),
            Duration.ofMillis(200),
            armWait,
            patience,
            silence,
            PORT);
    return new DnsUpdater(List.of(zones), timing, SystemClock.INSTANCE, Pause.REAL);
  }
}
