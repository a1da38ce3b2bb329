package dev.holdfast.golden;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.redirector.demo.lab.Tool;
import dev.holdfast.tunnel.packet.IpAddress;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executors;

/** A browser's way: several requests on one connection, with time to think between them. */
final class HttpKeepAliveCase extends GoldenCase {
  private static final int REQUESTS = 8;
  private static final int PORT = 80;
  private static final int FORM_BYTES = 6_000;
  private static final List<LabAddresses> FAMILIES = List.of(LabAddresses.V4, LabAddresses.V6);

  HttpKeepAliveCase() {
    super("http-keep-alive");
  }

  @Override
  Form form() {
    return Form.PCAPNG_GZ;
  }

  @Override
  List<Recording> make(GoldenLab lab) throws Exception {
    Path form = Files.write(lab.folder().resolve("form"), Pattern.of("form", 0, FORM_BYTES));
    Recording recording = MirrorPort.record(lab);
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (LabAddresses family : FAMILIES) {
        var at = new InetSocketAddress(family.guestOld().toInetAddress(), PORT);
        HttpServer server = lab.guest().call(() -> HttpServer.create(at, 0));
        server.setExecutor(threads);
        server.createContext("/", HttpKeepAliveCase::answer);
        server.start();
        try {
          Tool.run(lab.client().within(curl(family.guestOld(), form)));
        } finally {
          server.stop(0);
        }
      }
    }
    return List.of(recording);
  }

  /** One curl keeps its connection, and begins 150 requests in a minute. */
  private static String[] curl(IpAddress guest, Path form) {
    String host = guest.isV4() ? guest.toString() : "[" + guest + "]";
    List<String> command = new ArrayList<>(List.of("curl", "-sSf", "--rate", "150/m"));
    for (int i = 1; i < REQUESTS; i++) {
      command.addAll(List.of("-o", "/dev/null", "http://" + host + "/page/" + i));
    }
    command.addAll(List.of("--next", "-sSf", "--data-binary", "@" + form, "-o", "/dev/null"));
    command.add("http://" + host + "/form");
    return command.toArray(String[]::new);
  }

  /** Pages of several lengths, every other one in chunks. */
  private static void answer(HttpExchange exchange) throws IOException {
    try (exchange) {
      byte[] form = exchange.getRequestBody().readAllBytes();
      String path = exchange.getRequestURI().getPath();
      boolean isPage = path.startsWith("/page/");
      int number = isPage ? Integer.parseInt(path.substring("/page/".length())) : 0;
      byte[] page = Pattern.of(path, 0, isPage ? number * 1_500 : form.length);
      exchange.sendResponseHeaders(200, number % 2 == 0 ? page.length : 0);
      try (OutputStream out = exchange.getResponseBody()) {
        out.write(page);
      }
    }
  }

  @Override
  Reading read(Capture capture) {
    assertThat(capture.packets()).as("with an 802.1Q tag").allMatch(each -> each.isTagged);
    var reading = new Reading(LabAddresses.V4.guestOld(), LabAddresses.V6.guestOld());
    for (LabAddresses family : FAMILIES) {
      SeenConnection connection = capture.tcp(family.client(), family.guestOld());
      List<SeenPacket> requests =
          connection.packetsFrom(family.client()).stream()
              .filter(each -> each.text().startsWith("GET ") || each.text().startsWith("POST "))
              .toList();
      assertThat(requests).hasSize(REQUESTS);
      assertThat(requests.getLast().text()).startsWith("POST /form ");
      assertThat(connection.bytesThere()).isGreaterThan(FORM_BYTES);
      for (int i = 1; i < REQUESTS - 1; i++) {
        assertThat(requests.get(i).epochNanos - requests.get(i - 1).epochNanos)
            .as("time to think")
            .isGreaterThan(250_000_000);
      }
      SeenPacket fourth = requests.get(3);
      SeenPacket quiet =
          connection.packets().stream()
              .filter(each -> each.number < fourth.number)
              .reduce((one, next) -> next)
              .orElseThrow();
      String which = family.client().isV4() ? "IPv4" : "IPv6";
      reading
          .moment(fourth, "a request of the " + which + " connection that waits for its answer")
          .moment(quiet, "the " + which + " connection is idle, between two requests")
          .comment(fourth, "the fourth request on this connection");
    }
    return reading;
  }

  @Override
  String how() {
    return """
    curl, over IPv4 and then IPv6: seven pages of 1.5 to 10.5 kB, every other one in chunks, and a form of 6,000 bytes, all on
    one connection with 0.4 s from request to request; the JDK's HTTP server in the guest. The connection is idle in between.
    Recorded behind a mirror port of the guest's switch that tags what it copies with VLAN 42: the probe hears both directions
    as they come to it. The tags are put on by the test, since not every kernel has VLANs; all else is the kernels' own.
    In Wireshark: 802.1Q with ID 42 on every frame, ARP and neighbour discovery too; one SYN and eight requests a family.
    """;
  }
}
