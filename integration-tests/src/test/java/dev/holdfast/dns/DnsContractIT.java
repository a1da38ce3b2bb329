package dev.holdfast.dns;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.dns.real.NameServerLab;
import dev.holdfast.dns.real.NameServerLab.Guest;
import dev.holdfast.dns.real.Questions;
import dev.holdfast.dns.real.SharedSecret;
import dev.holdfast.dns.real.Software;
import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.dns.DnsChange;
import dev.holdfast.redirector.dns.DnsCheck;
import dev.holdfast.redirector.dns.DnsException;
import dev.holdfast.redirector.dns.DnsException.Kind;
import dev.holdfast.redirector.dns.DnsMove;
import dev.holdfast.redirector.dns.DnsState;
import dev.holdfast.redirector.dns.DnsUpdater;
import dev.holdfast.redirector.migration.MigrationPlan.Check;
import dev.holdfast.tunnel.packet.IpAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Section;
import org.xbill.DNS.SimpleResolver;
import org.xbill.DNS.TSIG;
import org.xbill.DNS.Type;
import org.xbill.DNS.Update;

/**
 * The same for BIND 9, Knot and PowerDNS ({@link NameServerLab} draws the servers): one name's
 * move, and all that a server can say to it. Where they differ, the test says how.
 */
@ParameterizedClass(name = "{0}")
@EnumSource(Software.class)
class DnsContractIT {
  private static final String NOT_THE_SECRET = "Z".repeat(42) + "A=";

  @TempDir private static Path folder;
  private static NameServerLab lab;

  @Parameter private Software software;
  private final List<String> told = new CopyOnWriteArrayList<>();

  @BeforeParameterizedClassInvocation
  static void start(Software software) throws Exception {
    lab = NameServerLab.start(software, folder.resolve(software.name()));
  }

  @AfterParameterizedClassInvocation
  static void stop() throws Exception {
    lab.close();
  }

  @Test
  void lowersMovesRestoresAndTakesThePtrAlong() throws Exception {
    Guest guest = lab.guest();
    List<Config.DnsZone> zones = new ArrayList<>(lab.reverseZones());
    zones.add(lab.zone());
    DnsChange change = begin(guest, zones);
    run(change::arm);
    assertThat(at(guest)).isEqualTo(guest.records(NameServerLab.LOWERED, false));
    run(change::publish);
    assertThat(change.view().problem()).isNull();
    assertThat(at(guest)).isEqualTo(guest.records(NameServerLab.LOWERED, true));
    for (int i = 0; i < 2; i++) {
      assertThat(lab.reverseOf(guest.olds().get(i))).isEmpty();
      assertThat(lab.reverseOf(guest.news().get(i))).containsExactly("300 " + guest.name() + ".");
    }
    run(change::awaitServers);
    assertThat(lab.addresses(lab.secondary(), guest.name())).isEqualTo(at(guest));
    DnsState state = change.state();
    assertThat(state.ttlSeenEpochNanos()).isNotZero();
    assertThat(state.lastStaleEpochNanos())
        .isEqualTo(state.ttlSeenEpochNanos() + Duration.ofSeconds(NameServerLab.TTL).toNanos());
    run(change::finish);
    assertThat(at(guest)).isEqualTo(guest.records(NameServerLab.TTL, true));
    assertThat(lab.records(lab.primary(), guest.name(), Type.TXT)).containsExactly("300 stays");
    assertThat(change.view().state()).isEqualTo("finished");
  }

  @Test
  void putsEverythingBack() throws Exception {
    Guest guest = lab.guest();
    List<Config.DnsZone> zones = new ArrayList<>(lab.reverseZones());
    zones.add(lab.zone());
    DnsChange change = begin(guest, zones);
    run(change::arm);
    run(change::publish);
    run(change::rollback);
    assertThat(change.view().state()).isEqualTo("restored");
    assertUntouched(guest);
    for (int i = 0; i < 2; i++) {
      assertThat(lab.reverseOf(guest.olds().get(i))).containsExactly("300 " + guest.name() + ".");
      assertThat(lab.reverseOf(guest.news().get(i))).isEmpty();
    }
  }

  @Test
  void aChangeByAnotherIsAConflictAndStays() throws Exception {
    Guest guest = lab.guest();
    DnsChange change = begin(guest, List.of(lab.zone()));
    run(change::arm);
    Update other = new Update(Name.fromString("lab.test."));
    Name name = Name.fromString(guest.name() + ".");
    other.delete(name, Type.A, guest.olds().getFirst());
    other.add(name, Type.A, 30, "10.7.7.7");
    assertThat(asAdmin(other).getRcode()).isEqualTo(Rcode.NOERROR);
    assertRefused(change, Kind.CONFLICT, "Somebody else has changed " + guest.name(), "10.7.7.7");
    assertThat(change.view().state()).isEqualTo("conflict");
    assertThat(at(guest))
        .containsExactly(
            "30 10.1.9." + guest.number(), "30 10.7.7.7", "30 " + guest.olds().getLast());
  }

  @Test
  void aLostAnswerIsReadBackAsOurs() throws Exception {
    Guest guest = lab.guest();
    try (LossyProxy proxy = lab.here(() -> new LossyProxy(lab.primary().address(), 1))) {
      DnsChange change =
          Timings.losing(zone(proxy.address(), NameServerLab.MOVER))
              .begin(guest.move(guest.name()), this::hear);
      run(change::publish);
      assertThat(proxy.left()).isZero();
      assertThat(change.view().state()).isEqualTo("published");
      assertThat(change.view().problem()).isNull();
    }
    assertThat(at(guest)).isEqualTo(guest.records(NameServerLab.LOWERED, true));
  }

  @Test
  void aWrongSecretIsSaid() throws Exception {
    Guest guest = lab.guest();
    SharedSecret wrong = NameServerLab.MOVER.withSecret(NOT_THE_SECRET);
    DnsChange change = begin(guest, List.of(zone(lab.primary().address(), wrong)));
    switch (software) {
      case BIND, KNOT -> assertRefused(change, Kind.REFUSED, "signature wrong", "BADSIG");
      case POWERDNS -> assertRefused(change, Kind.REFUSED, "a wrong secret too", "not signed");
    }
    assertUntouched(guest);
  }

  @Test
  void anUnknownKeyIsSaid() throws Exception {
    Guest guest = lab.guest();
    var unknown = new SharedSecret("nobody.", "hmac-sha256", NameServerLab.MOVER.base64());
    DnsChange change = begin(guest, List.of(zone(lab.primary().address(), unknown)));
    switch (software) {
      case BIND, KNOT -> assertRefused(change, Kind.REFUSED, "does not know key nobody.", "BADKEY");
      case POWERDNS ->
          assertRefused(change, Kind.REFUSED, "key nobody. (hmac-sha256) has no grant");
    }
    assertUntouched(guest);
  }

  /** PowerDNS alone knows no limit below the zone, and the check says so. */
  @Test
  void aNameOutsideOfTheKeysGrant() throws Exception {
    DnsMove move =
        new DnsMove(
            "db.lab.test",
            List.of(IpAddress.parse("10.1.1.1")),
            List.of(IpAddress.parse("10.2.1.1")));
    DnsUpdater updater = Timings.updater(lab.zone());
    List<Check> checks = lab.here(() -> DnsCheck.run(updater, "host-a", List.of(move)));
    Check update =
        checks.stream()
            .filter(each -> each.name().equals("dns lab.test. update"))
            .findFirst()
            .orElseThrow();
    assertThat(update.result()).as("%s", checks).isEqualTo("ok");
    DnsChange change = updater.begin(move, this::hear);
    String sentence = "Nothing limits the key";
    if (software == Software.POWERDNS) {
      assertThat(update.detail()).contains(sentence);
      assertThat(checks.getLast().result()).isEqualTo("ok");
      run(change::publish);
      run(change::rollback);
    } else {
      assertThat(update.detail()).doesNotContain(sentence);
      assertThat(checks.getLast().result())
          .as("known before anything is touched")
          .isEqualTo("failed");
      assertThat(checks.getLast().detail()).contains("db.lab.test");
      if (software == Software.BIND) {
        assertRefused(change, Kind.REFUSED, "refuses the update of db.lab.test", "update-policy");
        assertThat(change.view().problem()).as("BIND signs this").doesNotContain("not signed");
      } else {
        assertRefused(
            change, Kind.REFUSED, "has no grant of it for the update of db.lab.test", "BADKEY");
      }
    }
    assertThat(lab.records(lab.primary(), "db.lab.test", Type.A)).containsExactly("300 10.1.1.1");
  }

  @Test
  void aServerThatIsNotThePrimaryIsSaid() throws Exception {
    Guest guest = lab.guest();
    DnsChange change = begin(guest, List.of(zone(lab.secondary().address(), NameServerLab.MOVER)));
    switch (software) {
      case BIND ->
          assertRefused(change, Kind.REFUSED, "10.9.0.54", "primary server of zone lab.test.");
      case KNOT ->
          assertRefused(change, Kind.REFUSED, "10.9.0.54 port 53 does not know key mv-key.");
      case POWERDNS -> assertRefused(change, Kind.REFUSED, "10.9.0.54 port 53 refuses the update");
    }
    assertUntouched(guest);
  }

  @Test
  void aNameThatHasNoRecordsOfItsOwn() throws Exception {
    DnsUpdater updater = Timings.updater(lab.zone());
    assertThat(problem(updater, "nobody.vm.lab.test")).contains("which has no A record");
    assertThat(problem(updater, "alias.vm.lab.test"))
        .isEqualTo(
            "alias.vm.lab.test is an alias of db.lab.test: give that name, which has the addresses.");
    DnsMove wild = wildcard();
    List<Check> checks = lab.here(() -> DnsCheck.run(updater, "host-a", List.of(wild)));
    assertThat(checks.getLast().result()).isEqualTo("failed");
    assertThat(checks.getLast().detail()).contains("a wildcard?");
    DnsChange change = updater.begin(wild, this::hear);
    assertRefused(change, Kind.CONFLICT, "no record set of its own", "a wildcard?");
    assertThat(lab.records(lab.primary(), "else.wild.vm.lab.test", Type.A))
        .containsExactly("300 10.1.1.2");
  }

  private static DnsMove wildcard() {
    return new DnsMove(
        "any.wild.vm.lab.test",
        List.of(IpAddress.parse("10.1.1.2")),
        List.of(IpAddress.parse("10.2.1.2")));
  }

  private String problem(DnsUpdater updater, String name) throws Exception {
    DnsMove move =
        new DnsMove(
            name, List.of(IpAddress.parse("10.1.1.1")), List.of(IpAddress.parse("10.2.1.1")));
    return lab.here(() -> updater.plan(move).problem());
  }

  /**
   * What the server has really answered, made into something else on the way.
   *
   * @param why what is said of it
   */
  private record Lie(String why, LossyProxy.Fate fate) {}

  private static final List<Lie> LIES =
      List.of(
          new Lie(
              "the answer is to another request",
              (request, answer) -> {
                answer[1] ^= 1; // the message's id
                return answer;
              }),
          new Lie(
              "is wrong",
              (request, answer) -> {
                byte[] mac = new Message(answer).getTSIG().getSignature();
                return withAnotherBitOf(mac, answer);
              }),
          new Lie(
              "has no signature",
              (request, answer) -> {
                var unsigned = new Message(answer);
                unsigned.removeAllRecords(Section.ADDITIONAL);
                return unsigned.toWire(Message.MAXLENGTH);
              }),
          new Lie("is not a DNS message", (request, answer) -> Arrays.copyOf(answer, 20)),
          new Lie(
              "is wrong",
              (request, answer) -> {
                answer[2] |= 2; // TC: as though it had been cut short
                return answer;
              }));

  @Test
  void noLieIsBelieved() throws Exception {
    List<Future<Boolean>> all = new ArrayList<>();
    try (ExecutorService threads = Executors.newCachedThreadPool()) { // each waits for a time-out
      for (Lie lie : LIES) {
        all.add(
            threads.submit(() -> {
              assertNotBelieved(lie);
              return true;
            }));
      }
      all.add(
          threads.submit(() -> {
            anAnswerToAnotherQuestionIsNotBelieved();
            return true;
          }));
    }
    for (Future<Boolean> each : all) {
      assertThat(each.get()).isTrue();
    }
  }

  /** {@code answer} with another bit in its MAC. */
  private static byte[] withAnotherBitOf(byte[] mac, byte[] answer) {
    for (int at = answer.length - mac.length; at >= 0; at--) {
      if (Arrays.equals(answer, at, at + mac.length, mac, 0, mac.length)) {
        answer[at] ^= 1;
        return answer;
      }
    }
    throw new AssertionError("the answer has no MAC");
  }

  /** The server has done what it was told; it is found out when the lies have ended. */
  private void assertNotBelieved(Lie lie) throws Exception {
    Guest guest = lab.guest();
    var lying = new AtomicBoolean(true);
    LossyProxy.Fate fate =
        (request, answer) ->
            lying.get() && LossyProxy.isUpdate(request) ? lie.fate().of(request, answer) : answer;
    try (LossyProxy proxy = lab.here(() -> new LossyProxy(lab.primary().address(), fate))) {
      Config.DnsZone zone = zone(proxy.address(), NameServerLab.MOVER);
      DnsChange change = Timings.hasty(zone).begin(guest.move(guest.name()), this::hear);
      assertRefused(change, Kind.UNREACHABLE, lie.why());
      assertThat(change.view().state()).isEqualTo("failed");
      lying.set(false);
      DnsChange again = Timings.updater(zone).resume(change.state(), this::hear);
      run(again::publish);
      assertThat(again.view().state()).isEqualTo("published");
    }
    assertThat(at(guest)).isEqualTo(guest.records(NameServerLab.LOWERED, true));
  }

  private void anAnswerToAnotherQuestionIsNotBelieved() throws Exception {
    Guest guest = lab.guest();
    LossyProxy.Fate fate =
        (request, answer) -> {
          var message = new Message(answer);
          Message other =
              Message.newQuery(
                  org.xbill.DNS.Record.newRecord(
                      Name.fromString("else.lab.test."), Type.A, org.xbill.DNS.DClass.IN));
          other.getHeader().setID(message.getHeader().getID());
          other.getHeader().setFlag(org.xbill.DNS.Flags.QR);
          other.getHeader().setFlag(org.xbill.DNS.Flags.AA);
          return other.toWire();
        };
    try (LossyProxy proxy = lab.here(() -> new LossyProxy(lab.primary().address(), fate))) {
      DnsUpdater updater = Timings.hasty(zone(proxy.address(), NameServerLab.MOVER));
      assertRefused(
          updater.begin(guest.move(guest.name()), this::hear),
          Kind.UNREACHABLE,
          "the answer is to another question");
    }
    assertUntouched(guest);
  }

  /** What it was told while it was frozen it does late; that is no conflict with the next try. */
  @Test
  void aServerThatAnswersLateIsWaitedFor() throws Exception {
    Guest guest = lab.guest();
    DnsChange change = begin(guest, List.of(lab.zone()));
    run(change::arm);
    lab.primary().freeze();
    Thread operator =
        new Thread(() -> {
          try {
            while (told.stream().noneMatch(each -> each.endsWith("Trying again."))) {
              Thread.sleep(20);
            }
            lab.primary().goOn();
          } catch (Exception e) {
            throw new AssertionError(e);
          }
        });
    operator.start();
    DnsChange hasty = Timings.impatient(lab.zone()).resume(change.state(), this::hear);
    run(hasty::publish);
    operator.join();
    assertThat(hasty.view().state()).isEqualTo("published");
    assertThat(hasty.view().problem()).isNull();
    assertThat(at(guest)).isEqualTo(guest.records(NameServerLab.LOWERED, true));
  }

  // -- the tests' words

  private interface Step {
    void run() throws Exception;
  }

  private static void run(Step step) throws Exception {
    lab.here(() -> {
      step.run();
      return true;
    });
  }

  private DnsChange begin(Guest guest, List<Config.DnsZone> zones) throws DnsException {
    return Timings.updater(zones.toArray(Config.DnsZone[]::new))
        .begin(guest.move(guest.name()), this::hear);
  }

  private void hear(DnsState state, String text) {
    told.add(text);
  }

  private static Config.DnsZone zone(InetSocketAddress server, SharedSecret key) throws Exception {
    return lab.zone("lab.test.", server, key);
  }

  private static List<String> at(Guest guest) throws Exception {
    return lab.addresses(lab.primary(), guest.name());
  }

  private static void assertUntouched(Guest guest) throws Exception {
    assertThat(at(guest)).isEqualTo(guest.records(NameServerLab.TTL, false));
  }

  private void assertRefused(DnsChange change, Kind kind, String... words) {
    assertThatThrownBy(() -> run(change::publish))
        .isInstanceOfSatisfying(
            DnsException.class, e -> assertThat(e.kind()).as(e.sentence()).isEqualTo(kind))
        .hasMessageContainingAll(words);
    assertThat(change.view().problem()).contains(words);
  }

  private static Message asAdmin(Update update) throws Exception {
    return lab.here(() -> {
      SimpleResolver admin = Questions.resolver(lab.primary().address(), Duration.ofSeconds(10));
      admin.setTSIGKey(
          new TSIG(TSIG.HMAC_SHA512, NameServerLab.ADMIN.name(), NameServerLab.ADMIN.base64()));
      return admin.send(update);
    });
  }
}
