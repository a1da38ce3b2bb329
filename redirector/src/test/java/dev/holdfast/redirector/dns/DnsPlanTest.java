package dev.holdfast.redirector.dns;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.redirector.dns.DnsException.Kind;
import dev.holdfast.redirector.dns.server.AuthoritativeServer;
import dev.holdfast.redirector.dns.server.Zone;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a move would do, and what it says when it would do nothing; PTR records with it. */
class DnsPlanTest {
  @TempDir Path folder;
  private final List<AuthoritativeServer> others = new ArrayList<>();
  private DnsBench bench;

  @BeforeEach
  void start() throws Exception {
    bench = new DnsBench(folder);
  }

  @AfterEach
  void stop() {
    others.forEach(AuthoritativeServer::close);
    bench.close();
  }

  @Test
  void tellsEverySetAndItsTtl() throws Exception {
    DnsPlan plan = bench.updater(bench.zone()).plan(DnsBench.move());
    assertThat(plan.problem()).isNull();
    assertThat(plan.server()).isEqualTo("127.0.0.1 port " + bench.address.getPort());
    assertThat(plan.sets())
        .extracting(SetMove::describe)
        .containsExactly(
            "A of vm.lab.test in zone lab.test.: 10.1.0.10 becomes 10.2.0.10; 10.1.0.99 stays; TTL 300 s, 30 s from arm to done",
            "AAAA of vm.lab.test in zone lab.test.: fd00:1::10 becomes fd00:2::10; TTL 300 s, 30 s from arm to done");
    assertThat(plan.before()).containsExactly("10.1.0.10", "10.1.0.99", "fd00:1::10");
    assertThat(plan.after()).containsExactlyInAnyOrder("10.1.0.99", "10.2.0.10", "fd00:2::10");
    assertThat(bench.server.counters().updates()).isZero();
  }

  @Test
  void aNameInNoZone() throws Exception {
    assertThat(problem(bench.updater(), "vm.lab.test"))
        .isEqualTo("The configuration has no [[dns]] zone, so vm.lab.test cannot be updated.");
    assertThat(problem(bench.updater(bench.zone()), "vm.else.test"))
        .isEqualTo(
            "vm.else.test is in none of the configured zones (lab.test.); add a [[dns]] table for its zone.");
    assertThat(problem(bench.updater(bench.zone()), "vm..test"))
        .isEqualTo("'vm..test' is not a domain name.");
  }

  @Test
  void theZoneThatFitsBest() throws Exception {
    InetSocketAddress nobody = new InetSocketAddress("127.0.0.1", 9);
    Path key = bench.file("tsig.key", DnsBench.SECRET);
    DnsPlan plan =
        bench
            .updater(
                DnsBench.zone("test.", nobody, "mv-key.", key),
                bench.zone(),
                DnsBench.zone("b.test.", nobody, "mv-key.", key))
            .plan(DnsBench.move());
    assertThat(plan.sets()).extracting(SetMove::zone).containsOnly("lab.test.");
  }

  @Test
  void anAddressThatIsNotThere() throws Exception {
    DnsUpdater updater = bench.updater(bench.zone());
    DnsPlan plan =
        updater.plan(DnsBench.move(List.of("10.1.0.10", "fd00:9::9"), List.of("10.2.0.10")));
    assertThat(plan.sets()).extracting(SetMove::type).containsExactly("A");
    assertThat(plan.notes())
        .containsExactly("fd00:9::9 is not in vm.lab.test, which has AAAA fd00:1::10 (TTL 300).");
    assertThat(updater.plan(DnsBench.move(List.of("10.9.9.9"), List.of("10.2.0.10"))).problem())
        .isEqualTo(
            "None of the old addresses is in the records of vm.lab.test, which has A 10.1.0.10, 10.1.0.99 (TTL 300): there is nothing to move.");
    assertThat(updater.plan(DnsBench.move(List.of("10.9.9.9"), List.of("10.1.0.99"))).problem())
        .contains("has the new address already");
    assertThat(problem(updater, "nobody.lab.test")).contains("which has no A record");
    assertThat(problem(updater, "alias.lab.test"))
        .isEqualTo(
            "alias.lab.test is an alias of vm.lab.test: give that name, which has the addresses.");
  }

  @Test
  void aChangeWithNothingToMoveIsRefusedAtArm() throws Exception {
    DnsChange change =
        bench.begin(
            bench.updater(bench.zone()), DnsBench.move(List.of("10.9.9.9"), List.of("10.2.0.10")));
    assertThatThrownBy(change::arm)
        .isInstanceOfSatisfying(
            DnsException.class, e -> assertThat(e.kind()).isEqualTo(Kind.CONFIGURATION))
        .hasMessageContaining("there is nothing to move");
  }

  @Test
  void aFamilyThatTheGuestLosesIsTakenOut() throws Exception {
    DnsMove move = DnsBench.move(List.of("10.1.0.10", "fd00:1::10"), List.of("10.2.0.10"));
    DnsUpdater updater = bench.updater(bench.zone());
    assertThat(updater.plan(move).notes())
        .containsExactly("There is no new address for fd00:1::10, so vm.lab.test loses it.");
    DnsChange change = bench.begin(updater, move);
    change.arm();
    change.publish();
    assertThat(bench.records()).containsExactly("30 A 10.1.0.99", "30 A 10.2.0.10");
    change.awaitServers();
    change.rollback();
    assertThat(bench.records())
        .containsExactly("300 A 10.1.0.10", "300 A 10.1.0.99", "300 AAAA fd00:1:0:0:0:0:0:10");
  }

  @Test
  void severalAddressesOfOneFamilyGoTogetherInTheirOrder() throws Exception {
    DnsChange change =
        bench.begin(
            bench.updater(bench.zone()),
            DnsBench.move(List.of("10.1.0.99", "10.1.0.10"), List.of("10.2.0.99", "10.2.0.10")));
    change.publish();
    assertThat(bench.records()).contains("30 A 10.2.0.10", "30 A 10.2.0.99").hasSize(3);
    change.rollback();
    assertThat(bench.records()).contains("300 A 10.1.0.10", "300 A 10.1.0.99").hasSize(3);
  }

  @Test
  void ptrRecordsFollowWhereAReverseZoneIsConfigured() throws Exception {
    AuthoritativeServer old = reverse("0.1.10.in-addr.arpa.", "10 600 IN PTR vm.lab.test.\n");
    AuthoritativeServer fresh = reverse("0.2.10.in-addr.arpa.", "");
    DnsUpdater updater =
        bench.updater(
            bench.zone(),
            reverseZone("0.1.10.in-addr.arpa.", old),
            reverseZone("0.2.10.in-addr.arpa.", fresh));
    DnsChange change = bench.begin(updater, DnsBench.move());
    change.arm();
    change.publish();
    assertThat(change.view().problem()).isNull();
    assertThat(old.zone().values("10.0.1.10.in-addr.arpa.", "PTR")).isEmpty();
    assertThat(fresh.zone().values("10.0.2.10.in-addr.arpa.", "PTR"))
        .containsExactly("vm.lab.test.");
    assertThat(fresh.zone().ttl("10.0.2.10.in-addr.arpa.", "PTR")).isEqualTo(600);
    change.finish();
    assertThat(fresh.zone().ttl("10.0.2.10.in-addr.arpa.", "PTR")).isEqualTo(600);
    change.rollback();
    assertThat(old.zone().values("10.0.1.10.in-addr.arpa.", "PTR")).containsExactly("vm.lab.test.");
    assertThat(old.zone().ttl("10.0.1.10.in-addr.arpa.", "PTR")).isEqualTo(600);
    assertThat(fresh.zone().values("10.0.2.10.in-addr.arpa.", "PTR")).isEmpty();
  }

  @Test
  void troubleWithPtrRecordsStopsNothing() throws Exception {
    AuthoritativeServer fresh = reverse("0.2.10.in-addr.arpa.", "");
    DnsUpdater updater = bench.updater(bench.zone(), reverseZone("0.2.10.in-addr.arpa.", fresh));
    DnsChange change = bench.begin(updater, DnsBench.move());
    change.arm();
    fresh.close();
    change.publish();
    assertThat(change.view().state()).isEqualTo("published");
    assertThat(change.view().problem()).startsWith("The PTR record could not be changed. ");
    assertThat(bench.records()).contains("30 A 10.2.0.10");
  }

  @Test
  void aPtrRecordThatCouldNotBeMovedIsTriedAgainAtTheEnd() throws Exception {
    AuthoritativeServer fresh = reverse("0.2.10.in-addr.arpa.", "");
    Path key = bench.file("ptr.key", DnsBench.OTHER_SECRET);
    DnsUpdater updater =
        bench.updater(
            bench.zone(),
            DnsBench.zone("0.2.10.in-addr.arpa.", fresh.address().orElseThrow(), "mv-key.", key));
    DnsChange change = bench.begin(updater, DnsBench.move());
    change.arm();
    change.publish();
    assertThat(change.view().problem()).contains("The PTR record could not be changed.", "BADSIG");
    change.finish();
    assertThat(change.view().problem()).as("the secret is still wrong").contains("BADSIG");
    Path unused = bench.file("ptr.key", DnsBench.SECRET);
    change.finish();
    assertThat(change.view().problem()).isNull();
    assertThat(fresh.zone().values("10.0.2.10.in-addr.arpa.", "PTR"))
        .containsExactly("vm.lab.test.");
  }

  /** A guest with several names has one of them in its address's PTR record. */
  @Test
  void aPtrRecordThatIsAnotherNamesStaysThat() throws Exception {
    AuthoritativeServer old = reverse("0.1.10.in-addr.arpa.", "10 600 IN PTR host.lab.test.\n");
    AuthoritativeServer fresh = reverse("0.2.10.in-addr.arpa.", "");
    DnsPlan plan =
        bench
            .updater(
                bench.zone(),
                reverseZone("0.1.10.in-addr.arpa.", old),
                reverseZone("0.2.10.in-addr.arpa.", fresh))
            .plan(DnsBench.move());
    assertThat(plan.sets()).extracting(SetMove::type).containsExactly("A", "AAAA");
    assertThat(plan.notes())
        .containsExactly("The PTR record of 10.1.0.10 is left alone: it is host.lab.test.");
  }

  private AuthoritativeServer reverse(String origin, String records) throws Exception {
    Zone zone =
        Zone.parse(
            origin,
            """
            @ 300 IN SOA ns1.lab.test. admin.lab.test. 7 3600 600 86400 30
            @ 300 IN NS ns1.lab.test.
            """
                + records);
    AuthoritativeServer server =
        new AuthoritativeServer(zone, List.of(DnsBench.key(DnsBench.SECRET)), bench.clock);
    server.start(new InetSocketAddress("127.0.0.1", 0));
    others.add(server);
    return server;
  }

  private dev.holdfast.redirector.config.Config.DnsZone reverseZone(
      String origin, AuthoritativeServer server) throws Exception {
    return DnsBench.zone(
        origin, server.address().orElseThrow(), "mv-key.", bench.file("tsig.key", DnsBench.SECRET));
  }

  private static String problem(DnsUpdater updater, String name) throws Exception {
    DnsMove move =
        new DnsMove(name, DnsBench.move().oldAddresses(), DnsBench.move().newAddresses());
    try {
      String problem = updater.plan(move).problem();
      return problem == null ? "none" : problem;
    } catch (DnsException e) {
      return e.sentence();
    }
  }
}
