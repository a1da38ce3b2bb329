package dev.holdfast.golden;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.redirector.demo.lab.Tool;
import dev.holdfast.tunnel.packet.IpAddress;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.List;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

/** TLS 1.3 over IPv6: a full handshake, and one that resumes what the first has agreed on. */
final class TlsCase extends GoldenCase {
  private static final IpAddress CLIENT = LabAddresses.V6.client();
  private static final IpAddress GUEST = LabAddresses.V6.guestOld();
  private static final int PORT = 443;
  private static final int ROUNDS = 4;
  private static final int QUESTION = 300;
  private static final int ANSWER = 9_000;
  private static final char[] PASSWORD = "golden".toCharArray();

  private static final int HANDSHAKE = 22;
  private static final int APPLICATION_DATA = 23;

  TlsCase() {
    super("tls");
  }

  @Override
  Form form() {
    return Form.PCAPNG_GZ;
  }

  @Override
  List<Recording> make(GoldenLab lab) throws Exception {
    SSLContext context = context(lab.folder());
    var at = new InetSocketAddress(GUEST.toInetAddress(), PORT);
    SSLServerSocket listener =
        lab.guest()
            .call(() -> {
              var socket = (SSLServerSocket) context.getServerSocketFactory().createServerSocket();
              socket.bind(at);
              return socket;
            });
    Recording recording = lab.record(lab.guest(), "eth0");
    try (listener) {
      for (int i = 0; i < 2; i++) {
        Socket plain =
            lab.client()
                .call(() -> {
                  var socket = new Socket();
                  socket.connect(at);
                  return socket;
                });
        plain.setTcpNoDelay(true);
        AtOnce.run(
            () -> serve((SSLSocket) listener.accept()),
            () ->
                ask(
                    (SSLSocket)
                        context
                            .getSocketFactory()
                            .createSocket(plain, "guest.golden.test", PORT, true)));
      }
    }
    return List.of(recording);
  }

  private static void serve(SSLSocket socket) throws IOException {
    try (socket) {
      socket.setTcpNoDelay(true);
      InputStream in = socket.getInputStream();
      for (int i = 0; i < ROUNDS; i++) {
        expect(in, "question", i, QUESTION);
        socket.getOutputStream().write(Pattern.of("answer", (long) i * ANSWER, ANSWER));
      }
      expectEnd(in);
    }
  }

  private static void ask(SSLSocket socket) throws IOException, InterruptedException {
    try (socket) {
      socket.setEnabledProtocols(new String[] {"TLSv1.3"});
      for (int i = 0; i < ROUNDS; i++) {
        socket.getOutputStream().write(Pattern.of("question", (long) i * QUESTION, QUESTION));
        expect(socket.getInputStream(), "answer", i, ANSWER);
        Thread.sleep(80);
      }
      socket.shutdownOutput();
      expectEnd(socket.getInputStream());
    }
  }

  private static void expect(InputStream in, String whose, int number, int length)
      throws IOException {
    byte[] got = in.readNBytes(length);
    assertThat(got).isEqualTo(Pattern.of(whose, (long) number * length, length));
  }

  private static void expectEnd(InputStream in) throws IOException {
    assertThat(in.read()).as("the end, by close_notify").isNegative();
  }

  /** A key and a certificate of its own that both ends know, made by the JDK's keytool. */
  private static SSLContext context(Path folder) throws Exception {
    Path file = folder.resolve("golden.p12");
    Tool.run(
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
            "-genkeypair",
            "-keystore",
            file.toString(),
            "-storetype",
            "PKCS12",
            "-storepass",
            new String(PASSWORD),
            "-keyalg",
            "EC",
            "-groupname",
            "secp256r1",
            "-dname",
            "CN=guest.golden.test",
            "-validity",
            "30",
            "-alias",
            "golden"));
    KeyStore keys = KeyStore.getInstance("PKCS12");
    try (InputStream in = Files.newInputStream(file)) {
      keys.load(in, PASSWORD);
    }
    KeyManagerFactory own = KeyManagerFactory.getInstance("PKIX");
    own.init(keys, PASSWORD);
    KeyStore known = KeyStore.getInstance("PKCS12");
    known.load(null, PASSWORD);
    known.setCertificateEntry("golden", keys.getCertificate("golden"));
    TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
    trust.init(known);
    SSLContext context = SSLContext.getInstance("TLSv1.3");
    context.init(own.getKeyManagers(), trust.getTrustManagers(), null);
    return context;
  }

  @Override
  Reading read(Capture capture) {
    List<SeenConnection> both = capture.tcp();
    assertThat(both).hasSize(2);
    SeenConnection full = both.getFirst();
    SeenConnection resumed = both.getLast();
    for (SeenConnection each : both) {
      assertThat(each.from()).isEqualTo(CLIENT);
      assertThat(each.ends()).isEqualTo("FIN");
      byte[] hello = stream(each, CLIENT);
      assertThat(hello[0]).as("a handshake record").isEqualTo((byte) HANDSHAKE);
      assertThat(hello[5]).as("ClientHello").isEqualTo((byte) 1);
      byte[] answer = stream(each, GUEST);
      assertThat(answer[0]).isEqualTo((byte) HANDSHAKE);
      assertThat(answer[5]).as("ServerHello").isEqualTo((byte) 2);
      assertThat(text(answer).substring(0, 200))
          .as("supported_versions says TLS 1.3 (RFC 8446 section 4.2.1)")
          .contains("\0\u002b\0\u0002\u0003\u0004");
      assertThat(records(answer, APPLICATION_DATA)).isGreaterThan(ROUNDS);
      assertThat(each.bytesBack()).isGreaterThan(ROUNDS * (long) ANSWER);
    }
    assertThat(flight(resumed)).as("no certificate where it resumes").isLessThan(flight(full));
    SeenPacket hello = capture.first(each -> each.source.equals(CLIENT) && each.hasBytes());
    SeenPacket data = full.whenSent(GUEST, 2L * ANSWER);
    SeenPacket again =
        resumed.packetsFrom(CLIENT).stream().filter(SeenPacket::hasBytes).findFirst().orElseThrow();
    return new Reading(GUEST)
        .moment(data, "within an answer; a byte that is lost or wrong here ends it with an alert")
        .moment(hello, "the ClientHello has come, and nothing has been answered yet")
        .moment(again, "the same, of the handshake that resumes")
        .comment(hello, "full handshake")
        .comment(again, "this one resumes the session of the first connection");
  }

  /** How much the guest has sent before the client's first encrypted record. */
  private static long flight(SeenConnection connection) {
    long bytes = 0;
    for (SeenPacket each : connection.packets()) {
      if (each.source.equals(GUEST)) {
        bytes += each.payload.length;
      } else if (each.hasBytes() && each.payload[0] == APPLICATION_DATA) {
        return bytes;
      }
    }
    throw new AssertionError("the client has never finished its handshake");
  }

  /** What one side has sent; nothing is lost here, nor out of order. */
  private static byte[] stream(SeenConnection connection, IpAddress sender) {
    assertThat(connection.stream(sender).repeats()).isZero();
    var bytes = new ByteArrayOutputStream();
    connection.packetsFrom(sender).forEach(each -> bytes.writeBytes(each.payload));
    return bytes.toByteArray();
  }

  private static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.ISO_8859_1);
  }

  /** How many records of a type there are; the lengths must go up to the last byte. */
  private static int records(byte[] stream, int type) {
    int count = 0;
    int at = 0;
    while (at < stream.length) {
      count += stream[at] == type ? 1 : 0;
      at += 5 + ((stream[at + 3] & 0xff) << 8 | stream[at + 4] & 0xff);
    }
    assertThat(at).as("records are whole").isEqualTo(stream.length);
    return count;
  }

  @Override
  String how() {
    return """
    Two TLS 1.3 connections over IPv6, one after the other: the JDK's own TLS at both ends, over the kernels' TCP. The first
    has a full handshake with an EC certificate of keytool's, the second resumes it (PSK). On each four questions of 300
    bytes are answered with 9,000, and both sides end with close_notify and FIN. The keys are not kept: it cannot be decrypted.
    In Wireshark: ClientHello, ServerHello with supported_versions 0x0304, then application data alone.
    TLS finds every wrong, lost or doubled byte by itself: the first one would end the connection with an alert.
    """;
  }
}
