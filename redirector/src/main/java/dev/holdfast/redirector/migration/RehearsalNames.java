package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.dns.DnsException;
import dev.holdfast.redirector.dns.TsigKey;
import dev.holdfast.redirector.dns.server.AuthoritativeServer;
import dev.holdfast.redirector.dns.server.Zone;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.time.Clock;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import org.xbill.DNS.ReverseMap;

/**
 * The name servers of the {@link DressRehearsal}, on the loopback alone: the name that its guest
 * has, and the addresses' names. No other server is asked for anything.
 */
final class RehearsalNames implements AutoCloseable {
  static final String GUEST_NAME = "guest.rehearsal.invalid"; // RFC 6761: is nobody's

  private static final String FORWARD = "rehearsal.invalid.";
  private static final String REVERSE = "in-addr.arpa.";
  private static final String KEY_NAME = "rehearsal.";
  private static final String ALGORITHM = "hmac-sha256";
  private static final int SECRET_LENGTH = 32;
  private static final String TOP =
      """
      @ 60 IN SOA ns.rehearsal.invalid. nobody.rehearsal.invalid. 1 3600 600 86400 1
      @ 60 IN NS ns.rehearsal.invalid.
      """;

  private final List<AuthoritativeServer> servers = new ArrayList<>();
  private final List<Config.DnsZone> zones = new ArrayList<>();

  /**
   * Starts serving.
   *
   * @param folder where the key's file is put
   */
  RehearsalNames(Path folder, IpAddress guest, Clock clock) throws IOException, DnsException {
    // Whoever could speak to these servers could only disturb a rehearsal.
    String secret = Base64.getEncoder().encodeToString(new byte[SECRET_LENGTH]);
    Path file = Files.writeString(folder.resolve("rehearsal.key"), secret);
    TsigKey key = TsigKey.of(KEY_NAME, ALGORITHM, secret);
    try {
      serve(FORWARD, TOP + "guest 60 IN A " + guest + "\n", key, file, clock);
      String reverse = ReverseMap.fromAddress(guest.toInetAddress()).toString();
      serve(REVERSE, TOP + reverse + " 60 IN PTR guest.rehearsal.invalid.\n", key, file, clock);
    } catch (DnsException e) {
      close();
      throw e;
    }
  }

  private void serve(String zone, String text, TsigKey key, Path file, Clock clock)
      throws DnsException {
    var server = new AuthoritativeServer(Zone.parse(zone, text), List.of(key), clock);
    servers.add(server);
    InetSocketAddress at = server.start(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
    zones.add(new Config.DnsZone(zone, at, KEY_NAME, ALGORITHM, file, 1));
  }

  /** As a configuration file would name them. */
  List<Config.DnsZone> zones() {
    return List.copyOf(zones);
  }

  @Override
  public void close() {
    servers.forEach(AuthoritativeServer::close);
  }
}
