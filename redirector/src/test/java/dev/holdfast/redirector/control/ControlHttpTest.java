package dev.holdfast.redirector.control;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.migration.ExplainRequest;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The API as another program meets it: bytes on a Unix socket. */
@Timeout(60)
class ControlHttpTest {
  private static final String ARM =
      """
      {"name":"web1","oldAddresses":["10.1.0.10"],"newAddresses":["10.2.0.10"],"remote":"host-b","deliver":"br0"}\
      """;

  @TempDir private Path folder;
  private final FakeService service = new FakeService();
  private Path socket;
  private ControlServer server;

  @BeforeEach
  void start() throws IOException {
    socket = folder.resolve("c.sock");
    server = new ControlServer(socket, service, Duration.ofSeconds(10));
    server.start();
  }

  @AfterEach
  void stop() {
    server.close();
  }

  @Test
  void aRequestIsAnsweredInJson() throws IOException {
    assertThat(RawHttp.get(socket, "/v1/status"))
        .startsWith("HTTP/1.1 200 OK\r\n")
        .contains("content-type: application/json\r\n")
        .contains("\r\n\r\n{\"schema\":\"holdfast.status/1\",\"host\":\"host-a\",")
        .endsWith("}\n");
  }

  @Test
  void aCaptureIsStreamedInChunks() throws IOException {
    service.captures().have(2, 0, false);
    assertThat(RawHttp.post(socket, "/v1/captures", "{}"))
        .startsWith("HTTP/1.1 200 OK\r\n")
        .contains("content-type: application/x-pcapng\r\n", "holdfast-capture: 1\r\n")
        .contains("transfer-encoding: chunked\r\n")
        .contains("inner-in")
        .endsWith("\r\n0\r\n\r\n");
    assertThat(RawHttp.post(socket, "/v1/captures", "{\"point\":[]}"))
        .startsWith("HTTP/1.1 400")
        .contains("There is no field 'point' in a wish for a capture.");
  }

  @Test
  void armIsCreatedAndGoesThroughItsLife() throws IOException {
    assertThat(RawHttp.post(socket, "/v1/migrations", ARM))
        .startsWith("HTTP/1.1 201 Created\r\n")
        .contains("\"state\":\"armed\"");
    assertThat(RawHttp.post(socket, "/v1/migrations/web1/hold", ""))
        .startsWith("HTTP/1.1 200")
        .contains("\"state\":\"holding\"");
    assertThat(RawHttp.post(socket, "/v1/migrations/id-1/release", "{}"))
        .contains("\"state\":\"redirecting\"");
    assertThat(RawHttp.post(socket, "/v1/migrations/web1/finish?force=true", ""))
        .contains("\"state\":\"done\"");
    assertThat(RawHttp.get(socket, "/v1/migrations"))
        .contains("\r\n\r\n{\"schema\":\"holdfast.migrations/1\",\"migrations\":[{");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          GET    | /                           | 404 | unknown | There is nothing at / in this API.
          GET    | /v2/status                  | 404 | unknown | There is nothing at /v2/status in this API.
          GET    | /v1/migration               | 404 | unknown | There is nothing at /v1/migration in this API.
          GET    | /v1/migrations/none         | 404 | unknown | There is no migration 'none'.
          GET    | /v1/migrations/a%20b        | 404 | unknown | There is no migration 'a b'.
          GET    | /v1/migrations/%zz          | 400 | invalid | The request's address is malformed.
          POST   | /v1/migrations/none/hold    | 404 | unknown | There is no migration 'none'.
          POST   | /v1/migrations/none/explode | 404 | unknown | There is nothing at /v1/migrations/none/explode in this API.
          POST   | /v1/migrations/none/finish?force=yes | 400 | invalid | The parameter 'force' must be true or false, not 'yes'.
          POST   | /v1/migrations/none/hold?force=true  | 400 | invalid | There is no parameter 'force' here, only to-return.
          POST   | /v1/migrations/none/hold?to-return=1 | 400 | invalid | The parameter 'to-return' must be true or false, not '1'.
          GET    | /v1/flows?remaning=true     | 400 | invalid | There is no parameter 'remaning' here, only migration and remaining.
          GET    | /v1/flows?remaining=true&remaining=true | 400 | invalid | The parameter 'remaining' is there twice.
          GET    | /v1/events?since=0          | 400 | invalid | There is no parameter 'since' here.
          POST   | /v1/migrations              | 400 | invalid | The request has no body; it needs a JSON object.
          POST   | /v1/status                  | 405 | invalid | Only GET can be used here.
          DELETE | /v1/migrations/none         | 405 | invalid | Only GET can be used here.
          DELETE | /v1/migrations              | 405 | invalid | Only GET and POST can be used here.
          GET    | /v1/explain                 | 405 | invalid | Only POST can be used here.
          POST   | /v1/explain                 | 400 | invalid | The request has no body; it needs a JSON object.
          POST   | /v1/explain?way=in          | 400 | invalid | There is no parameter 'way' here.
          GET    | /v1/captures                | 405 | invalid | Only POST can be used here.
          POST   | /v1/captures                | 400 | invalid | The request has no body; it needs a JSON object.
          POST   | /v1/captures?points=outer   | 400 | invalid | There is no parameter 'points' here.
          GET    | /v1/captures/1              | 405 | invalid | Only DELETE can be used here.
          DELETE | /v1/captures/1              | 404 | unknown | no capture '1' runs
          GET    | /v1/migrations/none/hold    | 405 | invalid | Only POST can be used here.
          """)
  void aWrongRequestIsRefusedInASentence(
      String method, String target, int status, String kind, String message) throws IOException {
    String answer =
        RawHttp.exchange(
            socket,
            method + " " + target + " HTTP/1.1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    assertThat(answer).startsWith("HTTP/1.1 " + status + " ");
    assertThat(answer)
        .endsWith(
            "\r\n\r\n{\"schema\":\"holdfast.error/1\",\"kind\":\"%s\",\"message\":\"%s\",\"checks\":[]}\n"
                .formatted(kind, message));
    assertThat(answer.contains("\r\nallow: ")).isEqualTo(status == 405);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          {"name":"web1","old":["10.1.0.10"]}          | There is no field 'old' in a migration.
          {"name":"web1"}                              | The field 'oldAddresses' is missing or empty.
          {"oldAddresses":["10.1.0.10"]}               | The field 'name' is missing.
          {"name":"","oldAddresses":["10.1.0.10"]}     | The field 'name' is missing.
          {"name":"web1","oldAddresses":[null]}        | A list of addresses contains null.
          null                                         | The request's body is null, not a JSON object.
          """)
  void aWrongMigrationIsRefusedInASentence(String body, String message) throws IOException {
    assertThat(RawHttp.post(socket, "/v1/migrations/plan", body))
        .startsWith("HTTP/1.1 400 Bad Request\r\n")
        .contains("\"kind\":\"invalid\",\"message\":\"" + message);
    assertThat(service.lastRequest()).isNull();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          {"hex":"45"}                     | There is no field 'hex' in a question about a packet.
          {"outOfTunnel":true}             | The field 'packet' is missing.
          {"packet":""}                    | The field 'packet' is missing.
          {"packet":"45","outOfTunnel":3.5}| The request's body is not usable JSON:
          {"packet":"45"} {}               | The request's body is not usable JSON:
          null                             | The request's body is null, not a JSON object.
          """)
  void aWrongQuestionAboutAPacketIsRefusedInASentence(String body, String message)
      throws IOException {
    assertThat(RawHttp.post(socket, "/v1/explain", body))
        .startsWith("HTTP/1.1 400 Bad Request\r\n")
        .contains("\"kind\":\"invalid\",\"message\":\"" + message);
    assertThat(service.lastExplained()).isNull();
  }

  @Test
  void aPacketIsExplained() throws IOException {
    assertThat(RawHttp.post(socket, "/v1/explain", "{\"packet\":\"4500\"}"))
        .startsWith("HTTP/1.1 200 ")
        .contains("{\"schema\":\"holdfast.explain/1\",\"way\":\"from-lan\"")
        .contains("\"steps\":[{\"step\":\"packet\"");
    assertThat(service.lastExplained()).isEqualTo(new ExplainRequest("4500", false, null));
    String longest = "00".repeat(65_535);
    assertThat(RawHttp.post(socket, "/v1/explain", "{\"packet\":\"" + longest + "\"}"))
        .startsWith("HTTP/1.1 200 ");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {"{\"name\":", "[]", "\"text\"", "{\"name\":\"web1\"} {}", "{\"name\":{}}"})
  void whatIsNoUsableJsonIsRefused(String body) throws IOException {
    assertThat(RawHttp.post(socket, "/v1/migrations", body))
        .startsWith("HTTP/1.1 400 Bad Request\r\n")
        .contains("\"kind\":\"invalid\",\"message\":\"The request's body is not usable JSON: ");
    assertThat(service.lastRequest()).isNull();
  }

  @Test
  void whatIsTooLongIsRefused() throws IOException {
    assertThat(RawHttp.get(socket, "/v1/" + "x".repeat(5000))).startsWith("HTTP/1.1 414 ");
    assertThat(
            RawHttp.exchange(
                socket, "GET /v1/status HTTP/1.1\r\nX: " + "x".repeat(9000) + "\r\n\r\n"))
        .startsWith("HTTP/1.1 431 ");
    assertThat(
            RawHttp.exchange(
                socket,
                "POST /v1/migrations HTTP/1.1\r\nContent-Length: 1048577\r\n\r\n" + "x".repeat(99)))
        .startsWith("HTTP/1.1 413 ")
        .contains("The request's body is larger than 1048576 bytes.");
    assertThat(RawHttp.exchange(socket, "\u0016\u0003\u0001 hello\r\n\r\n"))
        .startsWith("HTTP/1.1 400 ");
    assertThat(RawHttp.get(socket, "/v1/status")).startsWith("HTTP/1.1 200 ");
  }

  @Test
  void aBodyOfOneMebibyteIsRead() throws IOException {
    String padded = ARM + " ".repeat((1 << 20) - ARM.length());
    assertThat(RawHttp.post(socket, "/v1/migrations", padded)).startsWith("HTTP/1.1 201 ");
  }

  @Test
  void requestsThatAreSentAheadAreAnsweredInOrder() throws IOException {
    String request = "GET /v1/migrations/%d HTTP/1.1\r\n%s\r\n";
    var requests = new StringBuilder();
    for (int i = 0; i < 20; i++) {
      requests.append(request.formatted(i, i == 19 ? "Connection: close\r\n" : ""));
    }
    String answers = RawHttp.exchange(socket, requests.toString());
    int at = -1;
    for (int i = 0; i < 20; i++) {
      int next = answers.indexOf("There is no migration '" + i + "'.");
      assertThat(next).isGreaterThan(at);
      at = next;
    }
  }

  @Test
  void aRequestThatTakesLongHoldsUpNoOther() throws Exception {
    var entered = new CountDownLatch(1);
    var leave = new CountDownLatch(1);
    service.beforeEach(() -> {
      entered.countDown();
      try {
        leave.await();
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
    });
    try (var slow = SocketChannel.open(UnixDomainSocketAddress.of(socket))) {
      slow.write(ascii("GET /v1/flows HTTP/1.1\r\nConnection: close\r\n\r\n"));
      entered.await();
      service.beforeEach(() -> {});
      assertThat(RawHttp.get(socket, "/v1/status")).startsWith("HTTP/1.1 200 ");
      leave.countDown();
      ByteBuffer answer = ByteBuffer.allocate(12);
      while (answer.hasRemaining() && slow.read(answer) >= 0) {
        // until the status is there
      }
      assertThat(new String(answer.array(), StandardCharsets.US_ASCII)).isEqualTo("HTTP/1.1 200");
    }
  }

  @Test
  void aFailureInTheDaemonIsAnAnswer() throws IOException {
    service.beforeEach(() -> {
      throw new IllegalStateException("broken");
    });
    assertThat(RawHttp.get(socket, "/v1/status"))
        .startsWith("HTTP/1.1 500 ")
        .contains("\"kind\":\"failed\"")
        .contains("broken");
  }

  @Test
  void aConnectionWithoutACompleteRequestIsClosed() throws IOException {
    server.close();
    server = new ControlServer(socket, service, Duration.ofMillis(50));
    server.start();
    assertThat(RawHttp.exchange(socket, "")).isEmpty();
    assertThat(RawHttp.exchange(socket, "GET /v1/status HTTP/1.1\r\nHost:")).isEmpty();
    assertThat(RawHttp.exchange(socket, "GET /v1/status HTTP/1.1\r\n\r\n"))
        .startsWith("HTTP/1.1 200 ");
  }

  private static ByteBuffer ascii(String text) {
    return ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII));
  }
}
