package dev.holdfast.redirector.replay.report;

import dev.holdfast.redirector.replay.FlowResult;
import dev.holdfast.redirector.replay.ReplayReport;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.tomlj.Toml;
import org.tomlj.TomlParseError;
import org.tomlj.TomlParseResult;
import org.tomlj.TomlTable;

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
 * [flows]                        # single connections, by their names in the report
 * "tcp 10.1.0.10:80 - 10.9.0.2:40000" = "survived"
 * </pre>
 */
public final class Expectation {
  private static final List<String> VERDICTS =
      List.of("survived", "stalled", "reset", "corrupted", "not-replayed");
  private static final Set<String> KNOWN =
      Set.of(
          "moved",
          "replayed-packets",
          "survived",
          "stalled",
          "reset",
          "corrupted",
          "not-replayed",
          "recovery-p99-ms",
          "longest-wait-ms",
          "retransmissions",
          "lost-datagrams",
          "sha256",
          "damaged",
          "flows");
  private static final List<String> VERDICTS_OF_HARM = List.of("stalled", "reset", "corrupted");
  private static final String LIVE = "live";
  private static final double NANOS_PER_MILLI = 1e6;

  private final @Nullable TomlTable limits;

  /**
   * One limit, and whether it was kept.
   *
   * @param what such as "recovery-p99-ms"
   */
  public record Outcome(String what, String expected, String found, boolean isMet) {}

  private Expectation(@Nullable TomlTable limits) {
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
    if (!Files.isRegularFile(file)) {
      throw new IOException("There is no file " + file + ".");
    }
    TomlParseResult toml = Toml.parse(file);
    if (toml.hasErrors()) {
      TomlParseError error = toml.errors().getFirst();
      throw new IOException(
          "%s:%d:%d: %s"
              .formatted(
                  file, error.position().line(), error.position().column(), error.getMessage()));
    }
    for (String key : new TreeSet<>(toml.keySet())) {
      if (!KNOWN.contains(key)) {
        var at = toml.inputPositionOf(List.of(key));
        throw new IOException(
            "%s:%d:%d: '%s' is no limit; there are %s"
                .formatted(
                    file,
                    at == null ? 0 : at.line(),
                    at == null ? 0 : at.column(),
                    key,
                    String.join(", ", new TreeSet<>(KNOWN))));
      }
    }
    var expectation = new Expectation(toml);
    try {
      List<Outcome> unused = expectation.check(EMPTY);
    } catch (IllegalArgumentException e) {
      throw new IOException(file + ": " + e.getMessage() + ".", e);
    }
    return expectation;
  }

  private static final ReplayReport EMPTY =
      new ReplayReport(
          "",
          "",
          0,
          0,
          Map.of(),
          null,
          0,
          0,
          List.of(),
          "tls",
          0,
          0,
          0,
          0,
          Map.of(),
          0,
          Map.of(),
          new ReplayReport.Recovery(0, 0, 0, 0),
          List.of(),
          0,
          null,
          null);

  /** Whether the digest is among the limits. */
  public boolean wantsDigest() {
    return limits != null && limits.contains("sha256");
  }

  /** Each limit, kept or not. */
  public List<Outcome> check(ReplayReport report) {
    List<Outcome> all = new ArrayList<>();
    TomlTable table = limits;
    if (table == null) {
      good(all, report);
      moved(all, report, !report.encapsulation().equals(LIVE));
      whole(all, report);
      return all;
    }
    if (VERDICTS_OF_HARM.stream().noneMatch(table::contains) && !table.contains("flows")) {
      good(all, report);
    }
    if (!Boolean.TRUE.equals(typed(table, "damaged", Boolean.class))) {
      whole(all, report);
    }
    Boolean moved = typed(table, "moved", Boolean.class);
    if (moved != null) {
      boolean found = report.guests().stream().allMatch(ReplayReport.Guest::hasMoved);
      all.add(new Outcome("moved", moved.toString(), Boolean.toString(found), found == moved));
    }
    for (String verdict : VERDICTS) {
      Number count = number(table, verdict);
      if (count != null) {
        long found = report.verdicts().getOrDefault(verdict, 0L);
        all.add(
            new Outcome(
                verdict, count.toString(), Long.toString(found), found == count.longValue()));
      }
    }
    atLeast(
        all,
        table,
        "replayed-packets",
        report.packets() == 0 ? 0 : (double) report.replayedPackets() / report.packets());
    atMost(all, table, "recovery-p99-ms", report.recovery().p99Nanos() / NANOS_PER_MILLI);
    atMost(
        all,
        table,
        "longest-wait-ms",
        report.flows().stream().mapToLong(FlowResult::longestWaitNanos).max().orElse(0)
            / NANOS_PER_MILLI);
    atMost(
        all,
        table,
        "retransmissions",
        report.flows().stream().mapToLong(FlowResult::retransmissions).sum());
    atMost(all, table, "lost-datagrams", report.flows().stream().mapToLong(FlowResult::lost).sum());
    String digest = typed(table, "sha256", String.class);
    if (digest != null) {
      String found = String.valueOf(report.digest());
      all.add(new Outcome("sha256", digest, found, digest.equals(found)));
    }
    flows(all, table, report);
    return all;
  }

  private static void good(List<Outcome> all, ReplayReport report) {
    all.add(new Outcome("not good", "0", Long.toString(report.bad()), report.bad() == 0));
    long judged = report.survived() + report.bad();
    all.add(new Outcome("connections", ">= 1", Long.toString(judged), judged >= 1));
  }

  private static void moved(List<Outcome> all, ReplayReport report, boolean isWanted) {
    boolean found = report.guests().stream().allMatch(ReplayReport.Guest::hasMoved);
    if (isWanted) {
      all.add(new Outcome("moved", "true", Boolean.toString(found), found));
    }
  }

  /** What is behind the damage was not judged. */
  private static void whole(List<Outcome> all, ReplayReport report) {
    String problem = report.problem();
    if (problem != null) {
      all.add(new Outcome("damage", "none", problem, false));
    }
  }

  private static void flows(List<Outcome> all, TomlTable table, ReplayReport report) {
    TomlTable flows = typed(table, "flows", TomlTable.class);
    if (flows == null) {
      return;
    }
    for (String name : new TreeSet<>(flows.keySet())) {
      Object expected = flows.get(List.of(name));
      if (!(expected instanceof String verdict)) {
        throw new IllegalArgumentException("the verdict of the flow '" + name + "' is no text");
      }
      String found =
          report.flows().stream()
              .filter(flow -> flow.flow().equals(name))
              .map(flow -> flow.verdict().label())
              .findFirst()
              .orElse("not in the capture");
      all.add(new Outcome(name, verdict, found, found.equals(verdict)));
    }
  }

  private static void atMost(List<Outcome> all, TomlTable table, String key, double found) {
    Number limit = number(table, key);
    if (limit != null) {
      all.add(new Outcome(key, "<= " + limit, Figures.plain(found), found <= limit.doubleValue()));
    }
  }

  private static void atLeast(List<Outcome> all, TomlTable table, String key, double found) {
    Number limit = number(table, key);
    if (limit != null) {
      all.add(new Outcome(key, ">= " + limit, Figures.plain(found), found >= limit.doubleValue()));
    }
  }

  private static @Nullable Number number(TomlTable table, String key) {
    return typed(table, key, Number.class);
  }

  private static <T> @Nullable T typed(TomlTable table, String key, Class<T> type) {
    Object value = table.get(List.of(key));
    if (value != null && !type.isInstance(value)) {
      throw new IllegalArgumentException(
          "'" + key + "' is to be " + (type == Number.class ? "a number" : type.getSimpleName()));
    }
    return type.cast(value);
  }
}
