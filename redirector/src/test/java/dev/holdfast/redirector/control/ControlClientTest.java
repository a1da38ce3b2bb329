package dev.holdfast.redirector.control;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.holdfast.redirector.migration.MigrationRequest;
import dev.holdfast.redirector.migration.MigrationService.Event;
import dev.holdfast.redirector.migration.MigrationView;
import dev.holdfast.redirector.migration.RequestRefused;
import dev.holdfast.redirector.migration.RequestRefused.Kind;
import java.io.IOException;
import java.net.SocketTimeoutException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The client against the server, with a daemon that has no packets. */
@Timeout(60)
class ControlClientTest {
  private static final Duration LONG = Duration.ofSeconds(30);
  private static final MigrationRequest FULL =
      MigrationRequest.of(
              "web1", List.of("10.1.0.10", "fd00:1::10"), List.of("10.2.0.10"), "host-b", "br1")
          .from("br0")
          .guestPort("vnet3")
          .guestMac("52:54:00:10:00:10")
          .dnsName("vm.lab.test")
          .dnsAddresses(List.of("192.0.2.1"))
          .encapsulation("ipip")
          .holdPolicy("drop")
          .flowListCommand("ss -Htn \"state established\"")
          .capture("pcap")
          .request();

  @TempDir private Path folder;
  private final FakeService service = new FakeService();
  private ControlServer server;
  private ControlClient client;

  @BeforeEach
  void start() throws IOException {
    Path socket = folder.resolve("run").resolve("c.sock");
    server = new ControlServer(socket, service);
    server.start();
    client = new ControlClient(socket);
  }

  @AfterEach
  void stop() {
    server.close();
  }

  @Test
  void whatIsAskedArrivesWholeAndSoDoesTheAnswer() throws Exception {
    MigrationView armed = client.arm(FULL);

    assertThat(service.lastRequest()).isEqualTo(FULL);
    assertThat(armed).isEqualTo(service.show("web1"));
    assertThat(client.show("web1")).isEqualTo(armed);
    assertThat(client.list()).containsExactly(armed);
    assertThat(client.status()).isEqualTo(service.status());
    assertThat(client.plan(FULL)).isEqualTo(service.plan(FULL));
    assertThat(client.flows(null, false)).isEqualTo(service.flows(null, false));
    assertThat(client.flows("web1", true)).isEqualTo(service.flows("web1", true));
    assertThat(client.hold("web1")).isEqualTo(service.show("web1"));
    assertThat(client.release("web1").state()).isEqualTo("redirecting");
    assertThat(client.finish("web1", true)).isEqualTo(service.show("web1"));
  }

  @Test
  void refusalsComeWithTheirKind() throws Exception {
    client.arm(FULL);
    assertRefused(
        Kind.CONFLICT, "The name 'web1' is taken by a migration.", () -> client.arm(FULL));
    assertRefused(
        Kind.CONFLICT, "'web1' is armed, not what this needs.", () -> client.release("web1"));
    assertRefused(
        Kind.REFUSED, "2 connections are left; see flow list.", () -> client.finish("web1", false));
    assertRefused(Kind.UNKNOWN, "There is no migration 'ä/?&x'.", () -> client.show("ä/?&x"));
    service.beforeEach(() -> {
      throw new IllegalStateException("broken");
    });
    assertRefused(
        Kind.FAILED,
        "The daemon failed at this request (java.lang.IllegalStateException: broken); its log says"
            + " more.",
        () -> client.status());
  }

  @Test
  void eventsComeInOrderAndNoneIsMissedOnceTheStreamIsOpen() throws Exception {
    try (EventStream events = client.events()) {
      client.arm(FULL);
      client.hold("web1");
      assertThat(next(events)).isEqualTo("state armed");
      assertThat(next(events)).isEqualTo("state holding");
      for (int i = 0; i < 500; i++) {
        service.publish(new Event(i, "progress", "", "", "", "step " + i + " ü"));
      }
      for (int i = 0; i < 500; i++) {
        assertThat(next(events)).isEqualTo("progress step " + i + " ü");
      }
      assertThatThrownBy(() -> events.next(Duration.ofMillis(20)))
          .isInstanceOf(SocketTimeoutException.class);
      service.publish(new Event(0, "alert", "", "", "", "still there"));
      assertThat(next(events)).isEqualTo("alert still there");
    }
    awaitListeners(0);
  }

  @Test
  void theStreamEndsWhenTheDaemonStops() throws Exception {
    try (EventStream events = client.events()) {
      server.close();
      assertThat(events.next(LONG)).isNull();
    }
    assertThatThrownBy(() -> client.status())
        .isInstanceOf(DaemonNotRunning.class)
        .hasMessage("No holdfast daemon is running: there is no %s.", folder.resolve("run/c.sock"));
    assertThat(service.listeners()).isZero();
  }

  @Test
  void aReaderThatDoesNotReadIsCutOff() throws Exception {
    try (EventStream events = client.events()) {
      String text = "x".repeat(10_000);
      while (service.listeners() > 0) {
        service.publish(new Event(0, "progress", "", "", "", text));
      }
      assertThatThrownBy(
              () -> {
                while (events.next(LONG) != null) {
                  // what was sent before
                }
              })
          .isInstanceOf(IOException.class);
    }
  }

  @Test
  void closingLetsARequestEnd() throws Exception {
    var closer = Thread.ofVirtual().unstarted(() -> server.close());
    service.beforeEach(() -> {
      service.beforeEach(() -> {});
      closer.start();
      while (!Files.notExists(client.socket())) {
        Thread.onSpinWait();
      }
    });
    assertThat(client.status().host()).isEqualTo("host-a");
    closer.join();
  }

  private void awaitListeners(int count) {
    while (service.listeners() != count) {
      Thread.onSpinWait();
    }
  }

  private static String next(EventStream events) throws IOException {
    EventLine line = events.next(LONG);
    return line == null ? "end" : line.type() + " " + line.text();
  }

  private interface Call {
    Object call() throws IOException, RequestRefused;
  }

  private static void assertRefused(Kind kind, String message, Call call) {
    RequestRefused refused = catchThrowableOfType(RequestRefused.class, call::call);
    assertThat(refused).hasMessage(message);
    assertThat(refused.kind()).isEqualTo(kind);
  }
}
