package dev.holdfast.redirector.dns;

import dev.holdfast.redirector.dns.DnsException.Kind;
import dev.holdfast.redirector.migration.MigrationPlan.Check;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.Flags;
import org.xbill.DNS.Message;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.SOARecord;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;

/**
 * Would an update work? {@code holdfast dns check}, for every configured zone: key file, server,
 * signed update, clock. Changes nothing: the updates that are tried have prerequisites, and delete
 * what is not there.
 */
public final class DnsCheck {
  /** A tenth of what TSIG allows (RFC 8945 section 10: 300 s) is worth a word. */
  private static final Duration CLOCK_WARNING = Duration.ofSeconds(30);

  /** TSIG's time is in whole seconds. */
  private static final Duration AGREEMENT = Duration.ofSeconds(2);

  /** PowerDNS knows no other keys; BIND and Knot can do better. */
  private static final String UNLIMITED =
      "Nothing limits the key: whoever has it may change every name of the zone"
          + " (BIND: update-policy, Knot: update-owner limit it; PowerDNS has nothing of the kind,"
          + " so give guests a zone of their own there).";

  private final DnsUpdater dns;
  private final String host;
  private final List<Check> checks = new ArrayList<>();

  private DnsCheck(DnsUpdater dns, String host) {
    this.dns = dns;
    this.host = host;
  }

  /**
   * Checks all zones.
   *
   * @param host this daemon's name, for the list
   * @throws DnsException only when interrupted
   */
  public static List<Check> run(DnsUpdater dns, String host) throws DnsException {
    DnsCheck check = new DnsCheck(dns, host);
    for (ZoneServer zone : dns.zones()) {
      check.checkZone(zone);
    }
    return List.copyOf(check.checks);
  }

  /**
   * A dry run of a migration's moves: the zones of its names, and whether its records are what the
   * compare-and-swap expects and the key may change. Zones of other names are only warned of:
   * reverse records follow, and hold nothing up.
   *
   * @throws DnsException only when interrupted
   */
  public static List<Check> run(DnsUpdater dns, String host, List<DnsMove> moves)
      throws DnsException {
    DnsCheck check = new DnsCheck(dns, host);
    Set<ZoneServer> own = new HashSet<>();
    for (DnsMove move : moves) {
      dns.planner().zoneOf(DnsNames.absolute(move.name())).ifPresent(own::add);
    }
    for (ZoneServer zone : dns.zones()) {
      int before = check.checks.size();
      check.checkZone(zone);
      if (!own.contains(zone)) {
        check.checks.subList(before, check.checks.size()).replaceAll(DnsCheck::atMostWarning);
      }
    }
    if (check.checks.stream().noneMatch(each -> each.result().equals("failed"))) {
      for (DnsMove move : moves) {
        check.checkRecords(move);
      }
    }
    return List.copyOf(check.checks);
  }

  private static Check atMostWarning(Check check) {
    return check.result().equals("failed")
        ? new Check(check.host(), check.name(), "warning", check.detail(), check.fix())
        : check;
  }

  private void checkRecords(DnsMove move) throws DnsException {
    String fix = "correct the name's records, or leave --dns-name out and change the name yourself";
    try {
      DnsPlan plan = dns.plan(move);
      String problem = plan.problem();
      if (problem != null) {
        String text = problem + (plan.notes().isEmpty() ? "" : " " + plan.notes());
        checks.add(new Check(host, "DNS name", "failed", text, fix));
        return;
      }
      SetSwap.rehearse(dns, plan.sets(), false);
      String text = plan.name() + ": " + plan.before() + " becomes " + plan.after();
      checks.add(new Check(host, "DNS name", "ok", text, ""));
      checkReverse(plan);
    } catch (DnsException e) {
      if (e.kind() == Kind.INTERRUPTED) {
        throw e;
      }
      checks.add(new Check(host, "DNS name", "failed", e.sentence(), fix));
    }
  }

  private void checkReverse(DnsPlan plan) throws DnsException {
    try {
      SetSwap.rehearse(dns, plan.sets(), true);
    } catch (DnsException e) {
      if (e.kind() == Kind.INTERRUPTED) {
        throw e;
      }
      String fix = "let the key change PTR records, or take the reverse zone out of the config";
      checks.add(new Check(host, "DNS PTR", "warning", e.sentence(), fix));
    }
  }

  private void checkZone(ZoneServer zone) throws DnsException {
    TsigKey key = checkKey(zone);
    boolean answers = checkServer(zone);
    if (key != null && answers) {
      checkUpdate(zone, key);
    }
  }

  private @Nullable TsigKey checkKey(ZoneServer zone) {
    try {
      KeyFile file = KeyFile.read(zone.zone().keySecretFile());
      TsigKey key = file.keyFor(zone.zone());
      if (file.warnings().isEmpty()) {
        ok(zone, "key", key + " is read from " + file.file() + ".");
      } else {
        add(zone, "key", "warning", String.join(" ", file.warnings()), "chmod 600 " + file.file());
      }
      return key;
    } catch (DnsException e) {
      failed(
          zone,
          "key",
          e.sentence(),
          "Put the key's secret, or the clause that tsig-keygen prints, into "
              + zone.zone().keySecretFile()
              + ".");
      return null;
    }
  }

  private boolean checkServer(ZoneServer zone) throws DnsException {
    try {
      Message answer = zone.ask(zone.origin(), Type.SOA);
      Optional<SOARecord> soa =
          answer.getSection(Section.ANSWER).stream()
              .filter(SOARecord.class::isInstance)
              .map(SOARecord.class::cast)
              .findFirst();
      if (answer.getRcode() != Rcode.NOERROR || soa.isEmpty()) {
        failed(
            zone,
            "server",
            "The DNS server %s answers %s to a question for the zone's SOA."
                .formatted(
                    zone.text(),
                    answer.getRcode() == Rcode.NOERROR
                        ? "with nothing"
                        : Rcode.string(answer.getRcode())),
            "Set 'server' to the primary server of " + zone.zone().zone() + ".");
        return false;
      }
      if (!answer.getHeader().getFlag(Flags.AA)) {
        failed(
            zone,
            "server",
            "The DNS server %s knows the zone from others only: it is a resolver."
                .formatted(zone.text()),
            "Set 'server' to the primary server of " + zone.zone().zone() + ".");
        return false;
      }
      ok(
          zone,
          "server",
          "%s has authority over the zone, serial %d."
              .formatted(zone.text(), soa.get().getSerial()));
      return true;
    } catch (DnsException e) {
      if (e.kind() == Kind.INTERRUPTED) {
        throw e;
      }
      failed(zone, "server", e.sentence(), "Start the server, or correct 'server'.");
      return false;
    }
  }

  private void checkUpdate(ZoneServer zone, TsigKey key) throws DnsException {
    try {
      Answer answer = zone.rehearse(key);
      String text = "An update signed with " + key + " is accepted.";
      ok(zone, "update", zone.isUnlimited(key) ? text + " " + UNLIMITED : text);
      Instant now = Instant.ofEpochSecond(0, dns.client().clock().epochNanos());
      answer.clockDifference(now).ifPresent(difference -> checkClock(zone, difference));
    } catch (DnsException e) {
      if (e.kind() == Kind.INTERRUPTED) {
        throw e;
      }
      failed(
          zone,
          "update",
          e.sentence(),
          "Make key and clock agree with the server's, and let it take updates signed with that"
              + " key.");
    }
  }

  private void checkClock(ZoneServer zone, Duration ahead) {
    String text =
        ahead.abs().compareTo(AGREEMENT) <= 0
            ? "The server's clock agrees with this host's."
            : "The server's clock is %d s %s this host's."
                .formatted(ahead.abs().toSeconds(), ahead.isNegative() ? "behind" : "ahead of");
    if (ahead.abs().compareTo(CLOCK_WARNING) > 0) {
      add(zone, "clock", "warning", text, "Set both clocks; at 300 s signatures are refused.");
    } else {
      ok(zone, "clock", text);
    }
  }

  private void ok(ZoneServer zone, String name, String detail) {
    add(zone, name, "ok", detail, "");
  }

  private void failed(ZoneServer zone, String name, String detail, String fix) {
    add(zone, name, "failed", detail, fix);
  }

  private void add(ZoneServer zone, String name, String result, String detail, String fix) {
    checks.add(new Check(host, "dns " + zone.zone().zone() + " " + name, result, detail, fix));
  }
}
