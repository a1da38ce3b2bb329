package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.steer.HostFacts;
import dev.holdfast.redirector.steer.Preflight;
import dev.holdfast.tunnel.endpoint.ControlChannel;
import dev.holdfast.tunnel.packet.IpAddress;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Checks of the way between two hosts, and of what they must agree on: reachability, filters on the
 * way in, packet sizes, clocks, certificates.
 */
final class WayChecks {
  private static final String CONTROL_PORT = "control port";
  private static final String CLOCK = "clock";

  /** What DNS servers allow in a signature (RFC 8945 section 10), and we between hosts. */
  private static final Duration CLOCKS_APART = Duration.ofSeconds(300);

  /** A tenth of that is worth a word. */
  private static final Duration CLOCKS_NOTED = Duration.ofSeconds(30);

  /** Connections of some servers live for days, and so does the tunnel under them. */
  private static final Duration LIFE = Duration.ofDays(7);

  private static final int ANSWER_TRIES = 100;
  private static final int ANSWER_MILLIS = 10;

  private final String name;
  private final Host host;
  private final MigrationRecord record;
  private final List<MigrationPlan.Check> checks = new ArrayList<>();

  private WayChecks(Host host, MigrationRecord record) {
    this.name = host.config().daemon().name();
    this.host = host;
    this.record = record;
  }

  /** The redirector's: it opens the connections. */
  static List<MigrationPlan.Check> outgoing(Host host, MigrationRecord record) {
    WayChecks way = new WayChecks(host, record);
    way.control();
    way.common();
    if (way.isIpInIp()) {
      way.filters(-1);
    }
    return way.checks;
  }

  /** The endpoint's, which the redirector has reached already. */
  static List<MigrationPlan.Check> incoming(Host host, MigrationRecord record) {
    WayChecks way = new WayChecks(host, record);
    way.common();
    way.filters(host.config().tunnel().listen().getPort());
    return way.checks;
  }

  /** True for the check that says that the remote host cannot be asked. */
  static boolean isUnreachable(MigrationPlan.Check check) {
    return check.name().equals(CONTROL_PORT) && check.result().equals("failed");
  }

  /**
   * What is known on this host to be in the way of IP-in-IP: a filter, or the uplink's MTU. As a
   * clause, for {@code auto}; null where nothing is.
   */
  static @Nullable String againstIpInIp(Host host, MigrationRecord record) {
    WayChecks way =
        new WayChecks(host, record.carriedBy(EncapsulationChoice.IP_IN_IP, null, record.epoch()));
    way.pathMtu("failed"); // TLS carries all, so less is no choice
    way.filters(-1);
    return way.checks.stream()
        .filter(check -> check.result().equals("failed"))
        .findFirst()
        .map(check -> way.name + " finds: " + check.name() + ": " + check.detail())
        .orElse(null);
  }

  private void common() {
    certificate();
    pathMtu("warning");
  }

  /**
   * @param less the result where less passes than is usual
   */
  private void pathMtu(String less) {
    try {
      packetSize(less);
    } catch (IOException e) {
      add("path MTU", "failed", String.valueOf(e.getMessage()), "see whether ip works here");
    }
  }

  private boolean isIpInIp() {
    return record.isIpInIp();
  }

  private void add(String check, String result, String detail, String fix) {
    checks.add(new MigrationPlan.Check(name, check, result, detail, fix));
  }

  private void control() {
    try {
      ControlChannel channel = host.control(record.remote());
      for (int i = 0; i < ANSWER_TRIES && Double.isNaN(channel.rttMillis()); i++) {
        Thread.sleep(ANSWER_MILLIS); // the first keepalive is on its way
      }
      add(
          CONTROL_PORT,
          "ok",
          record.remote()
              + " answers, round trip "
              + String.format(Locale.ROOT, "%.1f ms", channel.rttMillis()),
          "");
      clock(Duration.ofNanos(channel.clockOffsetNanos()));
    } catch (RequestRefused e) {
      add(
          CONTROL_PORT,
          "failed",
          String.valueOf(e.getMessage()),
          "see that its daemon runs, that TCP to its endpoint is let through, and that each config"
              + " has the other's fingerprint (holdfast cert show)");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void clock(Duration ahead) {
    String detail =
        String.format(
            Locale.ROOT,
            "the clock of %s is %.3f s %s this host's",
            record.remote(),
            ahead.abs().toMillis() / 1e3,
            ahead.isNegative() ? "behind" : "ahead of");
    if (ahead.abs().compareTo(CLOCKS_APART) > 0) {
      add(CLOCK, "failed", detail, "set both clocks, best by NTP: certificates and epochs need it");
    } else if (ahead.abs().compareTo(CLOCKS_NOTED) > 0) {
      add(CLOCK, "warning", detail, "set both clocks, best by NTP: from 300 s on it is refused");
    } else {
      add(CLOCK, "ok", detail, "");
    }
  }

  private void certificate() {
    Instant ends = host.endpoint().certificateEnds();
    Instant now = Instant.ofEpochSecond(0, host.clock().epochNanos());
    Duration left = Duration.between(now, ends);
    if (left.compareTo(LIFE) < 0) {
      add(
          "certificate",
          "warning",
          "this host's certificate "
              + (left.isNegative() ? "has expired at " : "expires at ")
              + ends
              + ": connections between the hosts go on, but one that is lost is not accepted again",
          "make another (holdfast cert init), give its fingerprint to the other host, and restart"
              + " both daemons before the move");
    } else {
      add("certificate", "ok", "this host's is valid until " + ends, "");
    }
  }

  /** Arm's probe measures; this tells beforehand what cannot be. */
  private void packetSize(String less) throws IOException {
    String uplink = host.config().tunnel().uplink();
    Optional<HostFacts.Device> device = new HostFacts(host.kernel()).device(uplink);
    if (device.isEmpty()) {
      add(
          "path MTU",
          "warning",
          "there is no interface " + uplink,
          "correct 'uplink' in [tunnel] of the config");
      return;
    }
    int outer = isIpInIp() ? Paths.outerLength(host.config(), record) : 0;
    if (device.get().mtu() < outer) {
      add(
          "path MTU",
          less,
          "%s takes packets of %d bytes, IP-in-IP needs %d to carry full-size ones; senders of more are told"
              .formatted(uplink, device.get().mtu(), outer),
          "raise the MTU of " + uplink + ", or use --encapsulation tls");
    } else {
      add(
          "path MTU",
          "ok",
          uplink
              + " takes "
              + device.get().mtu()
              + " bytes"
              + (isIpInIp() ? "; arm proves the way with a packet of full size" : ""),
          "");
    }
  }

  private void filters(int port) {
    Config.Tunnel tunnel = host.config().tunnel();
    InetSocketAddress remote = Paths.remote(host.config(), record.remote()).endpoint();
    if (remote == null || remote.getAddress() == null) {
      return; // it is where it connects from, or where its name says; that it gets here is seen
    }
    Preflight preflight = Planner.preflight(host, record);
    checks.addAll(
        preflight.tunnelFilters(
            tunnel.uplink(),
            IpAddress.of(tunnel.listen().getAddress()),
            port,
            IpAddress.of(remote.getAddress()),
            isIpInIp() ? record.olds() : List.of()));
  }
}
