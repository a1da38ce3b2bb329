package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.decide.Decision;
import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.flow.FlowTable;
import dev.holdfast.redirector.flow.FlowTimers;
import dev.holdfast.redirector.hold.HoldBudget;
import dev.holdfast.redirector.hold.HoldLimits;
import dev.holdfast.redirector.path.AssumedLink;
import dev.holdfast.redirector.path.Explainer;
import dev.holdfast.redirector.path.MigrationFacts;
import dev.holdfast.redirector.path.MigrationPath;
import dev.holdfast.redirector.path.PathTable;
import dev.holdfast.redirector.steer.SteeringNames;
import dev.holdfast.tunnel.encap.IpInIp;
import dev.holdfast.tunnel.packet.IpAddress;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A migration that is only described: what a daemon with this config would do with a packet. The
 * packet path's own objects are asked, without flows, and with connections that are taken to be up.
 * Nothing of the kernel is touched.
 *
 * @param encapsulation null for the config's; auto is taken to be tls, which every path carries
 * @param remote name of a [[remote]]; null where it does not matter
 */
public record AssumedMigration(
    Role role,
    MigrationState state,
    List<IpAddress> olds,
    Config.@Nullable Encapsulation encapsulation,
    @Nullable String remote) {
  private static final int LAN_MTU = 1500;
  private static final byte[] NO_TOKEN = new byte[16];

  /**
   * @throws RequestRefused {@code INVALID} where the config has no such remote host, or it may not
   *     be given that address, or the packet is none
   */
  public Explanation explain(Config config, ExplainRequest request) throws RequestRefused {
    byte[] packet = Explaining.bytes(request);
    Config.@Nullable Remote far = remote(config);
    for (IpAddress old : olds) {
      String against = TunnelEnds.against(config, far, old);
      if (against != null) {
        throw invalid(against);
      }
    }
    MigrationPath path = path(config, far);
    try {
      PathTable paths = new PathTable();
      paths.add(path);
      MigrationFacts facts =
          new MigrationFacts(
              "(as described)",
              far == null ? "the remote host" : far.name(),
              config.tunnel().capture() == Config.Capture.PCAP,
              "",
              config.tunnel().device(),
              config.tunnel().keepsTtl(),
              true);
      Explainer explainer = new Explainer(paths, any -> facts);
      return request.outOfTunnel()
          ? explainer.fromTunnel(packet, null, 0)
          : explainer.fromLan(packet, 0);
    } finally {
      path.close();
    }
  }

  private Config.@Nullable Remote remote(Config config) throws RequestRefused {
    if (remote == null) {
      return config.remotes().size() == 1 ? config.remotes().getFirst() : null;
    }
    for (Config.Remote each : config.remotes()) {
      if (each.name().equals(remote)) {
        for (IpAddress old : olds) {
          if (each.addresses().stream().noneMatch(prefix -> prefix.contains(old))) {
            throw invalid(
                old
                    + " is not among the addresses that [[remote]] "
                    + remote
                    + " may be given ("
                    + each.addresses()
                    + "), so no migration of it could be armed");
          }
        }
        return each;
      }
    }
    throw invalid(
        "there is no [[remote]] named '"
            + remote
            + "' in the config; it has "
            + config.remotes().stream().map(Config.Remote::name).toList());
  }

  private MigrationPath path(Config config, Config.@Nullable Remote far) throws RequestRefused {
    IpAddress local = IpAddress.of(config.tunnel().listen().getAddress());
    int innerMtu = isIpInIp(config) ? LAN_MTU - IpInIp.outerLength(local) : LAN_MTU;
    boolean byPcap = config.tunnel().capture() == Config.Capture.PCAP;
    MigrationPath path =
        new MigrationPath(
            new UUID(0, 0),
            role,
            olds,
            NO_TOKEN,
            new Decision(role, olds, config.hold().policy(), config.drain().staleSyn()),
            innerMtu,
            role == Role.REDIRECTOR && !byPcap ? SteeringNames.TUN_MTU : LAN_MTU,
            config.tunnel().connections(),
            new FlowTable(4, FlowTimers.DEFAULTS, 1),
            new HoldBudget(1, config.hold().maxBytes()),
            HoldLimits.of(config.hold().maxBytes(), config.hold().maxAge().toNanos()),
            0);
    AssumedLink live =
        isIpInIp(config)
            ? AssumedLink.ipInIp(innerMtu, local, outer(far, local), config.tunnel().outer())
            : AssumedLink.tls();
    for (int lane = 0; lane < config.tunnel().connections(); lane++) {
      path.linkUp(lane, AssumedLink.tls(), live);
    }
    path.keepTtl(config.tunnel().keepsTtl());
    path.enter(state);
    return path;
  }

  private boolean isIpInIp(Config config) {
    return (encapsulation == null ? config.tunnel().encapsulation() : encapsulation)
        == Config.Encapsulation.IPIP;
  }

  /** Where the remote host's outer packets go, as far as the config says it. */
  private static IpAddress outer(Config.@Nullable Remote far, IpAddress local)
      throws RequestRefused {
    InetSocketAddress endpoint = far == null ? null : far.endpoint();
    if (far == null || endpoint == null || endpoint.isUnresolved()) {
      throw invalid(
          "the outer packets of IP-in-IP need the remote host's address: give --remote with one"
              + " that has an address as its endpoint in the config");
    }
    IpAddress address = IpAddress.of(endpoint.getAddress());
    if (address.isV4() != local.isV4()) {
      throw invalid(
          "IP-in-IP cannot be: this host's address %s and %s of %s differ in family"
              .formatted(local, address, far.name()));
    }
    return address;
  }

  private static RequestRefused invalid(String message) {
    return new RequestRefused(RequestRefused.Kind.INVALID, message);
  }

  /**
   * A state by its label.
   *
   * @throws IllegalArgumentException naming those there are
   */
  public static MigrationState state(String label) {
    for (MigrationState each : MigrationState.values()) {
      if (each.label().equals(label.toLowerCase(Locale.ROOT))) {
        return each;
      }
    }
    throw new IllegalArgumentException(
        "'%s' is not a state: planned, armed, holding, redirecting, draining, done, rolled-back"
            .formatted(label));
  }
}
