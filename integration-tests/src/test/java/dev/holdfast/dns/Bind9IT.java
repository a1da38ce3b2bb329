package dev.holdfast.dns;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.dns.DnsChange;
import dev.holdfast.redirector.dns.DnsCheck;
import dev.holdfast.redirector.dns.DnsException;
import dev.holdfast.redirector.dns.DnsException.Kind;
import dev.holdfast.redirector.dns.DnsLookup;
import dev.holdfast.redirector.dns.DnsMove;
import dev.holdfast.redirector.dns.DnsState;
import dev.holdfast.redirector.dns.DnsTiming;
import dev.holdfast.redirector.dns.DnsUpdater;
import dev.holdfast.redirector.dns.Pause;
import dev.holdfast.redirector.dns.TrySchedule;
import dev.holdfast.redirector.migration.MigrationPlan.Check;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.time.SystemClock;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;
import org.xbill.DNS.Section;
import org.xbill.DNS.SimpleResolver;
import org.xbill.DNS.TSIG;
import org.xbill.DNS.Type;
import org.xbill.DNS.Update;

/**
 * DNS changes against real BIND 9.
 *
 * <pre>
 *  this process --- lo --- named, primary    127.0.0.1 port P  lab.test, 2.10.in-addr.arpa
 *                   lo --- named, secondary  ::1 port P        lab.test, by NOTIFY and transfer
 * </pre>
 */
class Bind9IT {
  private static final String SECRET = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
  private static final String OTHER_SECRET = "ZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmY=";

  private static final String KEYS =
      """
      key "mv-key" { algorithm hmac-sha256; secret "%s"; };
      key "admin" { algorithm hmac-sha512; secret "%1$s"; };
      """
          .formatted(SECRET);

  private static final String ZONE =
      """
      $TTL 300
      @   IN SOA ns1 admin 1 3600 600 86400 30
      @   IN NS  ns1
      @   IN NS  ns2
      ns1 IN A   127.0.0.1
      ns2 IN AAAA ::1
      vm  IN A   10.1.0.10
      vm  IN A   10.1.0.99
      vm  IN AAAA fd00:1::10
      db  IN A   10.1.0.20
      web 300 IN A 10.1.0.31
      web 300 IN A 10.1.0.32
      web 300 IN A 10.1.0.99
      web 600 IN AAAA fd00:1::31
      web 600 IN AAAA fd00:1::32
      """;

  private static final String REVERSE =
      """
      $TTL 300
      @   IN SOA ns1.lab.test. admin.lab.test. 1 3600 600 86400 30
      @   IN NS  ns1.lab.test.
      """;

  @TempDir Path folder;
  private final List<String> told = new CopyOnWriteArrayList<>();
  private final List<AutoCloseable> toClose = new ArrayList<>();
  private int port;
  private Named primary;

  @BeforeEach
  void start() throws Exception {
    port = Named.freePort("127.0.0.1", "::1");
    Path home = folder.resolve("primary");
    Named.write(home.resolve("lab.test.zone"), ZONE);
    Named.write(home.resolve("reverse.zone"), REVERSE);
    primary =
        Named.start(
            home,
            new InetSocketAddress("127.0.0.1", port),
            KEYS
                + """
                zone "lab.test" {
                  type primary; file "lab.test.zone"; journal "lab.test.jnl";
                  notify explicit; notify-delay 0; also-notify { ::1 port %d; };
                  allow-transfer { 127.0.0.1; };
                  update-policy {
                    grant mv-key name vm.lab.test. A AAAA; grant mv-key name web.lab.test. A AAAA;
                    grant admin zonesub ANY;
                  };
                };
                zone "2.10.in-addr.arpa" {
                  type primary; file "reverse.zone"; journal "reverse.jnl";
                  update-policy { grant mv-key zonesub PTR; };
                };
                """
                    .formatted(port),
            "lab.test.");
    toClose.add(primary);
    startSecondary();
  }

  @AfterEach
  void stop() throws Exception {
    for (AutoCloseable each : toClose.reversed()) {
      each.close();
    }
  }

  @Test
  void lowersMovesRestoresAndTakesThePtrAlong() throws Exception {
    DnsUpdater updater = updater(zone(), zone("2.10.in-addr.arpa.", primary.address()));
    DnsChange change = begin(updater);
    change.arm();
    assertThat(records(primary)).containsExactly("30 10.1.0.10", "30 10.1.0.99", "30 fd00:1::10");
    change.publish();
    assertThat(change.view().problem()).isNull();
    assertThat(records(primary)).containsExactly("30 10.1.0.99", "30 10.2.0.10", "30 fd00:2::10");
    assertThat(ask(primary, "10.0.2.10.in-addr.arpa.", Type.PTR))
        .containsExactly("300 vm.lab.test.");

    change.awaitServers();
    DnsState state = change.state();
    assertThat(state.newSeenEpochNanos()).isGreaterThanOrEqualTo(state.publishedEpochNanos());
    assertThat(state.ttlSeenEpochNanos()).isNotZero();
    assertThat(state.lastStaleEpochNanos())
        .isEqualTo(state.ttlSeenEpochNanos() + Duration.ofSeconds(300).toNanos());
    DnsLookup.Shown shown = new DnsLookup(updater).show("vm.lab.test");
    assertThat(shown.servers()).hasSize(2);
    assertThat(shown.servers().getLast().records())
        .as("the secondary has it by transfer")
        .isEqualTo(shown.servers().getFirst().records());

    change.finish();
    assertThat(records(primary))
        .containsExactly("300 10.1.0.99", "300 10.2.0.10", "300 fd00:2::10");
    assertThat(change.view().state()).isEqualTo("finished");
  }

  @Test
  void rollsBack() throws Exception {
    DnsChange change = begin(updater(zone()));
    change.arm();
    change.publish();
    change.rollback();
    assertThat(change.view().state()).isEqualTo("restored");
    assertUntouched();
  }

  private static final List<String> WEB_BEFORE =
      List.of(
          "300 10.1.0.31", "300 10.1.0.32", "300 10.1.0.99", "600 fd00:1::31", "600 fd00:1::32");

  /** A guest with two addresses of each family; what else its name has stays. */
  private DnsChange web(DnsUpdater updater, String... news) {
    List<IpAddress> olds =
        Stream.of("10.1.0.31", "10.1.0.32", "fd00:1::31", "fd00:1::32")
            .map(IpAddress::parse)
            .toList();
    DnsMove move =
        new DnsMove("web.lab.test", olds, Stream.of(news).map(IpAddress::parse).toList());
    return updater.begin(move, this::hear);
  }

  private List<String> webRecords() throws Exception {
    return records(primary, "web.lab.test.");
  }

  @Test
  void severalAddressesOfEachFamilyMoveAndGoBack() throws Exception {
    DnsChange change = web(updater(zone()), "10.2.0.31", "10.2.0.32", "fd00:2::31", "fd00:2::32");
    change.arm();
    change.publish();
    assertThat(webRecords())
        .containsExactly(
            "30 10.1.0.99", "30 10.2.0.31", "30 10.2.0.32", "30 fd00:2::31", "30 fd00:2::32");
    change.awaitServers();
    assertThat(change.state().lastStaleEpochNanos())
        .as("the longer TTL of the two is waited for")
        .isEqualTo(change.state().ttlSeenEpochNanos() + Duration.ofSeconds(600).toNanos());
    change.rollback();
    assertThat(change.view().state()).isEqualTo("restored");
    assertThat(webRecords()).containsExactlyElementsOf(WEB_BEFORE);
  }

  /** Two old addresses become the one new one of their family, and two again. */
  @Test
  void severalAddressesBecomeOneOfEachFamilyAndGoBack() throws Exception {
    DnsUpdater updater = updater(zone());
    DnsChange change = web(updater, "10.2.0.31", "fd00:2::31");
    change.arm();
    change.publish();
    List<String> moved = List.of("30 10.1.0.99", "30 10.2.0.31", "30 fd00:2::31");
    assertThat(webRecords()).containsExactlyElementsOf(moved);
    DnsChange afterACrash = updater.resume(change.state(), this::hear);
    afterACrash.publish();
    assertThat(webRecords()).containsExactlyElementsOf(moved);
    afterACrash.rollback();
    assertThat(webRecords()).containsExactlyElementsOf(WEB_BEFORE);
  }

  /** One message for both families: with one of them in other hands, neither is moved. */
  @Test
  void aConflictInOneFamilyLeavesBoth() throws Exception {
    DnsChange change = web(updater(zone()), "10.2.0.31", "10.2.0.32", "fd00:2::31", "fd00:2::32");
    change.arm();
    changeByHand("web.lab.test.", Type.AAAA, "fd00:1::32", "fd00:7::7");
    assertRefused(change, Kind.CONFLICT, "Somebody else has changed web.lab.test:", "fd00:7");
    List<String> kept =
        List.of("30 10.1.0.31", "30 10.1.0.32", "30 10.1.0.99", "30 fd00:1::31", "30 fd00:7::7");
    assertThat(webRecords()).containsExactlyElementsOf(kept);
  }

  private void changeByHand(String name, int type, String from, String to) throws Exception {
    Update other = new Update(Name.fromString("lab.test."));
    other.delete(Name.fromString(name), type, from);
    other.add(Name.fromString(name), type, 30, to);
    SimpleResolver admin = new SimpleResolver(primary.address());
    admin.setTSIGKey(new TSIG(TSIG.HMAC_SHA512, "admin.", SECRET));
    assertThat(admin.send(other).getRcode()).isEqualTo(Rcode.NOERROR);
  }

  @Test
  void aChangeByAnotherIsAConflictAndStays() throws Exception {
    DnsChange change = begin(updater(zone()));
    change.arm();
    changeByHand("vm.lab.test.", Type.A, "10.1.0.10", "10.7.7.7");

    assertRefused(change, Kind.CONFLICT, "Somebody else has changed vm.lab.test:", "10.7.7.7");
    assertThat(change.view().state()).isEqualTo("conflict");
    assertThat(records(primary)).containsExactly("30 10.1.0.99", "30 10.7.7.7", "30 fd00:1::10");
  }

  @Test
  void aLostAnswerIsRecognised() throws Exception {
    try (LossyProxy proxy = new LossyProxy(primary.address(), 1)) {
      DnsChange change = begin(updater(zone("lab.test.", proxy.address())));
      change.publish();
      assertThat(proxy.left()).isZero();
      assertThat(change.view().state()).isEqualTo("published");
      assertThat(change.view().problem()).isNull();
    }
    assertThat(records(primary)).containsExactly("30 10.1.0.99", "30 10.2.0.10", "30 fd00:2::10");
  }

  @Test
  void aWrongKeyNameIsSaid() throws Exception {
    DnsChange change = begin(updater(zone("lab.test.", primary.address(), "mv-kee.", SECRET)));
    assertRefused(change, Kind.REFUSED, "does not know key mv-kee. (hmac-sha256)", "BADKEY");
    assertUntouched();
  }

  @Test
  void aWrongSecretIsSaid() throws Exception {
    DnsChange change =
        begin(updater(zone("lab.test.", primary.address(), "mv-key.", OTHER_SECRET)));
    assertRefused(change, Kind.REFUSED, "finds the signature wrong", "BADSIG");
    assertUntouched();
  }

  @Test
  void aNameOutsideOfTheKeysGrantIsSaid() throws Exception {
    DnsMove move =
        new DnsMove(
            "db.lab.test.",
            List.of(IpAddress.parse("10.1.0.20")),
            List.of(IpAddress.parse("10.2.0.20")));
    DnsChange change = updater(zone()).begin(move, this::hear);
    assertRefused(change, Kind.REFUSED, "refuses the update of db.lab.test:", "update-policy");
    assertThat(change.view().problem()).as("BIND signs this").doesNotContain("not signed");
    assertThat(ask(primary, "db.lab.test.", Type.A)).containsExactly("300 10.1.0.20");
  }

  @Test
  void aServerThatIsDownIsWaitedFor() throws Exception {
    DnsChange change = begin(updater(zone()));
    primary.stop();
    assertThatThrownBy(change::arm)
        .isInstanceOfSatisfying(
            DnsException.class, e -> assertThat(e.kind()).isEqualTo(Kind.UNREACHABLE))
        .hasMessageContaining("127.0.0.1 port " + port);
    Thread operator =
        new Thread(() -> {
          try {
            while (told.stream().noneMatch(each -> each.endsWith("Trying again."))) {
              Thread.sleep(20);
            }
            primary.startAgain("lab.test.");
          } catch (Exception e) {
            throw new AssertionError(e);
          }
        });
    operator.start();
    change.publish();
    operator.join();
    assertThat(change.view().state()).isEqualTo("published");
    assertThat(change.view().problem()).isNull();
    assertThat(records(primary)).contains("30 10.2.0.10", "30 fd00:2::10");
  }

  @Test
  void theCheckFindsAllWellWithoutChangingAnything() throws Exception {
    List<Check> checks = DnsCheck.run(updater(zone()), "host-a");
    assertThat(checks).extracting(Check::result).containsExactly("ok", "ok", "ok", "ok");
    List<Check> wrong =
        DnsCheck.run(
            updater(zone("lab.test.", primary.address(), "mv-key.", OTHER_SECRET)), "host-a");
    assertThat(wrong).extracting(Check::result).containsExactly("ok", "ok", "failed");
    assertUntouched();
  }

  private void startSecondary() throws Exception {
    toClose.add(
        Named.start(
            folder.resolve("secondary"),
            new InetSocketAddress("::1", port),
            """
            zone "lab.test" {
              type secondary; file "lab.test.copy"; primaries { 127.0.0.1 port %d; };
              allow-notify { ::1; };
            };
            """
                .formatted(port),
            "lab.test."));
  }

  private void assertRefused(DnsChange change, Kind kind, String... words) {
    assertThatThrownBy(change::publish)
        .isInstanceOfSatisfying(DnsException.class, e -> assertThat(e.kind()).isEqualTo(kind))
        .hasMessageContainingAll(words);
    assertThat(change.view().problem()).contains(words);
  }

  private void assertUntouched() throws Exception {
    assertThat(records(primary))
        .containsExactly("300 10.1.0.10", "300 10.1.0.99", "300 fd00:1::10");
  }

  private Config.DnsZone zone() throws Exception {
    return zone("lab.test.", primary.address());
  }

  private Config.DnsZone zone(String name, InetSocketAddress server) throws Exception {
    return zone(name, server, "mv-key.", SECRET);
  }

  private Config.DnsZone zone(String name, InetSocketAddress server, String key, String secret)
      throws Exception {
    Path file = folder.resolve("tsig.key");
    Files.writeString(file, "key \"" + key + "\" { secret \"" + secret + "\"; };\n");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
    return new Config.DnsZone(name, server, key, "hmac-sha256", file, 30);
  }

  private DnsUpdater updater(Config.DnsZone... zones) throws DnsException {
    DnsTiming timing =
        new DnsTiming(
            new TrySchedule(
                List.of(Duration.ofSeconds(2), Duration.ofSeconds(4)),
                List.of(Duration.ofMillis(100))),
            TrySchedule.once(Duration.ofSeconds(2)),
            Duration.ofMillis(50),
            Duration.ofMillis(500),
            Duration.ofSeconds(20),
            Duration.ofSeconds(60),
            Duration.ofSeconds(60),
            port);
    return new DnsUpdater(List.of(zones), timing, SystemClock.INSTANCE, Pause.REAL);
  }

  private DnsChange begin(DnsUpdater updater) {
    DnsMove move =
        new DnsMove(
            "vm.lab.test",
            List.of(IpAddress.parse("10.1.0.10"), IpAddress.parse("fd00:1::10")),
            List.of(IpAddress.parse("10.2.0.10"), IpAddress.parse("fd00:2::10")));
    return updater.begin(move, this::hear);
  }

  private void hear(DnsState state, String text) {
    told.add(text);
  }

  /** The guest's addresses, each as {@code TTL ADDRESS}, asked without our own client. */
  private static List<String> records(Named server) throws Exception {
    return records(server, "vm.lab.test.");
  }

  private static List<String> records(Named server, String name) throws Exception {
    List<String> all = new ArrayList<>(ask(server, name, Type.A));
    ask(server, name, Type.AAAA).stream()
        .map(each -> each.replace(":0:0:0:0:0:", "::"))
        .forEach(all::add);
    return all;
  }

  private static List<String> ask(Named server, String name, int type) throws Exception {
    SimpleResolver resolver = new SimpleResolver(server.address());
    resolver.setTimeout(Duration.ofSeconds(10));
    Message answer =
        resolver.send(Message.newQuery(Record.newRecord(Name.fromString(name), type, DClass.IN)));
    return answer.getSection(Section.ANSWER).stream()
        .map(each -> each.getTTL() + " " + each.rdataToString())
        .sorted()
        .toList();
  }
}
