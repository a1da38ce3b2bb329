package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.path.Explainer;
import dev.holdfast.redirector.path.MappedGuest;
import dev.holdfast.redirector.path.MigrationFacts;
import dev.holdfast.redirector.path.MigrationPath;
import dev.holdfast.redirector.steer.AddressPairs;
import dev.holdfast.tunnel.packet.IpPrefix;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Asks the running packet path what would become of a packet. */
final class Explaining {
  private Explaining() {}

  /**
   * @throws RequestRefused {@code INVALID} where it is no packet that can be judged, or of no
   *     migration that could have brought it
   */
  static Explanation of(MigrationEngine engine, ExplainRequest request) throws RequestRefused {
    byte[] packet = bytes(request);
    @Nullable MigrationPath asked = asked(engine, request);
    Host host = engine.host();
    Config.Tunnel tunnel = host.config().tunnel();
    Map<UUID, MigrationFacts> facts =
        engine.live().stream()
            .map(migration -> migration.record)
            .collect(
                Collectors.toMap(
                    MigrationRecord::uuid, record -> facts(record, tunnel), (a, b) -> b));
    List<MappedGuest> mapped =
        host.journal().records().stream()
            .filter(GuestMapping::isOn)
            .map(Explaining::mapped)
            .toList();
    return host.data()
        .call(() -> {
          Explainer explainer =
              new Explainer(
                  host.objects().paths(),
                  path -> facts.getOrDefault(path.id(), unknown(path, tunnel)),
                  mapped);
          long now = host.clock().nanoTime();
          return request.outOfTunnel()
              ? explainer.fromTunnel(packet, asked, now)
              : explainer.fromLan(packet, now);
        });
  }

  private static MappedGuest mapped(MigrationRecord record) {
    return new MappedGuest(
        record.name(),
        AddressPairs.of(record.olds(), record.news()),
        record.oldLans().stream().map(IpPrefix::parse).toList(),
        !record.isStanding());
  }

  private static MigrationFacts facts(MigrationRecord record, Config.Tunnel tunnel) {
    return new MigrationFacts(
        record.name(),
        record.remote(),
        record.byPcap(),
        record.lan(),
        tunnel.device(),
        tunnel.keepsTtl(),
        false);
  }

  /** It has begun or ended between two looks. */
  private static MigrationFacts unknown(MigrationPath path, Config.Tunnel tunnel) {
    return new MigrationFacts(
        path.id().toString(),
        "the remote host",
        false,
        "",
        tunnel.device(),
        tunnel.keepsTtl(),
        false);
  }

  private static @Nullable MigrationPath asked(MigrationEngine engine, ExplainRequest request)
      throws RequestRefused {
    String id = request.migration();
    if (id == null) {
      return null;
    }
    LiveMigration migration = engine.find(id);
    if (migration.state().isEnded()) {
      throw new RequestRefused(
          RequestRefused.Kind.CONFLICT,
          "migration "
              + migration.record.name()
              + " is "
              + migration.state().label()
              + ": nothing comes out of its tunnel any more");
    }
    return migration.raised();
  }

  /**
   * The packet's bytes.
   *
   * @throws RequestRefused {@code INVALID}, saying what is wrong with the request
   */
  static byte[] bytes(ExplainRequest request) throws RequestRefused {
    if (request.migration() != null && !request.outOfTunnel()) {
      throw invalid(
          "The field 'migration' is for outOfTunnel: a packet from a LAN is found by its addresses.");
    }
    String hex = request.packet().toLowerCase(Locale.ROOT);
    if (hex.length() > 2 * ExplainRequest.LONGEST_PACKET) {
      throw invalid(
          "The packet has more than %d bytes, as no IP packet here has."
              .formatted(ExplainRequest.LONGEST_PACKET));
    }
    if (hex.length() % 2 != 0) {
      throw invalid("The packet has " + hex.length() + " hex digits, an odd number.");
    }
    try {
      return HexFormat.of().parseHex(hex);
    } catch (IllegalArgumentException e) {
      throw invalid("The packet is not made of hex digits alone.");
    }
  }

  private static RequestRefused invalid(String message) {
    return new RequestRefused(RequestRefused.Kind.INVALID, message);
  }
}
