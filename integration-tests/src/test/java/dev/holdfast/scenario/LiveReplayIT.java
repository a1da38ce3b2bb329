package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.host.ThisProgram;
import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.Lab;
import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.redirector.demo.lab.LabOptions;
import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.redirector.demo.lab.Tool;
import dev.holdfast.redirector.migration.MigrationRequest;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.redirector.migration.MigrationView;
import dev.holdfast.tunnel.packet.IpAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/**
 * Golden captures are replayed live through two daemons, while the guest moves, in the demo's lab
 * without its client and its guest: their cables end in one namespace, where both are played.
 *
 * <pre>
 *   player: peers -- router -- old host -- before
 *                           -- new host -- after
 * </pre>
 */
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
class LiveReplayIT {
  private static final Duration LIMIT = Duration.ofSeconds(60);

  private final Cleanup cleanup = new Cleanup();

  @TempDir private Path folder;
  private Lab lab;
  private Namespace player;
  private TwoHosts hosts;

  @AfterEach
  void takeDown() {
    cleanup.close();
    assertThat(cleanup.problems()).isEmpty();
  }

  @Test
  void capturedConnectionsSurviveARealMove() throws Exception {
    lab = Lab.build(LabOptions.plain(), cleanup);
    String prefix = lab.options().prefix();
    player = Namespace.make(cleanup, List.of(prefix + "player")).getFirst();
    lab.client().ip("link set eth0 netns " + player + " name peers");
    String unused =
        Tool.run(
            List.of("ip", "-n", prefix + "cable", "-batch", "-"),
            """
            link set old nomaster
            link set new nomaster
            link set old netns %1$s name before
            link set new netns %1$s name after
            """
                .formatted(player));
    player.ip("link set lo up", "link set peers up", "link set before up", "link set after up");
    hosts = TwoHosts.start(lab, LabAddresses.V4, folder, cleanup);

    notWithoutGateway();
    // The old host sees the guest's MAC before it is armed.
    String datagrams = replay("dns-udp/capture.pcapng", "--pps", "100").out();
    assertThat(datagrams)
        .contains("\"pace\" : \"100 packets a second\"", "\"moved\" : false")
        .containsPattern("\"verdicts\" : \\{\\s*\"survived\" : \\d+\\s*}");
    hosts.arm(request());
    String interactive = moves("interactive/capture.pcap", "packet:160", "--speed", "2");
    assertThat(interactive).contains("\"pace\" : \"speed 2\"");
    assertThat(number(interactive, "durationMillis")).isGreaterThan(6_000);
    MigrationView old = hosts.old().control().show(TwoHosts.NAME);
    MigrationView fresh = hosts.fresh().control().show(TwoHosts.NAME);
    assertThat(old.held().total()).as("held: %s", old).isPositive();
    assertThat(fresh.traffic().toGuestPackets()).as("tunnelled: %s", fresh).isGreaterThan(20);
    assertThat(old.traffic().fromGuestPackets()).as("tunnelled: %s", old).isGreaterThan(20);

    hosts.old().control().finish(TwoHosts.NAME, true);
    hosts.awaitDone(LIMIT);
    hosts.nothingIsLeft();
  }

  /** Replays while the guest moves; gives the report. */
  private String moves(String capture, String moveAt, String... more) throws Exception {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "--move-at",
                moveAt,
                "--pause",
                "300ms",
                "--guest-interface-after",
                "after",
                "--guest-gateway-after",
                LabAddresses.V4.newGateway() + "," + LabAddresses.V6.newGateway(),
                "--on-move",
                command("old", "hold"),
                "--on-resume",
                command("new", "release"),
                "--stall",
                "15s"));
    arguments.addAll(List.of(more));
    Holdfast.Outcome replayed = replay(capture, arguments.toArray(String[]::new));
    assertThat(replayed.out())
        .as("%s%n%s", replayed.err(), hosts.old().endOfLog())
        .contains("\"good\" : true", "\"encapsulation\" : \"live\"")
        .contains("\"oldAddresses\" : [ \"10.1.0.10\", \"fd00:1::10\" ]")
        .containsPattern("\"verdicts\" : \\{\\s*\"survived\" : 2\\s*}")
        .containsPattern("\"guests\" : \\[ \\{[^}]*\"moved\" : true");
    replayed.endsWith(0);
    assertThat(hosts.fresh().control().show(TwoHosts.NAME).state())
        .isIn(MigrationState.REDIRECTING.label(), MigrationState.DRAINING.label());
    double p50 = number(replayed.out(), "latenessP50Millis");
    double p99 = number(replayed.out(), "latenessP99Millis");
    assertThat(number(replayed.out(), "scheduledPackets")).isGreaterThan(50);
    assertThat(p50).isPositive().isLessThanOrEqualTo(p99);
    assertThat(p99).isLessThanOrEqualTo(number(replayed.out(), "latenessMaxMillis"));
    return replayed.out();
  }

  /** A router that is not there is missed before anything is sent. */
  private void notWithoutGateway() throws Exception {
    Holdfast.Outcome outcome =
        run(
            "replay",
            "run",
            "golden/dns-udp/capture.pcapng",
            "--old",
            "10.1.0.10,fd00:1::10",
            "--live",
            "--peer-interface",
            "peers",
            "--guest-interface",
            "before",
            "--guest-gateway",
            "10.1.0.77");
    outcome.endsWith(1);
    assertThat(outcome.err()).contains("Nobody answers for the gateway 10.1.0.77");
  }

  private Holdfast.Outcome replay(String capture, String... more) throws Exception {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "replay",
                "run",
                "golden/" + capture,
                "--json",
                "--old",
                "10.1.0.10,fd00:1::10",
                "--live",
                "--peer-interface",
                "peers",
                "--guest-interface",
                "before",
                "--peer-gateway",
                LabAddresses.V4.router() + "," + LabAddresses.V6.router(),
                "--guest-gateway",
                LabAddresses.V4.oldGateway() + "," + LabAddresses.V6.oldGateway(),
                "--guest-mac",
                Lab.GUEST_MAC));
    arguments.addAll(List.of(more));
    return run(arguments.toArray(String[]::new));
  }

  private Holdfast.Outcome run(String... arguments) throws Exception {
    List<String> command = new ArrayList<>(player.within());
    command.addAll(ThisProgram.command());
    command.addAll(List.of(arguments));
    Path out = Files.createTempFile(folder, "out", "");
    Path err = Files.createTempFile(folder, "err", "");
    Process process =
        new ProcessBuilder(command)
            .redirectOutput(out.toFile())
            .redirectError(err.toFile())
            .start();
    try {
      assertThat(process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS))
          .as("the replay ends: %s", Files.readString(err))
          .isTrue();
    } finally {
      process.destroyForcibly();
    }
    return new Holdfast.Outcome(
        List.of(arguments), process.exitValue(), Files.readString(out), Files.readString(err));
  }

  private String command(String host, String verb) {
    return Stream.concat(
            ThisProgram.command().stream(),
            Stream.of(
                "migration",
                verb,
                TwoHosts.NAME,
                "--socket",
                folder.resolve(host).resolve("control.sock").toString()))
        .map(word -> "'" + word + "'")
        .collect(Collectors.joining(" "));
  }

  private static MigrationRequest request() {
    List<LabAddresses> both = List.of(LabAddresses.V4, LabAddresses.V6);
    return MigrationRequest.of(
            TwoHosts.NAME,
            both.stream().map(LabAddresses::guestOld).map(IpAddress::toString).toList(),
            both.stream().map(LabAddresses::guestNew).map(IpAddress::toString).toList(),
            "new-host",
            Lab.BRIDGE)
        .guestPort(Lab.OLD_PORT)
        .guestMac(Lab.GUEST_MAC)
        .encapsulation("tls")
        .holdPolicy("queue")
        .request();
  }

  private static double number(String json, String field) {
    Matcher found = Pattern.compile("\"" + field + "\" : ([0-9.E-]+)").matcher(json);
    assertThat(found.find()).as("%s: %s", field, json).isTrue();
    return Double.parseDouble(found.group(1));
  }
}
