package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.decide.Role;
import dev.holdfast.tunnel.endpoint.ControlMessage.ArmRequest;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import dev.holdfast.tunnel.packet.MacAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** What a remote host may ask for when it arms a migration, and the record that comes of it. */
final class ArmGrant {
  private ArmGrant() {}

  /**
   * Everything in the request is the remote host's word: only what the config grants it is let in.
   */
  static MigrationRecord check(MigrationEngine running, String remoteName, ArmRequest request)
      throws RequestRefused {
    Host host = running.host();
    Config.Remote remote = Paths.remote(host.config(), remoteName);
    List<String> wrong = new ArrayList<>();
    TunnelEnds.check(host.config(), remote, request.oldAddresses(), wrong);
    for (IpAddress old : request.oldAddresses()) {
      if (remote.addresses().stream().noneMatch(prefix -> prefix.contains(old))) {
        wrong.add(
            old
                + " is not granted to "
                + remoteName
                + " in the config of "
                + host.config().daemon().name()
                + " (addresses of [[remote]]: "
                + remote.addresses()
                + ")");
      }
    }
    int most = Math.max(request.oldAddresses().size(), request.newAddresses().size());
    if (request.oldAddresses().isEmpty() || most > MigrationSpec.MOST_ADDRESSES) {
      wrong.add("a migration has 1 to %d addresses".formatted(MigrationSpec.MOST_ADDRESSES));
    }
    if (!request.name().matches("[A-Za-z0-9][A-Za-z0-9._-]{0,63}")) {
      wrong.add("that is no name of a migration");
    }
    if (!request.deliver().matches("[^\\s/\"'{};,]{1,15}")) {
      wrong.add("'" + request.deliver() + "' (--deliver) is not an interface name");
    }
    switch (request.encapsulation()) {
      case EncapsulationChoice.TLS, MigrationRecord.AUTO -> {}
      case EncapsulationChoice.IP_IN_IP -> {
        String against = EncapsulationChoice.againstIpInIp(host.config(), remote);
        if (against != null) {
          wrong.add("encapsulation ipip cannot be: " + against);
        }
      }
      default -> wrong.add("encapsulation " + request.encapsulation() + " is not known here");
    }
    switch (request.returnPath()) {
      case MigrationRecord.SYMMETRIC -> {}
      case MigrationRecord.DIRECT -> {
        if (host.config().tunnel().capture() == Config.Capture.PCAP) {
          wrong.add(
              "return path direct cannot be: "
                  + host.config().daemon().name()
                  + " captures by pcap, and only what is routed can leave by its routes (capture tun)");
        }
      }
      default -> wrong.add("return path " + request.returnPath() + " is not known here");
    }
    if (request.guestUnaware()) {
      GuestMapping.checkGrant(
          host.config().daemon().name(), host.config().tunnel().capture(), request, wrong);
    }
    if (request.connections() < 1) {
      wrong.add("a migration has one data connection at least");
    }
    if (!wrong.isEmpty()) {
      throw new RequestRefused(RequestRefused.Kind.REFUSED, String.join("; ", wrong));
    }
    MacAddress mac = request.guestMac();
    MigrationRecord record =
        new MigrationRecord(
                request.migration().toString(),
                request.name(),
                request.epoch(),
                Role.ENDPOINT,
                MigrationState.PLANNED,
                remoteName,
                request.oldAddresses().stream().map(IpAddress::toString).toList(),
                request.newAddresses().stream().map(IpAddress::toString).toList(),
                mac == null ? null : mac.toString(),
                "",
                null,
                request.deliver(),
                request.oldLans().stream().map(IpPrefix::toString).toList(),
                request.encapsulation(),
                Math.min(request.connections(), host.config().tunnel().connections()),
                MigrationRecord.SYMMETRIC, // until a probe has proven another
                "queue",
                null,
                List.of(),
                null,
                "",
                0,
                null,
                List.of(),
                null,
                EncapsulationChoice.told(request.encapsulationReason()),
                host.config().tunnel().capture().name().toLowerCase(Locale.ROOT),
                null)
            .ofUnaware(request.guestUnaware())
            .withAdvertised(request.advertisements());
    running.requireUnused(record, true);
    return record;
  }
}
