package dev.holdfast.redirector.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.control.ControlServer;
import dev.holdfast.redirector.control.FakeService;
import dev.holdfast.redirector.migration.ExplainRequest;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.json.JsonMapper;

/** {@code explain}, by a daemon without packets and without a daemon. */
@Timeout(60)
class ExplainCommandTest {
  private static final String UDP = "4500001c00004000401125c60a0900020a01000a9c400035000874f1";
  private static final String TCP = "explain tcp 10.9.0.2:40000 10.1.0.10:80";

  @TempDir private Path folder;
  private final FakeService service = new FakeService();
  private Path socket;
  private ControlServer server;

  @BeforeEach
  void start() throws IOException {
    socket = folder.resolve("c.sock");
    server = new ControlServer(socket, service);
    server.start();
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private CliRun run(String command) {
    return CliRun.at(socket, command);
  }

  @Test
  void aDropIsNoFailureAndTheStepsAreTold() {
    CliRun run = run("explain " + UDP);
    assertThat(run.exitCode()).isZero();
    assertThat(run.out())
        .isEqualTo(
            """
            packet  IPv4 tcp
            decide  drop as loop
                      it has been here before

            It is dropped.
            """);
    assertThat(run.err()).isEmpty();
    assertThat(service.lastExplained()).isEqualTo(new ExplainRequest(UDP, false, null));
  }

  @Test
  void jsonIsWhatTheDaemonSays() {
    CliRun run = run("explain --json --out-of-tunnel " + UDP);
    var json = JsonMapper.shared().readTree(run.out());
    assertThat(json.get("schema").asString()).isEqualTo("holdfast.explain/1");
    assertThat(json.get("dropReason").asString()).isEqualTo("loop");
    assertThat(json.get("steps").get(1).get("why").asString()).isEqualTo("it has been here before");
    assertThat(service.lastExplained()).isEqualTo(new ExplainRequest(UDP, true, null));
  }

  @Test
  void aMigrationThatIsNotThereIsRefused() {
    CliRun run = run("explain --out-of-tunnel --migration none " + UDP);
    assertThat(run.exitCode()).isEqualTo(4);
    assertThat(run.err()).isEqualTo("There is no migration 'none'.\n");
  }

  @Test
  void withoutADaemonItSaysSo() {
    server.close();
    assertThat(run("explain " + UDP).exitCode()).isEqualTo(3);
  }

  @Test
  void standardInputIsTakenToo() {
    InputStream before = System.in;
    try {
      System.setIn(
          new ByteArrayInputStream(
              ("\t0x0000:  " + UDP + "\n").getBytes(StandardCharsets.US_ASCII)));
      assertThat(run("explain -").exitCode()).isZero();
    } finally {
      System.setIn(before);
    }
    assertThat(service.lastExplained()).isEqualTo(new ExplainRequest(UDP, false, null));
  }

  @Test
  void aCaptureFileIsReadHere() throws IOException {
    Path file = folder.resolve("trace.pcap");
    byte[] head =
        HexFormat.of()
            .parseHex(
                "a1b2c3d400020004000000000000000000040000"
                    + "00000065" // raw IP
                    + "0000000100000000"
                    + "00000016"
                    + "0000001c"
                    + UDP.substring(0, 44));
    Files.write(file, head);
    CliRun run = run("explain --capture " + file + " --packet 1");
    assertThat(run.exitCode()).isZero();
    assertThat(run.err())
        .isEqualTo(
            "The capture has not all of packet 1: its last 6 bytes are taken to be zeros.\n");
    assertThat(service.lastExplained())
        .isEqualTo(new ExplainRequest(UDP.substring(0, 44) + "000000000000", false, null));
    CliRun beyond = run("explain --capture " + file + " --packet 2");
    assertThat(beyond.exitCode()).isEqualTo(2);
    assertThat(beyond.err()).isEqualTo("There is no packet 2 in " + file + ": it has 1.\n");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "explain                                | No packet was given",
        "explain 450                            | an odd number",
        "explain 4500 --ttl 5                   | are for PROTOCOL SOURCE DESTINATION",
        "explain --capture x.pcap               | --capture FILE and --packet NUMBER are given together",
        "explain --packet 1                     | --capture FILE and --packet NUMBER are given together",
        "explain 4500 --capture x --packet 1    | Give one packet",
        "explain --capture none.pcap --packet 1 | There is no file none.pcap",
        "explain --capture none.pcap --packet 0 | Packets are counted from 1",
        "explain 4500 --migration web1          | --migration is for --out-of-tunnel",
        "explain 4500 --role redirector         | give them with --config"
      })
  void aWrongQuestionIsRefusedInASentence(String command, String message) {
    CliRun run = run(command);
    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).contains(message);
    assertThat(service.lastExplained()).isNull();
  }

  // ---- by a config ----

  private CliRun described(Path config, String... more) {
    List<String> arguments = new ArrayList<>(Arrays.asList(more));
    arguments.addAll(List.of("--config", config.toString()));
    return CliRun.of(arguments.toArray(String[]::new));
  }

  private CliRun described(Path config, String command) {
    return described(config, command.split(" +"));
  }

  private Path config() throws IOException {
    Path config = Configs.write(folder);
    return Files.writeString(
        config,
        Files.readString(config)
            + """
            [[remote]]
            name = "host-b"
            endpoint = "127.0.0.2:4754"
            fingerprint = "sha256:%s"
            addresses = ["10.1.0.0/24"]
            [drain]
            stale-syn = "drop"
            """
                .formatted("ab".repeat(32)));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "redirector | armed        |                      | The guest on this host gets it as ever",
        "redirector | holding      |                      | It is kept in the hold queue while the guest is paused",
        "redirector | redirecting  |                      | It goes through the tunnel to host-b",
        "redirector | draining     | --flags S            | It is dropped, because it is new, and drain.stale-syn is drop",
        "redirector | draining     |                      | because its connection is older than our knowledge of it",
        "redirector | done         |                      | The guest on this host gets it as ever",
        "endpoint   | redirecting  |                      | Holdfast does not touch it",
        "endpoint   | redirecting  | --out-of-tunnel      | It is delivered to the guest",
        "endpoint   | holding      | --out-of-tunnel      | the guest does not run at this host",
        "redirector | redirecting  | --encapsulation ipip --remote host-b | 20 more bytes; TTL 64",
        "redirector | redirecting  | --encapsulation ipip --length 1500   | Fragmentation Needed (RFC 1191) of 1480 bytes",
        "redirector | redirecting  | --encapsulation ipip --length 1500 --no-df | in fragments of its own"
      })
  void aConfigAnswersForADaemonWithIt(String role, String state, String more, String outcome)
      throws IOException {
    CliRun run =
        described(
            config(),
            TCP
                + " --old 10.1.0.10 --role "
                + role
                + " --state "
                + state
                + (more == null ? "" : " " + more));
    assertThat(run.err()).isEmpty();
    assertThat(run.exitCode()).isZero();
    assertThat(run.out()).contains(outcome);
  }

  @Test
  void whatNoDaemonKnowsIsSaidToBeUnknown() throws IOException {
    CliRun run =
        described(config(), TCP + " --old 10.1.0.10 --role redirector --state redirecting");
    assertThat(run.out())
        .contains("flow             not known")
        .contains("it is taken to be up")
        .contains("encapsulation    a TLS frame of 55 bytes");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--role redirector --state armed                     | give --role, --state and --old as well",
        "--role mover --state armed --old 10.1.0.10          | 'mover' is not a role: redirector or endpoint",
        "--role redirector --state moving --old 10.1.0.10    | 'moving' is not a state: planned, armed,",
        "--role redirector --state armed --old host          | 'host' is not an IP address",
        "--role redirector --state armed --old 10.1.0.10 --encapsulation gre | 'gre' is not an encapsulation",
        "--role redirector --state armed --old 10.1.0.10 --remote none | there is no [[remote]] named 'none'",
        "--role redirector --state armed --old 10.5.0.10 --remote host-b | 10.5.0.10 is not among the addresses",
        "--role redirector --state armed --old 10.1.0.10 --migration web1 --out-of-tunnel | no migration to name"
      })
  void aWrongDescriptionIsRefusedInASentence(String more, String message) throws IOException {
    CliRun run = described(config(), TCP + " " + more);
    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).contains(message);
  }

  @Test
  void aConfigThatIsWrongSaysWhere() throws IOException {
    Path wrong = Files.writeString(folder.resolve("wrong.toml"), "[daemon\n");
    CliRun run = described(wrong, TCP + " --role redirector --state armed --old 10.1.0.10");
    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err()).contains("wrong.toml");
  }
}
