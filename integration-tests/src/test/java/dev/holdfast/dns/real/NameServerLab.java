package dev.holdfast.dns.real;

import dev.holdfast.dns.real.ServedZone.Grant;
import dev.holdfast.lab.Namespace;
import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.dns.DnsMove;
import dev.holdfast.tunnel.packet.IpAddress;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicInteger;
import org.xbill.DNS.ReverseMap;
import org.xbill.DNS.Type;

/**
 * Three real servers of one kind, and a client that reaches all of them.
 *
 * <pre>
 *  client --- br0 --+--- primary    10.9.0.53   lab.test
 *  10.9.0.1         +--- secondary  10.9.0.54   lab.test, by NOTIFY and transfer
 *  fd00:9::1        +--- other      fd00:9::55  other.test, and the reverse zones of both sites
 * </pre>
 *
 * <p>Guest N has the names gN.vm.lab.test and gN.other.test; a test takes a guest of its own, so
 * that none sees what another has done.
 */
public final class NameServerLab implements AutoCloseable {
  /** Of all records, in seconds. */
  public static final int TTL = 300;

  /** What the product's configuration lowers it to. */
  public static final int LOWERED = 30;

  public static final SharedSecret MOVER = key("mv-key.", "hmac-sha256", "M");
  public static final SharedSecret ADMIN = key("admin.", "hmac-sha512", "A");
  public static final SharedSecret OTHER = key("other-key.", "hmac-sha384", "O");
  public static final SharedSecret REVERSER = key("ptr-key.", "hmac-sha256", "R");

  private static final int GUESTS = 40;
  private static final String PRIMARY = "10.9.0.53";
  private static final String SECONDARY = "10.9.0.54";
  private static final String OTHER_SERVER = "fd00:9::55";

  private final Path folder;
  private final Namespace client;
  private final List<AutoCloseable> toClose = new ArrayList<>();
  private final AtomicInteger guests = new AtomicInteger();
  private final RealServer primary;
  private final RealServer secondary;
  private final RealServer other;

  private NameServerLab(Software software, Path folder) throws Exception {
    this.folder = folder;
    this.client = Namespace.create("dns-client");
    toClose.add(client);
    client.ip("link add br0 type bridge");
    client.ip("addr add 10.9.0.1/24 dev br0");
    client.ip("addr add fd00:9::1/64 dev br0 nodad");
    client.ip("link set br0 up");
    this.primary =
        server(
            software,
            "primary",
            PRIMARY,
            List.of(
                ServedZone.primary(
                    "lab.test",
                    lab(),
                    List.of(
                        new Grant(MOVER, "vm.lab.test", List.of("A", "AAAA")),
                        new Grant(ADMIN, "", List.of())),
                    List.of(SECONDARY))));
    this.other = server(software, "other", OTHER_SERVER, otherZones());
    this.secondary =
        server(
            software, "secondary", SECONDARY, List.of(ServedZone.secondary("lab.test", PRIMARY)));
  }

  /** Starts all of it, and returns when every zone is there. */
  public static NameServerLab start(Software software, Path folder) throws Exception {
    var lab = new NameServerLab(software, folder);
    try {
      for (RealServer each : List.of(lab.primary, lab.other, lab.secondary)) {
        each.awaitZones(lab.client);
      }
      return lab;
    } catch (Exception | AssertionError e) {
      lab.close();
      throw e;
    }
  }

  private RealServer server(Software software, String label, String address, List<ServedZone> zones)
      throws Exception {
    Namespace place = Namespace.create("dns-" + label);
    String port = "to-" + label;
    Namespace.connect(client, port, place, "eth0");
    client.ip("link set " + port + " master br0");
    place.ip(
        address.contains(":")
            ? "addr add " + address + "/64 dev eth0 nodad"
            : "addr add " + address + "/24 dev eth0");
    var server = new RealServer(software, place, folder.resolve(label), address, zones);
    toClose.add(server);
    return server;
  }

  private static SharedSecret key(String name, String algorithm, String letter) {
    return new SharedSecret(name, algorithm, letter.repeat(42) + "A=");
  }

  private static String lab() {
    var text =
        new StringBuilder(
            """
            $ORIGIN lab.test.
            $TTL %d
            @        IN SOA ns1.lab.test. admin.lab.test. 1 3600 600 86400 30
            @        IN NS  ns1.lab.test.
            @        IN NS  ns2.lab.test.
            ns1      IN A   %s
            ns2      IN A   %s
            db       IN A   10.1.1.1
            alias.vm IN CNAME db.lab.test.
            *.wild.vm IN A  10.1.1.2
            """
                .formatted(TTL, PRIMARY, SECONDARY));
    for (int i = 1; i <= GUESTS; i++) {
      text.append(
          """
          g%1$d.vm IN A    10.1.0.%1$d
          g%1$d.vm IN A    10.1.9.%1$d
          g%1$d.vm IN AAAA fd00:1::%1$d
          g%1$d.vm IN TXT  "stays"
          """
              .formatted(i));
    }
    return text.toString();
  }

  private static List<ServedZone> otherZones() throws IOException {
    String head =
        """
        $TTL %d
        @ IN SOA ns.other.test. admin.other.test. 1 3600 600 86400 30
        @ IN NS  ns.other.test.
        """
            .formatted(TTL);
    var names = new StringBuilder("$ORIGIN other.test.\n" + head);
    names.append("ns IN AAAA ").append(OTHER_SERVER).append('\n');
    var v4 = new StringBuilder("$ORIGIN 1.10.in-addr.arpa.\n" + head);
    var v6 = new StringBuilder("$ORIGIN 0.0.d.f.ip6.arpa.\n" + head);
    for (int i = 1; i <= GUESTS; i++) {
      names.append("g%1$d IN A 10.1.0.%1$d\ng%1$d IN AAAA fd00:1::%1$d\n".formatted(i));
      v4.append("%s IN PTR g%d.vm.lab.test.\n".formatted(reverse("10.1.0." + i), i));
      v6.append("%s IN PTR g%d.vm.lab.test.\n".formatted(reverse("fd00:1::" + i), i));
    }
    List<Grant> ptr = List.of(new Grant(REVERSER, "", List.of("PTR")));
    return List.of(
        ServedZone.primary(
            "other.test",
            names.toString(),
            List.of(new Grant(OTHER, "", List.of("A", "AAAA"))),
            List.of()),
        ServedZone.primary("1.10.in-addr.arpa", v4.toString(), ptr, List.of()),
        ServedZone.primary(
            "2.10.in-addr.arpa", "$ORIGIN 2.10.in-addr.arpa.\n" + head, ptr, List.of()),
        ServedZone.primary("0.0.d.f.ip6.arpa", v6.toString(), ptr, List.of()));
  }

  private static String reverse(String address) throws IOException {
    return ReverseMap.fromAddress(address).toString();
  }

  public Namespace client() {
    return client;
  }

  public RealServer primary() {
    return primary;
  }

  public RealServer secondary() {
    return secondary;
  }

  public RealServer other() {
    return other;
  }

  /** Runs {@code body} where the product is: in the client's namespace. */
  public <T> T here(Callable<T> body) throws Exception {
    return client.call(body);
  }

  /** A guest that no test has had yet. */
  public Guest guest() {
    int number = guests.incrementAndGet();
    if (number > GUESTS) {
      throw new AssertionError("there are only " + GUESTS + " guests");
    }
    return new Guest(number);
  }

  /** One guest, and what each of its names has before and after. */
  public record Guest(int number) {
    public String name() {
      return "g" + number + ".vm.lab.test";
    }

    public String otherName() {
      return "g" + number + ".other.test";
    }

    public List<String> olds() {
      return List.of("10.1.0." + number, "fd00:1::" + number);
    }

    public List<String> news() {
      return List.of("10.2.0." + number, "fd00:2::" + number);
    }

    public DnsMove move(String name) {
      return new DnsMove(
          name,
          olds().stream().map(IpAddress::parse).toList(),
          news().stream().map(IpAddress::parse).toList());
    }

    /** What its name in lab.test has, but for the text that stays; sorted. */
    public List<String> records(int ttl, boolean moved) {
      String kept = ttl + " 10.1.9." + number;
      String v4 = ttl + " " + (moved ? news() : olds()).getFirst();
      String v6 = ttl + " " + (moved ? news() : olds()).getLast();
      return moved ? List.of(kept, v4, v6) : List.of(v4, kept, v6);
    }
  }

  /** The addresses that a server gives for a name, each as {@code TTL ADDRESS}; A first. */
  public List<String> addresses(RealServer server, String name) throws Exception {
    List<String> all = new ArrayList<>(records(server, name, Type.A));
    all.addAll(records(server, name, Type.AAAA));
    return all;
  }

  /** The PTR records of an address, each as {@code TTL NAME}. */
  public List<String> reverseOf(String address) throws Exception {
    return records(other, reverse(address), Type.PTR);
  }

  public List<String> records(RealServer server, String name, int type) throws Exception {
    return Questions.records(
        client, server.address(), name.endsWith(".") ? name : name + ".", type);
  }

  /** {@code [[dns]]} of lab.test as it should be. */
  public Config.DnsZone zone() throws IOException {
    return zone("lab.test.", primary.address(), MOVER);
  }

  public Config.DnsZone otherZone() throws IOException {
    return zone("other.test.", other.address(), OTHER);
  }

  /** The reverse zones of both sites. */
  public List<Config.DnsZone> reverseZones() throws IOException {
    List<Config.DnsZone> zones = new ArrayList<>();
    for (String each : List.of("1.10.in-addr.arpa.", "2.10.in-addr.arpa.", "0.0.d.f.ip6.arpa.")) {
      zones.add(zone(each, other.address(), REVERSER));
    }
    return zones;
  }

  /** Any {@code [[dns]]}; the key's file is written. */
  public Config.DnsZone zone(String name, InetSocketAddress server, SharedSecret key)
      throws IOException {
    Path file = Files.createTempFile(folder, "tsig", ".key");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
    Files.writeString(file, key.clause());
    return new Config.DnsZone(name, server, key.name(), key.algorithm(), file, LOWERED);
  }

  /** Ends every server and removes every namespace, the last that was made first. */
  @Override
  public void close() throws Exception {
    Exception trouble = null;
    for (AutoCloseable each : toClose.reversed()) {
      try {
        each.close();
      } catch (Exception e) {
        trouble = e;
      }
    }
    if (trouble != null) {
      throw trouble;
    }
  }
}
