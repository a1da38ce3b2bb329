package dev.holdfast.redirector.replay.report;

import dev.holdfast.redirector.replay.FlowResult;
import dev.holdfast.redirector.replay.Lateness;
import dev.holdfast.redirector.replay.ReplayReport;
import dev.holdfast.redirector.replay.Verdict;
import dev.holdfast.redirector.replay.report.Expectation.Outcome;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A replay's report for programs; fields are only ever added. */
public final class ReportJson {
  private static final int VERSION = 1;
  private static final double NANOS_PER_MILLI = 1e6;

  private ReportJson() {}

  /** Maps and lists in the order of the fields; times are milliseconds. */
  public static Map<String, Object> of(ReplayReport report, List<Outcome> outcomes) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("version", VERSION);
    json.put("good", outcomes.stream().allMatch(Outcome::isMet));
    json.put("file", report.file());
    json.put("format", report.format());
    json.put("packets", report.packets());
    json.put("replayedPackets", report.replayedPackets());
    json.put("notReplayed", report.notReplayed());
    if (report.problem() != null) {
      json.put("problem", report.problem());
    }
    json.put("packetsBackwardsInTime", report.backwards());
    json.put("durationMillis", millis(report.durationNanos()));
    json.put("guests", guests(report));
    json.put("encapsulation", report.encapsulation());
    json.put("heldPackets", report.heldPackets());
    json.put("stagedPackets", report.stagedPackets());
    json.put("tunnelledToGuest", report.tunnelledToGuest());
    json.put("tunnelledFromGuest", report.tunnelledFromGuest());
    json.put("dropped", report.dropped());
    json.put("lostBetweenSites", report.wanLost());
    json.put("verdicts", report.verdicts());
    Map<String, Object> recovery = new LinkedHashMap<>();
    recovery.put("connections", report.recovery().count());
    recovery.put("p50Millis", millis(report.recovery().p50Nanos()));
    recovery.put("p99Millis", millis(report.recovery().p99Nanos()));
    recovery.put("maxMillis", millis(report.recovery().maxNanos()));
    json.put("recovery", recovery);
    Map<String, Object> totals = new LinkedHashMap<>();
    totals.put("longestWaitMillis", millis(report.totals().longestWaitNanos()));
    totals.put("retransmissions", report.totals().retransmissions());
    totals.put("lostDatagrams", report.totals().lostDatagrams());
    json.put("totals", totals);
    json.put("expectations", outcomes);
    List<Object> flows = new ArrayList<>();
    report.flows().forEach(flow -> flows.add(flow(flow)));
    json.put("flows", flows);
    json.put("flowsLeftOut", report.flowsLeftOut());
    if (report.lateness() != null) {
      json.put("live", live(report.lateness()));
    }
    if (report.digest() != null) {
      json.put("sha256", report.digest());
    }
    return json;
  }

  private static Map<String, Object> live(Lateness lateness) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("pace", lateness.pace());
    json.put("sentPackets", lateness.sent());
    json.put("receivedPackets", lateness.received());
    json.put("scheduledPackets", lateness.count());
    json.put("latenessP50Millis", millis(lateness.p50Nanos()));
    json.put("latenessP99Millis", millis(lateness.p99Nanos()));
    json.put("latenessMaxMillis", millis(lateness.maxNanos()));
    return json;
  }

  private static List<Object> guests(ReplayReport report) {
    List<Object> guests = new ArrayList<>();
    for (ReplayReport.Guest guest : report.guests()) {
      Map<String, Object> json = new LinkedHashMap<>();
      json.put("oldAddresses", guest.addresses());
      json.put("moved", guest.hasMoved());
      if (guest.hasMoved()) {
        json.put("pausedAtMillis", millis(guest.pausedAtNanos()));
        json.put("resumedAtMillis", millis(guest.resumedAtNanos()));
      }
      guests.add(json);
    }
    return guests;
  }

  private static Map<String, Object> flow(FlowResult flow) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("flow", flow.flow());
    json.put("verdict", flow.verdict().label());
    switch (flow.verdict()) {
      case Verdict.Stalled(long nanos, boolean forEver) -> {
        json.put("stalledMillis", millis(nanos));
        json.put("ended", !forEver);
      }
      case Verdict.Reset(String by) -> json.put("resetBy", by);
      case Verdict.Corrupted(long offset, boolean toGuest) -> {
        json.put("corruptedAtByte", offset);
        json.put("corruptedToGuest", toGuest);
      }
      case Verdict.NotReplayed(String why) -> json.put("why", why);
      case Verdict.Survived survived -> {}
    }
    json.put("firstPacket", flow.firstPacket());
    json.put("packets", flow.packets());
    json.put("toGuestBytes", flow.toGuestBytes());
    json.put("fromGuestBytes", flow.fromGuestBytes());
    json.put("moved", flow.moved());
    if (flow.recoveryNanos() >= 0) {
      json.put("recoveryMillis", millis(flow.recoveryNanos()));
    }
    json.put("longestWaitMillis", millis(flow.longestWaitNanos()));
    json.put("longestWaitAtMillis", millis(flow.longestWaitAtNanos()));
    json.put("retransmissions", flow.retransmissions());
    json.put("lostDatagrams", flow.lost());
    json.put("notes", flow.notes());
    return json;
  }

  private static double millis(long nanos) {
    return nanos / NANOS_PER_MILLI;
  }
}
