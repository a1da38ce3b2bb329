package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.migration.MigrationView;
import dev.holdfast.redirector.migration.MigrationView.ConnectionView;
import dev.holdfast.redirector.migration.MigrationView.DnsView;
import dev.holdfast.redirector.migration.MigrationView.HeldView;
import dev.holdfast.redirector.migration.MigrationView.HookView;
import dev.holdfast.redirector.migration.MigrationView.TrafficView;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Migrations as people read them. */
final class MigrationText {
  private MigrationText() {}

  /** One row each. */
  static String list(List<MigrationView> migrations, When when) {
    if (migrations.isEmpty()) {
      return "There are no migrations.\n";
    }
    return table("", migrations, when);
  }

  static String table(String indent, List<MigrationView> migrations, When when) {
    var table =
        new Table(
            indent, "NAME", "STATE", "SINCE", "ROLE", "REMOTE", "OLD", "NEW", ">FLOWS", ">HELD");
    for (MigrationView each : migrations) {
      table.row(
          each.name(),
          each.state() + ("standing".equals(each.mapping()) ? ", mapped" : ""),
          since(each, when),
          each.role(),
          each.remote() + (each.linkUp() || isEnded(each) ? "" : " (" + down(each) + ")"),
          String.join(",", each.oldAddresses()),
          String.join(",", each.newAddresses()),
          String.valueOf(each.flows()),
          String.valueOf(each.held().packets()));
    }
    return table.toString();
  }

  /** What a command has done, in a sentence: {@code web1 is holding.} */
  static String sentence(MigrationView migration) {
    String next =
        migration.legal().isEmpty()
            ? ""
            : " Now legal: " + String.join(", ", migration.legal()) + ".";
    return migration.name()
        + " is "
        + migration.state()
        + "."
        + next
        + "\n"
        + (migration.state().equals("armed") ? reason(migration, "") : "")
        + alerts(migration, "");
  }

  /** Everything about one. */
  static String show(MigrationView migration, When when) {
    var text = new StringBuilder();
    text.append(
        new Facts("")
            .add("name", migration.name())
            .add("id", migration.id() + ", epoch " + migration.epoch())
            .add("state", migration.state() + " since " + since(migration, when))
            .add("legal now", String.join(", ", migration.legal()))
            .add("this host", migration.role())
            .add(
                "remote",
                migration.remote() + ", link " + (migration.linkUp() ? "up" : down(migration)))
            .add("connections", migration.connections().stream().map(MigrationText::text).toList())
            .add("old", String.join(", ", migration.oldAddresses()))
            .add("new", String.join(", ", migration.newAddresses()))
            .add("mapping", mapping(migration))
            .add("guest MAC", migration.guestMac() == null ? "" : migration.guestMac())
            .add(
                "carried by",
                migration.encapsulation()
                    + ", return path "
                    + migration.returnPath()
                    + ", hold by "
                    + migration.holdPolicy())
            .add(
                "because",
                migration.encapsulationReason() == null ? "" : migration.encapsulationReason())
            .add("captured by", capture(migration))
            .add("flows", migration.flows() + ", " + migration.flowsAtHold() + " of them at hold")
            .add("held", held(migration.held()))
            .add("hold limit", holdLimit(migration.holdLimit(), when))
            .add("way back", wayBack(migration.wayBack(), when))
            .add("tunnelled", traffic(migration.traffic()))
            .add("too big", sizes(migration.sizes()))
            .add("dropped", Amounts.reasons(migration.drops()))
            .add("ICMP errors", keptBack(migration.icmpErrorsKeptBack()))
            .add("DNS", names(migration.dns(), when)));
    text.append("history\n");
    for (MigrationView.HistoryEntry entry : migration.history()) {
      text.append("  ").append(when.clock(entry.epochNanos())).append("  ").append(entry.state());
      text.append('\n');
    }
    text.append(hooks(migration.hooks(), when));
    text.append(alerts(migration, ""));
    if (migration.report() != null) {
      text.append('\n').append(ReportText.of(migration, when));
    }
    return text.toString();
  }

  /** What happens when nobody releases; empty where nothing is held. */
  private static String holdLimit(MigrationView.@Nullable HoldLimitView limit, When when) {
    return limit == null
        ? ""
        : when.at(limit.epochNanos())
            + (limit.then().equals("rollback")
                ? ", then it is rolled back if the other host agrees"
                : ", then it goes on holding and raises an alarm");
  }

  /** Empty where nothing is held for it. */
  private static String wayBack(MigrationView.@Nullable WayBackView held, When when) {
    return held == null
        ? ""
        : "held since "
            + when.at(held.sinceEpochNanos())
            + ", "
            + held.returned()
            + " packets out of the tunnel; limit "
            + when.at(held.limitEpochNanos())
            + (held.then().equals("release")
                ? ", then they go to the new host again"
                : ", then it goes on holding and raises an alarm");
  }

  private static String hooks(List<HookView> hooks, When when) {
    if (hooks.isEmpty()) {
      return "";
    }
    var table = new Table("  ", "AT", "EVENT", "RESULT", ">TOOK", "COMMAND");
    var output = new StringBuilder();
    for (HookView each : hooks) {
      table.row(
          when.clock(each.epochNanos()),
          each.event(),
          each.exitCode() == null || each.exitCode() == 0
              ? each.result()
              : each.result() + " (" + each.exitCode() + ")",
          each.millis() == 0 ? "-" : Amounts.time(each.millis()),
          each.command());
    }
    HookView last = hooks.getLast();
    if (!last.output().isEmpty()) {
      output.append("  the last one printed:\n");
      last.output().lines().forEach(line -> output.append("    ").append(line).append('\n'));
    }
    return "hooks\n" + table + output;
  }

  /** Nothing of a guest that knows its new addresses. */
  private static String mapping(MigrationView migration) {
    if (!Boolean.TRUE.equals(migration.guestUnaware())) {
      return "";
    }
    return migration.mapping() == null
        ? "the guest keeps its old addresses; " + migration.remote() + " maps the new ones to them"
        : migration.mapping() + ": new addresses to old ones, for a guest that keeps those";
  }

  private static String capture(MigrationView migration) {
    return migration.capture() == null
        ? ""
        : migration.capture() + (migration.lan() == null ? "" : ", LAN " + migration.lan());
  }

  /** Nothing where nothing was too big. */
  private static String sizes(MigrationView.@Nullable SizesView sizes) {
    if (sizes == null) {
      return "";
    }
    long divided = Objects.requireNonNullElse(sizes.cutTcp(), 0L);
    long unheeded = Objects.requireNonNullElse(sizes.unheeded(), 0L);
    if (sizes.told() + sizes.cutInside() + sizes.cutOutside() + divided + unheeded == 0) {
      return "";
    }
    return "%d bytes pass whole; senders told %d times, %d packets in fragments of their own, %d in outer fragments"
            .formatted(sizes.innerMtu(), sizes.told(), sizes.cutInside(), sizes.cutOutside())
        + (divided == 0
            ? ""
            : "; %d divided into shorter TCP segments for a LAN of %d bytes"
                .formatted(divided, sizes.deliveryMtu()))
        + (unheeded == 0
            ? ""
            : "; %d dropped that are no TCP and too long for a LAN of %d bytes: their senders do not heed ICMP"
                .formatted(unheeded, sizes.deliveryMtu()));
  }

  /** The link is not whole: how much of it is missing. */
  private static String down(MigrationView migration) {
    long up = migration.connections().stream().filter(ConnectionView::up).count();
    return up == 0 ? "down" : up + " of " + migration.connections().size() + " up";
  }

  private static String text(ConnectionView connection) {
    String waiting =
        connection.queuedBytes() == 0
            ? ""
            : " (" + Amounts.bytes(connection.queuedBytes()) + " waiting)";
    return connection.number()
        + (connection.up() ? " up, " + connection.ends() : " down")
        + waiting;
  }

  /** A line for each name. */
  static List<String> names(@Nullable DnsView dns, When when) {
    return dns == null
        ? List.of("not updated")
        : dns.all().stream().map(each -> dns(each, when)).toList();
  }

  private static String dns(DnsView dns, When when) {
    var text = new StringBuilder(dns.name()).append(' ').append(dns.state());
    text.append(": ").append(String.join(", ", dns.before()));
    if (!dns.now().equals(dns.before())) {
      text.append(" -> ").append(String.join(", ", dns.now()));
    }
    if (dns.updateMillis() > 0) {
      text.append(", update took ").append(Amounts.time(dns.updateMillis()));
    }
    if (dns.lastStaleEpochNanos() > 0) {
      text.append(", last stale second ").append(when.at(dns.lastStaleEpochNanos()));
    }
    if (dns.problem() != null) {
      text.append("; ").append(dns.problem());
    }
    return text.toString();
  }

  static String alerts(MigrationView migration, String indent) {
    var text = new StringBuilder();
    migration
        .alerts()
        .forEach(alert -> text.append(indent).append("! ").append(alert).append('\n'));
    return text.toString();
  }

  /** Why it is carried as it is, where nobody has told it to; empty otherwise. */
  static String reason(MigrationView migration, String indent) {
    return migration.encapsulationReason() == null
        ? ""
        : indent + migration.encapsulationReason() + '\n';
  }

  static boolean isEnded(MigrationView migration) {
    return migration.state().equals("done") || migration.state().equals("rolled-back");
  }

  private static String since(MigrationView migration, When when) {
    return migration.history().isEmpty()
        ? "-"
        : when.at(migration.history().getLast().epochNanos());
  }

  private static String held(HeldView held) {
    if (held.total() == 0) {
      return "nothing";
    }
    return Amounts.count(held.packets(), "packet")
        + " ("
        + Amounts.bytes(held.bytes())
        + ") now, "
        + held.total()
        + " in all; "
        + held.staged()
        + " staged, "
        + held.replaced()
        + " replaced, "
        + held.dropped()
        + " dropped";
  }

  /** Of this host's own about the old addresses; empty where nobody has counted them. */
  static String keptBack(@Nullable Long errors) {
    return errors == null ? "" : errors + " kept back";
  }

  private static String traffic(TrafficView traffic) {
    return Amounts.bytes(traffic.toGuestBytes())
        + " to the guest, "
        + Amounts.bytes(traffic.fromGuestBytes())
        + " from it"
        + (traffic.directBytes() == null || traffic.directBytes() == 0
            ? ""
            : "; left here directly: " + Amounts.bytes(traffic.directBytes()));
  }
}
