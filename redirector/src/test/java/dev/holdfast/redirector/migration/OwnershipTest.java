package dev.holdfast.redirector.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.config.ConfigReader;
import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.dns.TsigKey;
import dev.holdfast.redirector.dns.server.AuthoritativeServer;
import dev.holdfast.redirector.dns.server.Zone;
import dev.holdfast.redirector.path.DataLoop;
import dev.holdfast.redirector.steer.FakeKernel;
import dev.holdfast.redirector.steer.KernelLedger;
import dev.holdfast.tunnel.device.TunDevice;
import dev.holdfast.tunnel.endpoint.ControlMessage.TakenBack;
import dev.holdfast.tunnel.endpoint.RemoteHost;
import dev.holdfast.tunnel.endpoint.TunnelEndpoint;
import dev.holdfast.tunnel.identity.HostIdentity;
import dev.holdfast.tunnel.observe.DropCounters;
import dev.holdfast.tunnel.time.SystemClock;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Who has an address, and who may ask for it: an engine that takes over what a journal has. */
class OwnershipTest {
  private static final String OLD = "10.1.0.10";

  private static final String SECRET = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

  private static final String LOWERED =
      """
      {"name":"vm.lab.test.","oldAddresses":["10.1.0.10"],"newAddresses":["10.2.0.10"],\
      "phase":"pending","sets":[{"zone":"lab.test.","name":"vm.lab.test.","type":"A",\
      "before":["10.1.0.10"],"ttl":300,"loweredTtl":30,"removed":["10.1.0.10"],\
      "added":["10.2.0.10"]}],"now":["10.1.0.10"],"ttlSeenEpochNanos":0,\
      "publishedEpochNanos":0,"updateMillis":0,"newSeenEpochNanos":0,\
      "lastStaleEpochNanos":0,"problem":null}\
      """;

  @TempDir private Path folder;
  private final DataLoop data = DataLoop.forRehearsal();
  private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor();
  private MigrationJournal journal;
  private KernelLedger ledger;
  private TunnelEndpoint endpoint;
  private MigrationEngine engine;
  private AuthoritativeServer elsewhere;

  @BeforeEach
  void start() throws Exception {
    elsewhere =
        new AuthoritativeServer(
            Zone.parse(
                "else.test.",
                """
                @ 60 IN SOA ns admin 1 3600 600 86400 30
                @ 60 IN NS ns
                www 30 IN A 10.1.0.10
                """),
            List.of(TsigKey.of("mv-key.", "hmac-sha256", SECRET)),
            SystemClock.INSTANCE);
    InetSocketAddress up = elsewhere.start(new InetSocketAddress("127.0.0.1", 0));
    HostIdentity identity =
        HostIdentity.create("host-b", Duration.ofDays(9), SystemClock.INSTANCE, new SecureRandom());
    identity.save(folder.resolve("host.crt"), folder.resolve("host.key"));
    Files.writeString(folder.resolve("tsig.key"), SECRET);
    Files.setPosixFilePermissions(
        folder.resolve("tsig.key"), PosixFilePermissions.fromString("rw-------"));
    // Nobody listens on port 1: the remote host and the name server are down.
    Files.writeString(
        folder.resolve("holdfast.toml"),
        """
        [daemon]
        name = "host-b"
        control = "c.sock"
        state = "state"
        [tunnel]
        listen = "127.0.0.1:4754"
        uplink = "lo"
        encapsulation = "tls"
        [identity]
        certificate = "host.crt"
        key = "host.key"
        [[remote]]
        name = "host-a"
        endpoint = "127.0.0.1:1"
        fingerprint = "sha256:%s"
        addresses = ["10.1.0.0/24"]
        [[dns]]
        zone = "lab.test."
        server = "127.0.0.1:1"
        key-name = "mv-key."
        key-algorithm = "hmac-sha256"
        key-secret-file = "tsig.key"
        ttl = 30
        [[dns]]
        zone = "else.test."
        server = "127.0.0.1:%d"
        key-name = "mv-key."
        key-secret-file = "tsig.key"
        """
            .formatted("ab".repeat(32), up.getPort()));
    journal = MigrationJournal.open(folder.resolve("state"));
    var kernel = new FakeKernel();
    ledger = KernelLedger.open(folder.resolve("kernel.jsonl"), kernel);
    Config config = ConfigReader.read(folder.resolve("holdfast.toml"));
    var requests = new RemoteRequests();
    endpoint =
        new TunnelEndpoint(
            identity,
            config.remotes().stream()
                .map(r -> new RemoteHost(r.name(), r.endpoint(), r.fingerprint(), r.addresses()))
                .toList(),
            data.group(),
            requests,
            SystemClock.INSTANCE);
    engine =
        new MigrationEngine(
            new Host(
                config,
                SystemClock.INSTANCE,
                journal,
                kernel,
                ledger,
                data,
                endpoint,
                new ControlCalls(),
                new EventHub(),
                new HostObjects(
                    config,
                    name -> TunDevice.pair(name).getFirst(),
                    SystemClock.INSTANCE,
                    data,
                    kernel,
                    ledger,
                    new DropCounters()),
                Rehearsal.over(identity, SystemClock.INSTANCE),
                timer),
            requests,
            "test");
    requests.attach(engine);
  }

  @AfterEach
  void stop() throws Exception {
    timer.shutdownNow();
    elsewhere.close();
    endpoint.close();
    data.close();
    journal.close();
    ledger.close();
  }

  private static MigrationRecord record(
      String name, Role role, MigrationState state, long epoch, String remote) {
    boolean named = role == Role.REDIRECTOR;
    return record(
        name, role, state, epoch, remote, named ? "vm.lab.test" : null, named ? LOWERED : null);
  }

  private static MigrationRecord record(
      String name,
      Role role,
      MigrationState state,
      long epoch,
      String remote,
      @Nullable String dnsName,
      @Nullable String dns) {
    return new MigrationRecord(
        UUID.nameUUIDFromBytes(name.getBytes(java.nio.charset.StandardCharsets.UTF_8)).toString(),
        name,
        epoch,
        role,
        state,
        remote,
        List.of(OLD),
        List.of("10.2.0.10"),
        "52:54:00:10:00:10",
        "br0",
        "vnet3",
        "br0",
        List.of("10.1.0.0/24"),
        "tls",
        1,
        "symmetric",
        "queue",
        dnsName,
        dnsName == null ? List.of() : List.of("10.2.0.10"),
        null,
        "00".repeat(16),
        0,
        dns,
        List.of(),
        null,
        null,
        null,
        null);
  }

  private @Nullable LiveMigration takenOver(MigrationState state) {
    MigrationRecord record = record("first", Role.ENDPOINT, state, 7, "host-a");
    journal.record(record);
    engine.takeOver(); // it cannot be raised here, and is tried again
    return engine.byId(record.id());
  }

  private EndpointMigration endpoint(MigrationState state) {
    return (EndpointMigration) java.util.Objects.requireNonNull(takenOver(state));
  }

  @Test
  void aLaterRequestOfTheSameHostSupersedesOneThatWasNotReleased() {
    EndpointMigration first = endpoint(MigrationState.HOLDING);
    MigrationRecord later = record("again", Role.ENDPOINT, MigrationState.PLANNED, 8, "host-a");
    assertThatCode(() -> engine.requireFree(later)).doesNotThrowAnyException();
    engine.supersede(later);
    assertThat(first.state()).isEqualTo(MigrationState.ROLLED_BACK);
    assertThat(journal.records())
        .extracting(MigrationRecord::state)
        .containsExactly(MigrationState.ROLLED_BACK);
  }

  @Test
  void nothingElseSupersedesIt() {
    EndpointMigration first = endpoint(MigrationState.ARMED);
    for (MigrationRecord other :
        List.of(
            record("late", Role.ENDPOINT, MigrationState.PLANNED, 6, "host-a"),
            record("foreign", Role.ENDPOINT, MigrationState.PLANNED, 8, "host-c"))) {
      assertThatThrownBy(() -> engine.requireFree(other)).hasMessageContaining("first");
      engine.supersede(other);
      assertThat(first.state()).isEqualTo(MigrationState.ARMED);
    }
  }

  @Test
  void oneThatWasReleasedIsNotSuperseded() {
    EndpointMigration first = endpoint(MigrationState.REDIRECTING);
    MigrationRecord later = record("again", Role.ENDPOINT, MigrationState.PLANNED, 8, "host-a");
    assertThatThrownBy(() -> engine.requireFree(later)).hasMessageContaining("is redirecting");
    engine.supersede(later);
    assertThat(first.state()).isEqualTo(MigrationState.REDIRECTING);
  }

  /** The other host of a migration knows its id, and may not have it replaced by naming it. */
  @Test
  void anIdInUseIsNotGivenAway() throws Exception {
    EndpointMigration first = endpoint(MigrationState.REDIRECTING);
    for (MigrationRecord wanted :
        List.of(
            record("first", Role.ENDPOINT, MigrationState.PLANNED, 6, "host-c"),
            record("first", Role.ENDPOINT, MigrationState.PLANNED, 8, "host-c"),
            record("first", Role.ENDPOINT, MigrationState.PLANNED, 8, "host-a"))) {
      EndpointMigration replacing = new EndpointMigration(first.host, wanted);
      assertThatThrownBy(() -> engine.admit(replacing))
          .hasMessageContaining("a migration has the id " + wanted.id() + " here already");
      engine.forget(replacing);
      assertThat(engine.byId(wanted.id())).isSameAs(first);
    }
    assertThat(first.takeBack(8, true).refusal()).isEmpty();
    for (long stale : List.of(7L, 8L)) {
      MigrationRecord late =
          record("first", Role.ENDPOINT, MigrationState.PLANNED, stale, "host-a");
      assertThatThrownBy(() -> engine.admit(new EndpointMigration(first.host, late)))
          .hasMessageContaining("has the id");
    }
    MigrationRecord next = record("first", Role.ENDPOINT, MigrationState.PLANNED, 9, "host-a");
    engine.admit(new EndpointMigration(first.host, next));
  }

  @Test
  void theIdOfAMigrationThatBeganHereIsNotGivenAway() {
    MigrationRecord mine =
        record("first", Role.REDIRECTOR, MigrationState.ROLLED_BACK, 7, "host-a");
    journal.record(mine);
    journal.record(record("name", Role.REDIRECTOR, MigrationState.PLANNED, 7, "host-a"));
    engine.takeOver();
    for (String name : List.of("first", "name")) {
      MigrationRecord wanted = record(name, Role.ENDPOINT, MigrationState.PLANNED, 8, "host-a");
      assertThatThrownBy(() -> engine.admit(new EndpointMigration(engine.host(), wanted)))
          .hasMessageContaining("has the id");
    }
    assertThat(journal.records()).extracting(MigrationRecord::role).containsOnly(Role.REDIRECTOR);
  }

  /** A daemon runs for years, and a remote host may arm and roll back as often as it likes. */
  @Test
  void onlyTheLastOfThoseThatHaveEndedAreKept() throws Exception {
    for (int i = 0; i < 100; i++) {
      MigrationRecord one = record("e" + i, Role.ENDPOINT, MigrationState.ARMED, i, "host-a");
      journal.record(one.entering(MigrationState.ROLLED_BACK, i));
    }
    engine.takeOver();
    MigrationRecord live = record("live", Role.ENDPOINT, MigrationState.PLANNED, 100, "host-a");
    engine.admit(new EndpointMigration(engine.host(), live));
    journal.record(live);
    List<String> kept = new ArrayList<>(List.of("live"));
    for (int i = 99; i >= 36; i--) {
      kept.add("e" + i);
    }
    assertThat(engine.list()).extracting(MigrationView::name).containsExactlyElementsOf(kept);
    assertThat(journal.records())
        .extracting(MigrationRecord::name)
        .containsExactlyInAnyOrderElementsOf(kept);
  }

  @Test
  void aReleasedAddressIsGivenBackOnceAndTheAnswerStays() {
    EndpointMigration first = endpoint(MigrationState.REDIRECTING);
    assertThat(first.rollback()).as("a plain rollback").contains("released at host-b already");
    TakenBack stale = first.takeBack(7, true);
    assertThat(stale.refusal()).contains("not later");
    assertThat(first.state()).isEqualTo(MigrationState.REDIRECTING);

    for (int i = 0; i < 2; i++) {
      assertThat(first.takeBack(8, false).refusal()).isEmpty();
      assertThat(first.state()).isEqualTo(MigrationState.ROLLED_BACK);
      assertThat(first.record.epoch()).isEqualTo(8);
    }
    assertThat(journal.records())
        .singleElement()
        .satisfies(record -> {
          assertThat(record.epoch()).isEqualTo(8);
          assertThat(record.state()).isEqualTo(MigrationState.ROLLED_BACK);
        });
    assertThatThrownBy(first::release).hasMessageContaining("is rolled-back here");
  }

  @Test
  void aRollbackThatCannotBeAskedForChangesNothingUnlessForced() throws Exception {
    MigrationRecord moved = record("first", Role.REDIRECTOR, MigrationState.DRAINING, 7, "host-a");
    journal.record(moved);
    engine.takeOver();
    assertThatThrownBy(() -> engine.rollback("first", false))
        .hasMessageContaining("host-a cannot be used")
        .hasMessageContaining("--force");
    assertThat(journal.records())
        .singleElement()
        .satisfies(record -> {
          assertThat(record.state()).isEqualTo(MigrationState.DRAINING);
          assertThat(record.takingBack()).isNull();
          assertThat(record.epoch()).isEqualTo(7);
        });
    MigrationView back = engine.rollback("first", true);
    assertThat(back.state()).isEqualTo("rolled-back");
    assertThat(back.epoch()).isEqualTo(8);
    assertThat(back.alerts()).anyMatch(alert -> alert.contains("cannot follow the guest back"));
  }

  /** Tools say everything twice, and late. */
  @Test
  void whoAsksAgainGetsTheSameAnswer() throws Exception {
    MigrationRecord held =
        record("first", Role.REDIRECTOR, MigrationState.ARMED, 7, "host-a")
            .entering(MigrationState.HOLDING, 5);
    journal.record(held);
    engine.takeOver();
    MigrationView view = engine.hold("first");
    assertThat(view.state()).isEqualTo("holding");
    assertThat(view.history()).hasSize(1);
    assertThat(view.holdLimit()).isNotNull();
    MigrationView back = engine.rollback("first", true);
    assertThat(back.state()).isEqualTo("rolled-back");
    assertThat(back.holdLimit()).isNull();
    MigrationView again = engine.rollback("first", false);
    assertThat(again.state()).isEqualTo("rolled-back");
    assertThat(again.history()).hasSize(2);
    for (String verb : List.of("hold", "release")) {
      assertThatThrownBy(
              () -> {
                MigrationView unused =
                    verb.equals("hold") ? engine.hold("first") : engine.release("first");
              })
          .hasMessageContaining("is rolled-back here (redirector): cannot " + verb);
    }
  }

  @Test
  void aReleaseOfWhatIsOverIsTooLateAndHarmless() throws Exception {
    journal.record(record("first", Role.REDIRECTOR, MigrationState.DONE, 7, "host-a"));
    journal.record(record("there", Role.ENDPOINT, MigrationState.DONE, 7, "host-a"));
    engine.takeOver();
    assertThat(engine.release("first").state()).isEqualTo("done");
    assertThat(engine.release("there").state()).isEqualTo("done");
    assertThatThrownBy(() -> engine.rollback("first", true)).hasMessageContaining("is done here");
  }

  /** {@code hold.no-release} is "keep" here, as it is for everybody who has not chosen. */
  @Test
  void aHoldThatNobodyEndsIsKeptAndRaisesAnAlarm() throws Exception {
    long began = SystemClock.INSTANCE.epochNanos();
    MigrationRecord held =
        record("first", Role.REDIRECTOR, MigrationState.ARMED, 7, "host-a")
            .entering(MigrationState.HOLDING, began);
    journal.record(held);
    engine.takeOver();
    LiveMigration migration = java.util.Objects.requireNonNull(engine.byId(held.id()));
    assertThat(migration.view().holdLimit())
        .isEqualTo(new MigrationView.HoldLimitView(began + 300_000_000_000L, "keep"));
    new HoldLimit(engine.host(), (RedirectorMigration) migration).over();
    assertThat(migration.state()).isEqualTo(MigrationState.HOLDING);
    assertThat(migration.view().alerts())
        .anyMatch(alert -> alert.contains("held for 300 s without a release; still holding"));
  }

  @Test
  void oneThatIsPerhapsBackIsNotFinished() throws Exception {
    MigrationRecord asked =
        record("first", Role.REDIRECTOR, MigrationState.REDIRECTING, 7, "host-a").takingBack(8L);
    journal.record(asked);
    engine.takeOver();
    for (boolean force : new boolean[] {false, true}) {
      assertThatThrownBy(() -> engine.finish("first", force))
          .hasMessageContaining("host-a was asked for the address back")
          .hasMessageContaining("rollback --force");
    }
    assertThat(journal.records()).containsExactly(asked);
    assertThat(engine.rollback("first", true).state()).isEqualTo("rolled-back");
  }

  /** Of two names the one whose server answers is put back, and the other is waited for. */
  @Test
  void aNameDoesNotWaitForAnotherWhoseServerIsDown() throws Exception {
    String www =
        LOWERED.replace("vm.lab.test.", "www.else.test.").replace("lab.test.", "else.test.");
    journal.record(
        record(
            "first",
            Role.REDIRECTOR,
            MigrationState.PLANNED,
            7,
            "host-a",
            "vm.lab.test,www.else.test",
            "[" + LOWERED + "," + www + "]"));
    engine.takeOver();
    long end = System.nanoTime() + Duration.ofSeconds(30).toNanos();
    while (elsewhere.zone().ttl("www.else.test.", "A") != 300) {
      assertThat(System.nanoTime()).as("www.else.test gets its TTL back").isLessThan(end);
      Thread.sleep(10);
    }
    assertThat(journal.records()).as("vm.lab.test is still to be put back").hasSize(1);
  }

  /** It died while it armed: DNS is put back first, for as long as the server is away. */
  @Test
  void aNameThatIsStillPutBackIsTakenThoughTheMigrationIsNot() {
    journal.record(record("first", Role.REDIRECTOR, MigrationState.PLANNED, 7, "host-a"));
    engine.takeOver();
    assertThat(engine.list()).isEmpty();
    MigrationRecord again = record("again", Role.REDIRECTOR, MigrationState.PLANNED, 8, "host-a");
    assertThatThrownBy(() -> engine.requireFree(again))
        .isInstanceOf(RequestRefused.class)
        .hasMessageContaining("DNS for vm.lab.test is still being put in order")
        .hasMessageContaining("could not be armed");
  }
}
