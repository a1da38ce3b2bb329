package dev.holdfast.redirector.demo;

import com.fasterxml.jackson.annotation.JsonInclude;
import dev.holdfast.redirector.control.Json;
import dev.holdfast.redirector.demo.load.Outcome;
import dev.holdfast.redirector.demo.measure.Distribution;
import dev.holdfast.redirector.migration.ContinuityReport;
import dev.holdfast.redirector.migration.MigrationView;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The demo's result as {@code holdfast demo --json} prints it. Fields are only ever added; times
 * are milliseconds; null where a field does not apply.
 *
 * @param schema "holdfast.demo/1"
 * @param encapsulation tls or ipip; null without Holdfast
 * @param recoveryMillis from the acceptance of release to the client's first newly acknowledged
 *     byte, from the client's own capture
 * @param guestBackoffMillis from release to the guest's first new byte, for connections on which
 *     only the guest had something to say
 * @param problems what else went wrong: resets and ICMP errors that were seen, and other sentences
 * @param rootless whether it ran in a user namespace, where recovery takes longer
 * @param capture tun or pcap; where the hosts differ both, the old host's first; null without
 *     Holdfast
 */
@JsonInclude(JsonInclude.Include.ALWAYS)
record DemoReport(
    String schema,
    @Nullable String encapsulation,
    Connections connections,
    @Nullable Recovery recoveryMillis,
    @Nullable Backoff guestBackoffMillis,
    @Nullable Double resumeToReleaseMillis,
    @Nullable Double longestSilenceMillis,
    @Nullable Held held,
    NewConnection newConnection,
    Dns dns,
    List<String> leftBehind,
    List<String> problems,
    boolean rootless,
    @Nullable String capture) {

  /** How many there were, and what became of them. */
  record Connections(int before, long survived, long reset, long corrupted, long stalled) {}

  /** Percentiles are nearest rank; null without a sample. */
  record Recovery(@Nullable Double p50, @Nullable Double p99, @Nullable Double max, int samples) {}

  /** Null without a sample. */
  record Backoff(@Nullable Double p50, @Nullable Double max) {}

  /** Packets that were held in all, of them staged at the new host, replaced and dropped. */
  record Held(long packets, long staged, long replaced, long dropped) {}

  /** Where the guest's name led after the move, and whether a connection there worked. */
  record NewConnection(String address, boolean ok) {}

  /** The addresses of the guest's name. */
  record Dns(List<String> before, List<String> after, @Nullable Double updateMillis) {}

  static DemoReport of(ScenarioResult result) {
    boolean without = result.options().without();
    MigrationView old = result.old();
    return new DemoReport(
        "holdfast.demo/1",
        old == null ? null : old.encapsulation(),
        new Connections(
            result.connections().size(),
            result.count(Outcome.SURVIVED),
            result.count(Outcome.RESET),
            result.count(Outcome.CORRUPTED),
            result.count(Outcome.STALLED)),
        without ? null : recovery(result.recoveries()),
        without ? null : backoff(result.guestBackoffs()),
        result.resumeToRelease(),
        result.longestSilence(),
        held(old),
        new NewConnection(result.newConnectionAddress(), result.newConnectionOk()),
        new Dns(result.namesBefore(), result.namesAfter(), result.nameUpdate()),
        result.leftBehind(),
        problems(result),
        Rootless.isWithin(),
        without ? null : result.options().capture());
  }

  private static Recovery recovery(Distribution values) {
    return values.isEmpty()
        ? new Recovery(null, null, null, 0)
        : new Recovery(
            rounded(values.percentile(50)),
            rounded(values.percentile(99)),
            rounded(values.max()),
            values.size());
  }

  private static Backoff backoff(Distribution values) {
    return values.isEmpty()
        ? new Backoff(null, null)
        : new Backoff(rounded(values.percentile(50)), rounded(values.max()));
  }

  /** To microseconds: what follows is noise. */
  private static Double rounded(double millis) {
    return Math.round(millis * 1000) / 1000.0;
  }

  private static @Nullable Held held(@Nullable MigrationView old) {
    if (old == null) {
      return null;
    }
    ContinuityReport report = old.report();
    return report == null
        ? new Held(
            old.held().total(), old.held().staged(), old.held().replaced(), old.held().dropped())
        : new Held(report.held(), report.staged(), report.replaced(), old.held().dropped());
  }

  private static List<String> problems(ScenarioResult result) {
    if (result.options().without()) {
      return result.faults(); // that a router says "unreachable" is what happens without Holdfast
    }
    List<String> all = new ArrayList<>(result.faults());
    all.addAll(result.forbidden());
    if (result.unrecovered() > 0) {
      all.add(result.unrecovered() + " connections were never acknowledged again");
    }
    return all;
  }

  /** One JSON object, indented. */
  static String json(ScenarioResult result) {
    return Json.pretty(of(result));
  }
}
