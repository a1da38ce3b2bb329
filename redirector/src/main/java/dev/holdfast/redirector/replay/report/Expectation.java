package dev.holdfast.redirector.replay.report;

import dev.holdfast.redirector.replay.ReplayReport;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Limits that a replay is to keep ({@code --expect FILE.toml}). Without any, the guest is to have
 * moved, there is to be a connection, and every one that could be replayed is to survive.
 *
 * <pre>
 * moved = true                   # every guest has moved
 * replayed-packets = 0.95        # at least that part of the capture's packets takes part
 * survived = 12                  # exactly so many
 * stalled = 0
 * reset = 0
 * corrupted = 0
 * not-replayed = 0
 * recovery-p99-ms = 60           # at most
 * longest-wait-ms = 500          # of any connection, at most
 * retransmissions = 40           # of all connections, at most
 * lost-datagrams = 0             # at most
 * damaged = true                 # a capture that cannot be read to its end is no failure
 * sha256 = "..."                 # of what left at each point
 *
 * [flows]                        # all connections of that name, or the one of it that begins there
 * "tcp 10.1.0.10:80 - 10.9.0.2:40000" = "survived"
 * "tcp 10.1.0.10:80 - 10.9.0.2:40001 packet:17" = "reset"
 * </pre>
 *
 * <p>Each is judged over all connections, those too that a report has no room for.
 */
public final class Expectation {
  private static final List<String> VERDICTS_OF_HARM = List.of("stalled", "reset", "corrupted");
  private static final String LIVE = "live";
  private static final double NANOS_PER_MILLI = 1e6;

  private final @Nullable Limits limits;

  /**
   * One limit, and whether it was kept.
   *
   * @param what such as "recovery-p99-ms"
   */
  public record Outcome(String what, String expected, String found, boolean isMet) {}

  /**
   * What a file says; null where it says nothing.
   *
   * @param verdicts how many connections, by verdict
   * @param replayedPackets a share, 0 to 1
   * @param damaged whether a capture may be
   * @param sha256 in hex, lower case
   * @param flows verdicts, by names of connections
   */
  record Limits(
      @Nullable Boolean moved,
      Map<String, Long> verdicts,
      @Nullable Number replayedPackets,
      @Nullable Number recoveryP99Millis,
      @Nullable Number longestWaitMillis,
      @Nullable Long retransmissions,
      @Nullable Long lostDatagrams,
      boolean damaged,
      @Nullable String sha256,
      @Nullable Map<String, String> flows) {}

  private Expectation(@Nullable Limits limits) {
    this.limits = limits;
  }

  /** Every connection that could be replayed survives. */
  public static Expectation usual() {
    return new Expectation(null);
  }

  /**
   * Reads a file.
   *
   * @throws IOException with a sentence that names file, line and column
   */
  public static Expectation read(Path file) throws IOException {
    return new Expectation(LimitsFile.read(file));
  }

  /** Whether the digest is among the limits. */
  public boolean wantsDigest() {
    return limits != null && limits.sha256 != null;
  }

  /** The connections that there are limits for, for the replay to count their verdicts. */
  public Set<String> namedFlows() {
    return limits == null || limits.flows == null ? Set.of() : limits.flows.keySet();
  }

  /**
   * Each limit, kept or not.
   *
   * @param report of a replay that has counted {@link #namedFlows}
   */
  public List<Outcome> check(ReplayReport report) {
    List<Outcome> all = new ArrayList<>();
    Limits kept = limits;
    if (kept == null) {
      good(all, report);
      moved(all, report, report.encapsulation().equals(LIVE) ? null : true);
      whole(all, report);
      return all;
    }
    if (VERDICTS_OF_HARM.stream().noneMatch(kept.verdicts::containsKey) && kept.flows == null) {
      good(all, report);
    }
    if (!kept.damaged) {
      whole(all, report);
    }
    moved(all, report, kept.moved);
    kept.verdicts.forEach((verdict, count) -> {
      long found = report.verdicts().getOrDefault(verdict, 0L);
      all.add(new Outcome(verdict, count.toString(), Long.toString(found), found == count));
    });
    atLeast(
        all,
        "replayed-packets",
        kept.replayedPackets,
        report.packets() == 0 ? 0 : (double) report.replayedPackets() / report.packets());
    atMost(
        all,
        "recovery-p99-ms",
        kept.recoveryP99Millis,
        report.recovery().p99Nanos() / NANOS_PER_MILLI);
    ReplayReport.Totals totals = report.totals();
    atMost(
        all,
        "longest-wait-ms",
        kept.longestWaitMillis,
        totals.longestWaitNanos() / NANOS_PER_MILLI);
    atMost(all, "retransmissions", kept.retransmissions, totals.retransmissions());
    atMost(all, "lost-datagrams", kept.lostDatagrams, totals.lostDatagrams());
    if (kept.sha256 != null) {
      String found = String.valueOf(report.digest());
      all.add(new Outcome("sha256", kept.sha256, found, kept.sha256.equals(found)));
    }
    if (kept.flows != null) {
      kept.flows.forEach((name, verdict) -> all.add(flow(name, verdict, totals)));
    }
    return all;
  }

  private static void good(List<Outcome> all, ReplayReport report) {
    all.add(new Outcome("not good", "0", Long.toString(report.bad()), report.bad() == 0));
    long judged = report.survived() + report.bad();
    all.add(new Outcome("connections", ">= 1", Long.toString(judged), judged >= 1));
  }

  private static void moved(List<Outcome> all, ReplayReport report, @Nullable Boolean isWanted) {
    if (isWanted != null) {
      boolean found = report.guests().stream().allMatch(ReplayReport.Guest::hasMoved);
      all.add(
          new Outcome("moved", isWanted.toString(), Boolean.toString(found), found == isWanted));
    }
  }

  /** What is behind the damage was not judged. */
  private static void whole(List<Outcome> all, ReplayReport report) {
    String problem = report.problem();
    if (problem != null) {
      all.add(new Outcome("damage", "none", problem, false));
    }
  }

  /** All connections of a name, which are several where their ports were used again. */
  private static Outcome flow(String name, String verdict, ReplayReport.Totals totals) {
    Map<String, Long> counts = totals.named().getOrDefault(name, Map.of());
    String found =
        switch (counts.size()) {
          case 0 -> "not in the capture";
          case 1 -> counts.keySet().iterator().next();
          default ->
              counts.entrySet().stream()
                  .sorted(Map.Entry.comparingByKey())
                  .map(each -> each.getKey() + " " + each.getValue())
                  .collect(Collectors.joining(", "));
        };
    return new Outcome(name, verdict, found, found.equals(verdict));
  }

  private static void atMost(List<Outcome> all, String what, @Nullable Number limit, double found) {
    if (limit != null) {
      all.add(new Outcome(what, "<= " + limit, figure(found, limit), found <= limit.doubleValue()));
    }
  }

  private static void atLeast(
      List<Outcome> all, String what, @Nullable Number limit, double found) {
    if (limit != null) {
      all.add(new Outcome(what, ">= " + limit, figure(found, limit), found >= limit.doubleValue()));
    }
  }

  /** As short as it is, but never so short that it looks like the limit which it is not. */
  private static String figure(double found, Number limit) {
    String plain = Figures.plain(found);
    return found != limit.doubleValue() && Double.parseDouble(plain) == limit.doubleValue()
        ? String.format(Locale.ROOT, "%s", found)
        : plain;
  }
}
