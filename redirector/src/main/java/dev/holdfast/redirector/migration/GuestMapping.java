package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.steer.AddressPairs;
import dev.holdfast.redirector.steer.RouterAdvertisements;
import dev.holdfast.tunnel.endpoint.ControlMessage;
import dev.holdfast.tunnel.endpoint.ControlMessage.ArmRequest;
import dev.holdfast.tunnel.endpoint.ControlMessage.FlowEntry;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketView;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What is to be known of a guest that is not touched: it has its old addresses alone, wherever it
 * runs, and its new host maps the new ones to them.
 *
 * <pre>
 * armed, holding           prepared: nothing is mapped
 * redirecting, draining    on: old connections by the tunnel, what begins by the mapping
 * done                     standing: the tunnel is gone, the mapping is what the guest lives by
 * rolled-back, or unmap    removed
 * </pre>
 */
final class GuestMapping {
  /** How long connection tracking keeps an old connection that is silent: its own default. */
  private static final int TCP_SECONDS = 432_000;

  /** Of UDP (RFC 4787 section 4.3). */
  private static final int UDP_SECONDS = 300;

  private GuestMapping() {}

  /** Mistakes in what is asked for, by whomever. */
  static void checkRequest(
      List<IpAddress> olds, List<IpAddress> news, boolean direct, List<String> mistakes) {
    if (!AddressPairs.match(olds, news)) {
      mistakes.add(
          "--guest-unaware maps each --old address to one --new address of its family, in the order"
              + " in which they are given: give as many of both");
    }
    if (direct) {
      mistakes.add(
          "--guest-unaware does not go with the return path direct: what leaves at the new site leaves"
              + " with the new address (--return-path symmetric)");
    }
  }

  /**
   * What is wrong with a remote host's request to map addresses here.
   *
   * @param host this one's name
   */
  static void checkGrant(
      String host, Config.Capture capture, ArmRequest request, List<String> wrong) {
    checkRequest(
        request.oldAddresses(),
        request.newAddresses(),
        request.returnPath().equals(MigrationRecord.DIRECT),
        wrong);
    if (request.advertisements().size() > RouterAdvertisements.MOST
        || !request.advertisements().stream().allMatch(RouterAdvertisements::isSound)) {
      wrong.add("what is to be repeated to the guest are no router advertisements");
    }
    if (capture == Config.Capture.PCAP) {
      wrong.add(
          "a guest that does not know its new address cannot come: "
              + host
              + " captures by pcap, and only what is steered by the kernel can be mapped by it"
              + " (capture tun)");
    }
  }

  /**
   * An earlier daemon would skip what it does not know of the request, and deliver to a guest that
   * nobody reaches by its new address.
   *
   * @param software what the remote host calls itself
   * @throws RequestRefused where the remote host cannot map addresses, and is to
   */
  static void requireCapable(MigrationRecord record, String software, List<String> capabilities)
      throws RequestRefused {
    if (record.isUnaware() && !capabilities.contains(ControlMessage.GUEST_UNAWARE)) {
      throw new RequestRefused(
          RequestRefused.Kind.REFUSED,
          record.remote()
              + " ("
              + software
              + ") is of a version that cannot map a new address to a guest's old one: upgrade it, or"
              + " give the guest its new address and leave --guest-unaware out");
    }
  }

  /**
   * What the routers of the old LAN say to a guest that is to hear it afterwards.
   *
   * @throws RequestRefused where that LAN cannot be listened to
   */
  static List<byte[]> advertised(Host host, MigrationSpec spec, Surroundings place)
      throws RequestRefused {
    if (!spec.guestUnaware() || spec.olds().stream().allMatch(IpAddress::isV4)) {
      return List.of();
    }
    try {
      return RouterAdvertisements.ask(place.from(), host.clock());
    } catch (IOException e) {
      throw new RequestRefused(
          RequestRefused.Kind.FAILED,
          "the old LAN's routers could not be asked: " + e.getMessage(),
          e);
    }
  }

  /** What an operator should know before a guest is moved so. */
  static List<MigrationPlan.Check> limits(String host, MigrationRecord record) {
    List<MigrationPlan.Check> checks = new ArrayList<>();
    checks.add(
        warning(
            host,
            "connections that begin with %s live at %s alone"
                .formatted(String.join(", ", record.newAddresses()), record.remote()),
            "a rollback after release, and 'holdfast migration unmap' there, cut them"));
    if (record.olds().stream().anyMatch(IpAddress::isV4)) {
      checks.add(
          warning(
              host,
              "a DHCP lease of the old address is renewed through the tunnel, so only until the"
                  + " migration is done",
              "let the guest have its address without a lease, or for long, if it has one by DHCP"));
    }
    if (record.advertised().isEmpty() && record.olds().stream().anyMatch(IpAddress::isV6)) {
      checks.add(
          warning(
              host,
              "no router has advertised itself on " + record.from() + ", so none is repeated",
              "let the guest have its IPv6 default route by hand, if it had it from a router"));
    }
    return checks;
  }

  private static MigrationPlan.Check warning(String host, String detail, String fix) {
    return new MigrationPlan.Check(host, "guest-unaware", "warning", detail, fix);
  }

  /** As {@link MigrationView} has it. */
  static @Nullable String label(MigrationRecord record) {
    if (!record.isUnaware() || record.role() != Role.ENDPOINT) {
      return null;
    }
    return switch (record.state()) {
      case PLANNED, ARMED, HOLDING -> "prepared";
      case REDIRECTING, DRAINING -> "on";
      case DONE -> record.isStanding() ? "standing" : "removed";
      case ROLLED_BACK -> "removed";
    };
  }

  /** What begins with the new addresses is mapped now. */
  static boolean isOn(MigrationRecord record) {
    String label = label(record);
    return "on".equals(label) || "standing".equals(label);
  }

  /**
   * The guest of a mapping cannot be moved by its new address, nor can another have it.
   *
   * @throws RequestRefused {@code CONFLICT} where {@code wanted} has an address of {@code standing}
   */
  static void requireFree(MigrationRecord standing, MigrationRecord wanted) throws RequestRefused {
    if (!standing.isStanding() || standing.id().equals(wanted.id())) {
      return;
    }
    List<String> taken = new ArrayList<>(standing.oldAddresses());
    taken.addAll(standing.newAddresses());
    for (List<String> asked : List.of(wanted.oldAddresses(), wanted.newAddresses())) {
      for (String address : asked) {
        if (taken.contains(address)) {
          throw new RequestRefused(
              RequestRefused.Kind.CONFLICT,
              "%s is mapped here by migration %s (%s to %s), for a guest that does not know its new"
                      .formatted(
                          address,
                          standing.name(),
                          String.join(", ", standing.newAddresses()),
                          String.join(", ", standing.oldAddresses()))
                  + " address: connections with that cannot follow it, so remove the mapping first"
                  + " (holdfast migration unmap "
                  + standing.name()
                  + ")");
        }
      }
    }
  }

  /**
   * The guest's old connections as {@code conntrack --load-file} reads them: as if both sides had
   * spoken. What has no ports is left out.
   *
   * @param olds of no other guest anything is taken
   */
  static String entries(List<FlowEntry> flows, Collection<IpAddress> olds) {
    StringBuilder entries = new StringBuilder();
    for (FlowEntry flow : flows) {
      boolean isTcp = flow.protocol() == PacketView.TCP;
      if (!olds.contains(flow.guest())
          || flow.guest().isV4() != flow.peer().isV4()
          || !(isTcp || flow.protocol() == PacketView.UDP)) {
        continue;
      }
      entries.append(
          "-A -t %d -u SEEN_REPLY,ASSURED -s %s -d %s -r %s -q %s -p %s --sport %d --dport %d"
              .formatted(
                  isTcp ? TCP_SECONDS : UDP_SECONDS,
                  flow.peer(),
                  flow.guest(),
                  flow.guest(),
                  flow.peer(),
                  isTcp ? "tcp" : "udp",
                  flow.peerPort(),
                  flow.guestPort()));
      entries.append(
          " --reply-port-src %d --reply-port-dst %d%s\n"
              .formatted(flow.guestPort(), flow.peerPort(), isTcp ? " --state ESTABLISHED" : ""));
    }
    return entries.toString();
  }
}
