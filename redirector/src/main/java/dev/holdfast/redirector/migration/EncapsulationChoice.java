package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.config.EndpointText;
import dev.holdfast.tunnel.endpoint.ControlMessage.ArmReply;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What {@code auto} chooses, and why. IP-in-IP is taken where both hosts' configs allow clear text
 * to the other, both have an address for it, no filter or MTU of either is known to be in the way,
 * and probes at arm have proven it both ways; TLS otherwise, and the first thing that spoke against
 * IP-in-IP is told.
 */
final class EncapsulationChoice {
  static final String IP_IN_IP = "ipip";
  static final String TLS = "tls";

  private static final int LONGEST_SENTENCE = 500;

  /** Looks at this host: why IP-in-IP cannot be for this record, as a clause; null if it can. */
  interface HostLook {
    @Nullable String against(MigrationRecord record);
  }

  private EncapsulationChoice() {}

  /** Why this host cannot use IP-in-IP with that one, as a clause; null where it can. */
  static @Nullable String againstIpInIp(Config config, Config.Remote remote) {
    String here = config.daemon().name();
    InetSocketAddress listen = config.tunnel().listen();
    if (listen.getAddress().isAnyLocalAddress()) {
      return "%s listens on %s, and IP-in-IP needs one address of its own ([tunnel] listen)"
          .formatted(here, EndpointText.format(listen));
    }
    InetSocketAddress endpoint = remote.endpoint();
    if (endpoint == null) {
      return "%s has no endpoint of %s in its config (it may be behind a NAT), so IP-in-IP has no"
              .formatted(here, remote.name())
          + " address to send to";
    }
    InetAddress address = endpoint.getAddress();
    if (address != null
        && address instanceof Inet4Address != listen.getAddress() instanceof Inet4Address) {
      return "%s listens on %s, and %s is at %s: IP-in-IP needs the same family at both"
          .formatted(
              here, EndpointText.format(listen), remote.name(), EndpointText.format(endpoint));
    }
    return null;
  }

  /** Why {@code auto} does not even try IP-in-IP here, as a clause; null where it does. */
  static @Nullable String againstTrying(Config config, Config.Remote remote) {
    return remote.plaintext()
        ? againstIpInIp(config, remote)
        : "the config of %s does not allow clear text to %s (plaintext = true in [[remote]])"
            .formatted(config.daemon().name(), remote.name());
  }

  /** The config is asked first: the host is not looked at for what may not be. */
  private static @Nullable String against(Config config, MigrationRecord record, HostLook look) {
    String against = againstTrying(config, Paths.remote(config, record.remote()));
    return against != null ? against : look.against(record);
  }

  /** What is said of TLS, with the clause that speaks against IP-in-IP. */
  static String tlsSince(String against) {
    return "auto: tls, since " + against;
  }

  /** What is said of IP-in-IP before the probes. */
  static String ipInIpAllowed() {
    return "auto: ipip, which both hosts allow";
  }

  /** What is said of IP-in-IP afterwards. */
  static String ipInIpProven(int longest) {
    return "auto: ipip, which both hosts allow and probes of up to "
        + longest
        + " bytes have proven both ways";
  }

  /** What the endpoint is asked for: {@code auto} only where this host would try IP-in-IP. */
  static MigrationRecord asked(Config config, MigrationRecord record, HostLook look) {
    if (!record.isAuto()) {
      return record;
    }
    String against = against(config, record, look);
    return against == null ? record : record.carriedBy(TLS, tlsSince(against), record.epoch());
  }

  /** For a plan: what arming would take. */
  static MigrationPlan.Check check(Config config, MigrationRecord wanted, MigrationRecord agreed) {
    String detail = agreed.encapsulation() + ", as asked for";
    if (wanted.isAuto()) {
      detail =
          agreed.isIpInIp()
              ? "%s; taken if probes of up to %d bytes prove it both ways at arm, otherwise tls"
                  .formatted(ipInIpAllowed(), Paths.innerMtu(config, agreed))
              : String.valueOf(agreed.encapsulationReason());
    }
    return new MigrationPlan.Check(config.daemon().name(), "encapsulation", "ok", detail, "");
  }

  /**
   * The record with what the endpoint has agreed to.
   *
   * @throws RequestRefused when that is nothing we know
   */
  static MigrationRecord agreed(MigrationRecord record, ArmReply reply) throws RequestRefused {
    if (!record.isAuto()) {
      return record;
    }
    if (!List.of(IP_IN_IP, TLS).contains(reply.encapsulation())) {
      throw new RequestRefused(
          RequestRefused.Kind.REFUSED,
          record.remote()
              + " agrees to encapsulation '"
              + told(reply.encapsulation())
              + "', which is not known here");
    }
    return record.carriedBy(
        reply.encapsulation(), told(reply.encapsulationReason()), record.epoch());
  }

  /** A sentence of a remote host, fit to be kept and shown; null where it said none. */
  static @Nullable String told(String sentence) {
    if (sentence.isBlank()) {
      return null;
    }
    String kept = sentence.substring(0, Math.min(sentence.length(), LONGEST_SENTENCE));
    return kept.replaceAll("\\p{C}", " ");
  }

  /** The endpoint's answer to {@code auto}: its record with what it agrees to. */
  static MigrationRecord answered(Config config, MigrationRecord record, HostLook look) {
    if (!record.isAuto()) {
      return record;
    }
    String against = against(config, record, look);
    return against == null
        ? record.carriedBy(IP_IN_IP, ipInIpAllowed(), record.epoch())
        : record.carriedBy(TLS, tlsSince(against), record.epoch());
  }
}
