package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.criu.CriuContainer;
import dev.holdfast.criu.LineClients;
import dev.holdfast.redirector.demo.host.DemoHost;
import dev.holdfast.redirector.demo.host.ThisProgram;
import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.Lab;
import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.redirector.demo.lab.LabOptions;
import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.redirector.demo.lab.Tool;
import dev.holdfast.redirector.demo.measure.ForbiddenPackets;
import dev.holdfast.redirector.demo.measure.Tap;
import dev.holdfast.redirector.migration.MigrationRequest;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.time.SystemClock;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * A server in a container with 20 connections is dumped at the old host by CRIU itself and restored
 * at the new one. Nobody holds or releases by hand: CRIU's action script does, which is the one of
 * conf/hooks. In place of the lab's guest and its cable there is a container on each host's bridge.
 */
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
@Timeout(600)
class CriuIT {
  private static final int CONNECTIONS = 20;
  private static final int BUSY = 4;
  private static final Duration LIMIT = Duration.ofSeconds(30);
  private static final LabAddresses LAN = LabAddresses.V4;
  private static final Path SCRIPT =
      Path.of("../conf/hooks/criu/holdfast-criu.sh").toAbsolutePath().normalize();

  @TempDir private Path folder;
  private final Cleanup cleanup = new Cleanup();
  private Lab lab;
  private TwoHosts hosts;

  @BeforeEach
  void build() throws Exception {
    lab = Lab.build(LabOptions.plain(), cleanup);
    lab.oldHost().ip("link del " + Lab.OLD_PORT);
    lab.newHost().ip("link del " + Lab.NEW_PORT);
    hosts = TwoHosts.start(lab, LAN, folder, cleanup);
  }

  @AfterEach
  void takeDown() {
    cleanup.close();
    assertThat(cleanup.problems()).isEmpty();
  }

  /** One server with its clients, from its start to the end of its connections. */
  private final class Round implements AutoCloseable {
    private final Cleanup ofSource = new Cleanup();
    private final Cleanup rest = new Cleanup();
    private final CriuContainer source;
    private final CriuContainer destination;
    private final LineClients clients;
    private final ForbiddenPackets forbidden = new ForbiddenPackets(LAN.guestOld(), LAN.guestNew());
    private final List<Tap> taps = new ArrayList<>();
    private final Path images;

    Round(String encapsulation) throws Exception {
      cleanup.add("connections of a server", rest::close); // where this constructor fails
      cleanup.add("the server's first container", ofSource::close);
      images = Files.createTempDirectory(folder, "images");
      source = container(ofSource, "source", lab.oldHost(), Lab.OLD_PORT);
      source
          .namespace()
          .ip(
              "addr add " + LAN.guestOld() + "/24 dev eth0",
              "route add default via " + LAN.oldGateway());
      destination = container(rest, "destination", lab.newHost(), Lab.NEW_PORT);
      watch(lab.client(), "eth0", LAN.client());
      watch(lab.router(), "to-old", null);
      watch(lab.router(), "to-new", null);
      watch(destination.namespace(), "eth0", LAN.guestOld());
      source.serve(folder);
      clients = LineClients.open(lab.client(), server(LAN.guestOld()), CONNECTIONS, BUSY);
      rest.add("the clients", clients::close);
      clients.awaitAnswers(10, 10_000);
      hosts.arm(request(encapsulation));
      clients.awaitAnswers(10, 10_000);
    }

    private CriuContainer container(Cleanup owner, String name, Namespace host, String port)
        throws Exception {
      Namespace made = Namespace.make(owner, List.of(lab.options().prefix() + name)).getFirst();
      var container = new CriuContainer(made, host, port);
      owner.add("the server", container::stop);
      return container;
    }

    private void watch(Namespace where, String device, IpAddress own) throws Exception {
      Tap tap = forbidden.watch(where, device, own, null);
      rest.add("a tap", tap::close);
      taps.add(tap);
    }

    /** The list of connections is the container's, wherever it is. */
    private MigrationRequest request(String encapsulation) {
      String list = "ip netns exec %s ss -Htn";
      return MigrationRequest.of(
              TwoHosts.NAME,
              List.of(LAN.guestOld().toString()),
              List.of(LAN.guestNew().toString()),
              hosts.fresh().plan().name(),
              Lab.BRIDGE)
          .guestPort(Lab.OLD_PORT)
          .guestMac(Lab.GUEST_MAC)
          .encapsulation(encapsulation)
          .holdPolicy("queue")
          .flowListCommand(
              (list + " 2>/dev/null || " + list)
                  .formatted(source.namespace().name(), destination.namespace().name()))
          .request();
    }

    /** Dumps the server, with data on its way in both directions. */
    CriuContainer.Ended dump() throws Exception {
      CriuContainer.Ended dumped = source.dump(images, SCRIPT, environment(hosts.old()));
      assertThat(dumped.status()).as(dumped.log()).isZero();
      assertThat(state(hosts.old())).isEqualTo("holding");
      assertThat(hosts.old().control().show(TwoHosts.NAME).held().packets())
          .as("held on their way to the server")
          .isPositive();
      assertThat(queued()).as("bytes in the server's queues").isPositive();
      return dumped;
    }

    /** Bytes that were in the server's sockets: what TCP images have more than the shortest. */
    private long queued() throws IOException {
      try (Stream<Path> files = Files.list(images)) {
        List<Long> sizes =
            files
                .filter(file -> isOf(file, "tcp-stream-"))
                .map(file -> file.toFile().length())
                .sorted()
                .toList();
        assertThat(sizes).as("connections in the dump").hasSize(CONNECTIONS);
        return sizes.stream().mapToLong(size -> size - sizes.getFirst()).sum();
      }
    }

    /**
     * TCP repair binds the old address, so it must be at the new host before the restore; at arm it
     * must not, or preflight finds the guest on the wrong side.
     */
    void takeNewAddresses() throws IOException {
      destination
          .namespace()
          .ip(
              "addr add " + LAN.guestNew() + "/24 dev eth0",
              "addr add " + LAN.guestOld() + "/32 dev eth0 preferred_lft 0",
              "route add default via " + LAN.newGateway());
    }

    void finish() throws Exception {
      clients.awaitAnswers(20, 20_000);
      long ending = SystemClock.INSTANCE.epochNanos();
      assertThat(clients.finish()).as("lines lost or out of order").isEmpty();
      for (Tap tap : taps) {
        tap.close();
      }
      assertThat(forbidden.seen(clients.ports(), ending)).as("resets and ICMP errors").isEmpty();
    }

    @Override
    public void close() throws Exception {
      ofSource.close();
      rest.close();
      assertThat(ofSource.problems()).isEmpty();
      assertThat(rest.problems()).isEmpty();
    }
  }

  private static boolean isOf(Path file, String kind) {
    return file.getFileName().toString().startsWith(kind);
  }

  private static InetSocketAddress server(IpAddress address) throws IOException {
    return new InetSocketAddress(InetAddress.getByAddress(address.toBytes()), CriuContainer.PORT);
  }

  private static Map<String, String> environment(DemoHost host) {
    assertThat(ThisProgram.command()).as("tests are started with a launcher").hasSize(1);
    return Map.of(
        "HOLDFAST_MIGRATION", TwoHosts.NAME,
        "HOLDFAST", ThisProgram.command().getFirst(),
        "HOLDFAST_CONTROL", host.configFile().resolveSibling("control.sock").toString());
  }

  private static String state(DemoHost host) throws Exception {
    return host.control().show(TwoHosts.NAME).state();
  }

  private void move(String encapsulation, int number) throws Exception {
    try (var round = new Round(encapsulation)) {
      CriuContainer.Ended dumped = round.dump();
      round.source.cut();
      round.ofSource.close(); // its namespace, and with it CRIU's lock
      round.takeNewAddresses();
      CriuContainer.Ended restored =
          round.destination.restore(round.images, SCRIPT, environment(hosts.fresh()));
      assertThat(restored.status()).as(restored.log()).isZero();
      assertThat(state(hosts.fresh())).isEqualTo("redirecting");
      round.clients.awaitAnswers(20, 20_000);
      try (var again = LineClients.open(lab.client(), server(LAN.guestNew()), 1, 0)) {
        again.awaitAnswers(5, 5_000);
        assertThat(again.finish()).as("a new connection to the new address").isEmpty();
      }
      round.finish();
      System.out.printf(
          Locale.ROOT,
          "CRIU %s %d: dump %.0f ms, restore %.0f ms, longest gap of a client %.0f ms, %d lines,"
              + " %d bytes in the server's queues%n",
          encapsulation,
          number,
          dumped.nanos() / 1e6,
          restored.nanos() / 1e6,
          round.clients.longestGapNanos() / 1e6,
          round.clients.lines(),
          round.queued());
      hosts.old().control().finish(TwoHosts.NAME, true); // no name is moved: nothing else ends it
      hosts.awaitDone(LIMIT);
      round.destination.stop();
      round.destination.cut();
    }
  }

  @Test
  void movesWithItsConnections() throws Exception {
    move("tls", 1);
    hosts.nothingIsLeft();
  }

  @Tag("suite-tools")
  @Test
  void movesTwentyTimesInARow() throws Exception {
    for (int i = 1; i <= 20; i++) {
      move(i % 2 == 0 ? "ipip" : "tls", i);
    }
    hosts.nothingIsLeft();
  }

  /** An image is cut in two: that of a process, or of a connection when others are restored. */
  @Tag("suite-tools")
  @ParameterizedTest
  @CsvSource({"core-, bytes while", "tcp-stream-, Img trimmed"})
  void whatCannotBeRestoredThereGoesOnHere(String kind, String words) throws Exception {
    try (var round = new Round("tls")) {
      var _ = round.dump();
      Path sent = folder.resolve("sent");
      Tool.run(List.of("cp", "-r", round.images.toString(), sent.toString()));
      cutInTwo(sent, kind);
      round.takeNewAddresses();
      CriuContainer.Ended failed =
          round.destination.restoreInVain(sent, SCRIPT, environment(hosts.fresh()));
      System.out.printf("CRIU without half of a %s: %s%n", kind, failed.log());
      assertThat(failed.status()).isNotZero();
      assertThat(failed.log()).contains(words, "Restoring FAILED");
      assertThat(state(hosts.fresh())).as("nothing was released").isEqualTo("holding");
      assertThat(state(hosts.old())).isEqualTo("holding");

      CriuContainer.Ended restored =
          round.source.restore(round.images, SCRIPT, environment(hosts.old()));
      assertThat(restored.status()).as(restored.log()).isZero();
      assertThat(state(hosts.old())).isEqualTo("rolled-back");
      round.finish();
      System.out.printf(
          Locale.ROOT,
          "CRIU taken back: restore %.0f ms, longest gap of a client %.0f ms%n",
          restored.nanos() / 1e6,
          round.clients.longestGapNanos() / 1e6);
      round.source.stop();
      round.source.cut();
      round.destination.cut();
    }
    hosts.nothingIsLeft();
  }

  private static void cutInTwo(Path images, String kind) throws IOException {
    try (Stream<Path> files = Files.list(images)) {
      Path image =
          files
              .filter(file -> isOf(file, kind))
              .max(Comparator.comparingLong(file -> file.toFile().length()))
              .orElseThrow();
      try (var channel = FileChannel.open(image, StandardOpenOption.WRITE)) {
        channel.truncate(channel.size() / 2);
      }
    }
  }
}
