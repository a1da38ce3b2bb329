package dev.holdfast.redirector.demo;

import dev.holdfast.redirector.demo.load.Kind;
import dev.holdfast.redirector.demo.measure.ConnectionTrace;
import dev.holdfast.redirector.demo.measure.Distribution;
import dev.holdfast.redirector.demo.measure.HeaderLog;
import dev.holdfast.redirector.demo.measure.HeaderLog.Connection;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * What the client's capture says about a move; times are milliseconds.
 *
 * <p>A connection whose client waited for an acknowledgement at release is a sample of recovery. Of
 * the others, a busy one whose guest had to speak is a sample of the guest's own back-off: the
 * guest's kernel tried in vain while it was unplugged, and decides itself when it tries again.
 */
record Measurements(
    Distribution recoveries,
    int unrecovered,
    Distribution guestBackoffs,
    @Nullable Double roundTrip,
    @Nullable Double longestSilence) {

  static Measurements of(HeaderLog log, Moments moments) {
    return of(log.traces(), moments);
  }

  static Measurements of(Map<Connection, ConnectionTrace> traces, Moments moments) {
    List<Double> recoveries = new ArrayList<>();
    List<Double> backoffs = new ArrayList<>();
    int unrecovered = 0;
    long shortest = Long.MAX_VALUE;
    long silence = -1;
    for (var entry : traces.entrySet()) {
      Kind kind = kind(entry.getKey());
      ConnectionTrace trace = entry.getValue();
      if (kind == null || !kind.isBusy()) {
        continue;
      }
      silence = Math.max(silence, trace.longestSilence(moments.hold(), moments.ending()));
      if (trace.peerWaitsAt(moments.released())) {
        OptionalLong recovery = trace.recovery(moments.released());
        if (recovery.isPresent()) {
          recoveries.add(millis(recovery.getAsLong()));
        } else {
          unrecovered++;
        }
      } else {
        trace.firstNewData(moments.released()).ifPresent(nanos -> backoffs.add(millis(nanos)));
      }
      if (kind == Kind.REQUESTS) {
        OptionalLong roundTrip = trace.roundTrip(moments.released(), moments.ending());
        shortest = Math.min(shortest, roundTrip.orElse(Long.MAX_VALUE));
      }
    }
    return new Measurements(
        new Distribution(recoveries),
        unrecovered,
        new Distribution(backoffs),
        shortest == Long.MAX_VALUE ? null : Double.valueOf(millis(shortest)),
        silence < 0 ? null : Double.valueOf(millis(silence)));
  }

  private static @Nullable Kind kind(Connection connection) {
    for (Kind each : Kind.values()) {
      if (each.port() == connection.servicePort()) {
        return each;
      }
    }
    return null;
  }

  static double millis(long nanos) {
    return nanos / 1e6;
  }
}
