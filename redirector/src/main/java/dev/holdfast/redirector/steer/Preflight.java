package dev.holdfast.redirector.steer;

import dev.holdfast.redirector.migration.MigrationPlan.Check;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.time.Clock;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Would steering work on this host, and if not, why not and what helps? A list of small checks that
 * change nothing.
 */
public final class Preflight {
  private final HostFacts facts;
  private final KernelLedger ledger;
  private final boolean byPcap;
  private final String host;

  /**
   * @param host this host's name, for the checks
   * @param ledger tells what of ours may be in the kernel already
   */
  public Preflight(String host, HostFacts facts, KernelLedger ledger) {
    this(host, facts, ledger, false);
  }

  /**
   * @param byPcap whether frames are captured by pcap: then no TUN is needed, and this host's
   *     kernel forwards nothing
   */
  public Preflight(String host, HostFacts facts, KernelLedger ledger, boolean byPcap) {
    this.host = host;
    this.facts = facts;
    this.ledger = ledger;
    this.byPcap = byPcap;
  }

  /**
   * This process's, a bit for each (capabilities(7)).
   *
   * @throws IOException when /proc cannot be read
   */
  public static long effectiveCapabilities() throws IOException {
    return HostChecks.effectiveCapabilities();
  }

  /** No check has failed; there may be warnings. */
  public static boolean passes(List<Check> checks) {
    return checks.stream().noneMatch(check -> check.result().equals("failed"));
  }

  /** What every host needs, in either role. */
  public List<Check> host(String tun) {
    return new HostChecks(new Findings(host), facts, ledger).all(byPcap ? null : tun);
  }

  /**
   * What the old host needs for one migration.
   *
   * @param from the old LAN's interface; null where it was not given and the guest's port is on no
   *     bridge
   */
  public List<Check> redirector(
      List<IpAddress> oldAddresses,
      @Nullable String from,
      @Nullable String guestPort,
      @Nullable MacAddress guestMac) {
    var checks = new GuestChecks(new Findings(host), facts, byPcap);
    return checks.atRedirector(oldAddresses, from, guestPort, guestMac);
  }

  /** What the new host needs for one migration. */
  public List<Check> endpoint(
      List<IpAddress> oldAddresses,
      List<IpAddress> newAddresses,
      @Nullable MacAddress guestMac,
      String deliver,
      List<IpPrefix> oldLans) {
    var checks = new GuestChecks(new Findings(host), facts, byPcap);
    return checks.atEndpoint(oldAddresses, newAddresses, guestMac, deliver, oldLans);
  }

  /** What the new host needs beside that, for a guest that does not know its new addresses. */
  public List<Check> mapping(
      Kernel kernel, List<IpAddress> newAddresses, @Nullable MacAddress guestMac, String deliver) {
    var checks = new MappingChecks(new Findings(host), facts, kernel);
    return checks.all(newAddresses, guestMac, deliver);
  }

  /** Whether a filter of others stops what is mapped, at the new host. */
  public List<Check> filtersOfMapped(List<IpAddress> oldAddresses, String deliver, String tun) {
    return new FilterChecks(new Findings(host), facts, tun).ofMapped(oldAddresses, deliver);
  }

  /** Whether the guest, and nobody else, has its old addresses and its MAC; asks the LAN. */
  public List<Check> ownersAtRedirector(
      List<IpAddress> oldAddresses,
      String from,
      @Nullable String guestPort,
      MacAddress guestMac,
      Clock clock) {
    return new OwnerChecks(new Findings(host), facts, clock)
        .atRedirector(oldAddresses, from, guestPort, guestMac);
  }

  /** Whether the guest's addresses are free on the new LAN; asks it. */
  public List<Check> ownersAtEndpoint(
      List<IpAddress> oldAddresses,
      List<IpAddress> newAddresses,
      String deliver,
      @Nullable MacAddress guestMac,
      Clock clock) {
    return new OwnerChecks(new Findings(host), facts, clock)
        .atEndpoint(oldAddresses, newAddresses, deliver, guestMac);
  }

  /** Whether a filter of others stops what a redirector sends through this host. */
  public List<Check> filtersAtRedirector(List<IpAddress> oldAddresses, String from, String tun) {
    return new FilterChecks(new Findings(host), facts, tun).atRedirector(oldAddresses, from);
  }

  /** Whether a filter of others stops what an endpoint sends through this host. */
  public List<Check> filtersAtEndpoint(List<IpAddress> oldAddresses, String deliver, String tun) {
    return new FilterChecks(new Findings(host), facts, tun).atEndpoint(oldAddresses, deliver);
  }

  /**
   * Whether a filter of others stops what the other host sends to this one.
   *
   * @param port where it connects to; -1 where it does not
   * @param inner the old addresses that come by IP-in-IP; empty for none
   */
  public List<Check> tunnelFilters(
      String uplink, IpAddress here, int port, IpAddress remote, List<IpAddress> inner) {
    var checks = new FilterChecks(new Findings(host), facts, "");
    return checks.tunnel(uplink, here, port, remote, inner);
  }

  /** Collects what was found. */
  static final class Findings {
    /** One question to the kernel and what is made of the answer. */
    interface Question {
      void ask() throws IOException;
    }

    private final String host;
    private final List<Check> checks = new ArrayList<>();

    Findings(String host) {
      this.host = host;
    }

    /** A question that cannot be asked is a check that failed. */
    void ask(String name, Question question) {
      try {
        question.ask();
      } catch (IOException e) {
        failed(name, String.valueOf(e.getMessage()), "see whether ip and nft work for root here");
      }
    }

    void ok(String name, String detail) {
      checks.add(new Check(host, name, "ok", detail, ""));
    }

    void warning(String name, String detail, String fix) {
      checks.add(new Check(host, name, "warning", detail, fix));
    }

    void failed(String name, String detail, String fix) {
      checks.add(new Check(host, name, "failed", detail, fix));
    }

    List<Check> all() {
      return List.copyOf(checks);
    }
  }
}
