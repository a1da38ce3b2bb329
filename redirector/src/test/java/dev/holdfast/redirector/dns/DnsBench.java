package dev.holdfast.redirector.dns;

import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.dns.server.AuthoritativeServer;
import dev.holdfast.redirector.dns.server.Zone;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.time.Clock;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** A real server on a loopback port, its key file, and a client whose time is virtual. */
final class DnsBench implements AutoCloseable {
  static final String SECRET = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
  static final String OTHER_SECRET = "ZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmY=";
  static final String VM = "vm.lab.test.";

  static final String ZONE =
      """
      $TTL 300
      @ IN SOA ns1 admin 7 3600 600 86400 30
      @ IN NS ns1
      ns1 IN A 127.0.0.1
      vm IN A 10.1.0.10
      vm IN A 10.1.0.99
      vm IN AAAA fd00:1::10
      alias IN CNAME vm
      """;

  /**
   * The time-outs are real, and long, as the machine may be busy; the pauses are virtual. {@link
   * #LOSING} is for tests in which an answer really gets lost.
   */
  static final DnsTiming TIMING = timing(Duration.ofSeconds(10));

  static final DnsTiming LOSING = timing(Duration.ofSeconds(2));

  final VirtualClock clock = new VirtualClock();
  final List<String> told = new ArrayList<>();
  final List<DnsState> journal = new ArrayList<>();
  final AuthoritativeServer server;
  final InetSocketAddress address;
  private final Path folder;

  DnsBench(Path folder) throws Exception {
    this(folder, ZONE);
  }

  DnsBench(Path folder, String zone) throws Exception {
    this.folder = folder;
    this.server =
        new AuthoritativeServer(Zone.parse("lab.test.", zone), List.of(key(SECRET)), clock);
    this.address = server.start(new InetSocketAddress("127.0.0.1", 0));
  }

  private static DnsTiming timing(Duration timeout) {
    return new DnsTiming(
        new TrySchedule(
            List.of(timeout, timeout, timeout),
            List.of(Duration.ofMillis(200), Duration.ofMillis(500))),
        TrySchedule.once(timeout),
        Duration.ofSeconds(1),
        Duration.ofSeconds(8),
        Duration.ofSeconds(3),
        Duration.ofMinutes(10),
        Duration.ofMinutes(1),
        53);
  }

  static TsigKey key(String secret) throws DnsException {
    return TsigKey.of("mv-key.", "hmac-sha256", secret);
  }

  /** A file that only its owner may read. */
  Path file(String name, String text) throws Exception {
    Path file = folder.resolve(name);
    Files.writeString(file, text);
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
    return file;
  }

  Config.DnsZone zone() throws Exception {
    return zoneAt(address);
  }

  Config.DnsZone zoneAt(InetSocketAddress at) throws Exception {
    return zone("lab.test.", at, "mv-key.", file("tsig.key", SECRET + "\n"));
  }

  static Config.DnsZone zone(String name, InetSocketAddress at, String key, Path secret) {
    return new Config.DnsZone(name, at, key, "hmac-sha256", secret, 30);
  }

  DnsUpdater updater(Config.DnsZone... zones) throws Exception {
    return updater(TIMING, zones);
  }

  DnsUpdater updater(DnsTiming timing, Config.DnsZone... zones) throws Exception {
    return updater(timing, clock, zones);
  }

  DnsUpdater updater(DnsTiming timing, Clock time, Config.DnsZone... zones) throws Exception {
    return new DnsUpdater(List.of(zones), timing, time, clock);
  }

  DnsChange begin(DnsUpdater updater, DnsMove move) {
    return updater.begin(move, this::heard);
  }

  /** What a journal does. */
  void heard(DnsState state, String text) {
    journal.add(DnsState.fromJson(state.toJson()));
    told.add(text);
  }

  static DnsMove move(List<String> olds, List<String> news) {
    return new DnsMove(VM, parse(olds), parse(news));
  }

  /** Both families. */
  static DnsMove move() {
    return move(List.of("10.1.0.10", "fd00:1::10"), List.of("10.2.0.10", "fd00:2::10"));
  }

  private static List<IpAddress> parse(List<String> addresses) {
    return addresses.stream().map(IpAddress::parse).toList();
  }

  /** The guest's records, each as {@code TTL TYPE DATA}. */
  List<String> records() throws Exception {
    return records(server);
  }

  static List<String> records(AuthoritativeServer at) {
    return at.zone().lines().stream()
        .filter(each -> each.startsWith(VM))
        .map(each -> each.substring(VM.length() + 1))
        .toList();
  }

  /** An operator's edit by hand. */
  void edit(String from, String to) throws Exception {
    String text =
        String.join(
            "\n",
            server.zone().lines().stream()
                .map(each -> each.replace(from, to))
                .flatMap(Stream::of)
                .toList());
    server.replaceZone(Zone.parse("lab.test.", text + "\n"));
  }

  @Override
  public void close() {
    server.close();
  }
}
