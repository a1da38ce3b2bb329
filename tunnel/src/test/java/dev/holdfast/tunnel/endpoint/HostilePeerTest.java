package dev.holdfast.tunnel.endpoint;

import static dev.holdfast.tunnel.endpoint.Recorder.next;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.tunnel.endpoint.ControlMessage.Fault;
import dev.holdfast.tunnel.endpoint.ControlMessage.Held;
import dev.holdfast.tunnel.endpoint.ControlMessage.Hello;
import dev.holdfast.tunnel.endpoint.ControlMessage.Ping;
import dev.holdfast.tunnel.identity.HostIdentity;
import dev.holdfast.tunnel.link.FrameType;
import dev.holdfast.tunnel.observe.DropReason;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What comes in is not trusted: not before the handshake, and not after it either. */
class HostilePeerTest {
  private final Hosts hosts = new Hosts();
  private final HostIdentity a = Hosts.identity("host-a");
  private final HostIdentity b = Hosts.identity("host-b");
  private final Recorder atB = new Recorder();
  private InetSocketAddress address = Hosts.loopback(0);

  @BeforeEach
  void listen() throws Exception {
    listen(Hosts.PATIENT);
  }

  private void listen(EndpointOptions options) throws Exception {
    // A's own address is unknown here, so that what comes from 127.0.0.1 is nobody's.
    RemoteHost remote =
        new RemoteHost(
            "host-a", new InetSocketAddress("192.0.2.1", 1), a.fingerprint().hex(), List.of());
    address = hosts.endpoint(b, atB, options, remote).listen(Hosts.loopback(0));
  }

  @AfterEach
  void stop() throws Exception {
    hosts.close();
  }

  private static ByteBuf encoded(ControlMessage message) {
    ByteBuf out = Unpooled.buffer();
    ControlCodec.encode(message, out);
    return out;
  }

  private Hosts.Outsider proven() throws Exception {
    Hosts.Outsider outsider = hosts.new Outsider(a, b, address);
    assertThat(next(outsider.proven)).isEqualTo("true");
    return outsider;
  }

  private Hosts.Outsider greeted() throws Exception {
    Hosts.Outsider outsider = proven();
    outsider.send(FrameType.CONTROL, encoded(new Hello(1, 1, "host-a", "test", List.of())));
    ControlChannel unused = next(atB.up);
    return outsider;
  }

  @Test
  void plainTextIsTurnedAway() throws Exception {
    try (Socket socket = new Socket(address.getAddress(), address.getPort())) {
      socket
          .getOutputStream()
          .write("GET / HTTP/1.1\r\nHost: b\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
      assertThat(next(atB.turnedAway)).endsWith("does not speak TLS");
      assertClosed(socket);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "SSH-2.0-OpenSSH_9.6\r\n",
        "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n<html>no</html>",
        "\u0000\u0001\u0002\u0003garbage, and more of it, and more, and more of it than that"
      })
  void aDialledPortThatDoesNotSpeakTlsIsSaidSo(String banner) throws Exception {
    try (ServerSocket server = new ServerSocket(0, 1, address.getAddress())) {
      Thread speaker =
          Thread.ofVirtual()
              .start(() -> {
                try (Socket socket = server.accept()) {
                  socket.getOutputStream().write(banner.getBytes(StandardCharsets.US_ASCII));
                  int unused = socket.getInputStream().read();
                  socket.getInputStream().transferTo(OutputStream.nullOutputStream());
                } catch (IOException e) {
                  throw new UncheckedIOException(e);
                }
              });
      InetSocketAddress where = Hosts.loopback(server.getLocalPort());
      TunnelEndpoint endpoint =
          hosts.endpoint(a, new Recorder(), Hosts.PATIENT, Hosts.remote(b, where));
      assertThatThrownBy(() -> endpoint.control("host-b").get(30, TimeUnit.SECONDS))
          .hasMessageEndingWith("127.0.0.1:" + where.getPort() + " does not speak TLS");
      speaker.join();
    }
  }

  @Test
  void whoeverDialsAndHearsNothingIsToldWhere() throws Exception {
    try (ServerSocket silent = new ServerSocket(0, 1, address.getAddress())) {
      InetSocketAddress where = Hosts.loopback(silent.getLocalPort());
      TunnelEndpoint endpoint =
          hosts.endpoint(a, new Recorder(), Hosts.HASTY, Hosts.remote(b, where));
      assertThatThrownBy(() -> endpoint.control("host-b").get(30, TimeUnit.SECONDS))
          .hasMessageContaining("127.0.0.1:" + where.getPort())
          .hasMessageContaining("did not complete the TLS handshake");
    }
  }

  @Test
  void whoeverIsSlowIsTurnedAwayBeforeAndAfterTheHandshake() throws Exception {
    listen(Hosts.HASTY);
    try (Socket socket = new Socket(address.getAddress(), address.getPort())) {
      socket.getOutputStream().write(0x16); // a handshake record begins so
      assertThat(next(atB.turnedAway)).endsWith("did not complete the TLS handshake in time");
      assertClosed(socket);
    }
    Hosts.Outsider mute = proven();
    assertThat(next(atB.turnedAway)).endsWith("did not say what it wants");
    assertThat(next(mute.closed)).isNotEmpty();
  }

  @Test
  void connectionsThatHaveProvenNothingAreLimited() throws Exception {
    listen(Hosts.options(Duration.ofSeconds(20), Duration.ofSeconds(2), 3));
    List<Socket> sockets = new ArrayList<>();
    try {
      for (int i = 0; i < 4; i++) {
        sockets.add(new Socket(address.getAddress(), address.getPort()));
      }
      assertThat(next(atB.turnedAway)).contains("too many connections");
      assertClosed(sockets.get(3));
      sockets.removeFirst().close();
      assertThat(next(atB.turnedAway)).isNotEmpty();
      Hosts.Outsider now = greeted();
      assertThat(now.closed).isEmpty();
    } finally {
      for (Socket socket : sockets) {
        socket.close();
      }
    }
  }

  @Test
  void theFirstFrameMustSayWhatTheConnectionIsFor() throws Exception {
    Hosts.Outsider outsider = proven();
    outsider.send(FrameType.PACKET, Unpooled.buffer().writeZero(100));
    assertThat(next(atB.dropped)).isEqualTo(DropReason.FRAME_UNKNOWN);
    assertThat(next(outsider.closed)).isNotEmpty();
    Hosts.Outsider impolite = proven();
    impolite.send(FrameType.CONTROL, encoded(new Held(new UUID(1, 2), 3)));
    assertThat(next(impolite.closed)).isNotEmpty();
    assertThat(atB.up).isEmpty();
    assertThat(atB.said).isEmpty();
  }

  @Test
  void aLyingLengthEndsTheConnectionAndIsCounted() throws Exception {
    Hosts.Outsider outsider = greeted();
    outsider.sendRaw(Unpooled.buffer().writeInt(Integer.MAX_VALUE).writeByte(1));
    assertThat(next(atB.dropped)).isEqualTo(DropReason.FRAME_TOO_LONG);
    assertThat(next(atB.down).reason()).contains("a frame whose length is over the limit");
    assertThat(next(outsider.closed)).isNotEmpty();
  }

  @Test
  void aFrameThatHasNoPlaceEndsTheConnection() throws Exception {
    Hosts.Outsider control = greeted();
    control.send(FrameType.PACKET, Unpooled.buffer().writeZero(100));
    assertThat(next(atB.dropped)).isEqualTo(DropReason.FRAME_UNKNOWN);
    assertThat(next(atB.down).reason()).contains("PACKET on a control connection");

    Hosts.Outsider data = proven();
    data.send(FrameType.BIND, Unpooled.buffer().writeZero(40));
    assertThat(next(data.seen).type()).isEqualTo(FrameType.BOUND);
    data.send(FrameType.CONTROL, encoded(new Ping(1, 1)));
    assertThat(next(atB.dropped)).isEqualTo(DropReason.FRAME_UNKNOWN);
    assertThat(next(atB.frames.events)).isEqualTo("up");
    assertThat(next(atB.frames.events)).contains("down: ", "CONTROL on a data connection");
  }

  @Test
  void anUnreadableMessageEndsTheChannelWithASentence() throws Exception {
    Hosts.Outsider outsider = greeted();
    outsider.send(FrameType.CONTROL, Unpooled.buffer().writeShort(7).writeInt(99).writeByte(0));
    assertThat(next(atB.down).reason())
        .isEqualTo(
            "host-a sent a control message that cannot be read: message kind 7 says that it has 99"
                + " bytes, it has 1");
  }

  @Test
  void aMessageOfALaterVersionIsPassedOver() throws Exception {
    Hosts.Outsider outsider = greeted();
    outsider.send(FrameType.CONTROL, Unpooled.buffer().writeShort(999).writeInt(1).writeByte(0));
    outsider.send(FrameType.CONTROL, encoded(new Held(new UUID(1, 2), 3)));
    assertThat(next(atB.said).message()).isEqualTo(new Held(new UUID(1, 2), 3));
  }

  @ParameterizedTest
  @CsvSource({"2, 5, versions 2 to 5", "0, 0, version 0"})
  void anotherProtocolVersionIsRefusedWithASentenceOnBothSides(int min, int max, String said)
      throws Exception {
    Hosts.Outsider outsider = proven();
    outsider.send(
        FrameType.CONTROL, encoded(new Hello(min, max, "host-a", "holdfast 9", List.of())));
    String sentence =
        "host-a (holdfast 9) speaks control protocol "
            + said
            + ", this host version 1: upgrade the older of the two";
    assertThat(next(atB.turnedAway)).isEqualTo(sentence);
    assertThat(ControlCodec.decode(Unpooled.wrappedBuffer(next(outsider.seen).payload())))
        .isInstanceOf(Hello.class);
    assertThat(ControlCodec.decode(Unpooled.wrappedBuffer(next(outsider.seen).payload())))
        .isEqualTo(new Fault("version", sentence, null));
    assertThat(atB.up).isEmpty();
  }

  @Test
  void ofManyControlChannelsTheNewestStay() throws Exception {
    List<Hosts.Outsider> outsiders = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      outsiders.add(greeted());
    }
    for (Hosts.Outsider old : outsiders.subList(0, 2)) {
      assertThat(next(atB.down).reason())
          .isEqualTo("newer control channels with host-a took its place");
      assertThat(next(old.closed)).isNotEmpty();
    }
    for (Hosts.Outsider left : outsiders.subList(2, 6)) {
      left.send(FrameType.CONTROL, encoded(new Held(new UUID(1, 2), 3)));
      assertThat(next(atB.said).message()).isEqualTo(new Held(new UUID(1, 2), 3));
      assertThat(left.closed).isEmpty();
    }
  }

  /** A message that never ends is silence, however many bytes of it come. */
  @Test
  void anEndlessMessageIsCutOff() throws Exception {
    listen(Hosts.LIVELY);
    Hosts.Outsider outsider = greeted();
    outsider.sendRaw(Unpooled.buffer().writeInt(4 << 20).writeByte(FrameType.CONTROL.code()));
    int sent = 0;
    while (outsider.closed.isEmpty() && sent++ < 2_000) {
      outsider.sendRaw(Unpooled.buffer().writeZero(16));
      Thread.sleep(5);
    }
    assertThat(next(atB.down).reason()).isEqualTo("nothing was heard of host-a for 200 ms");
    assertThat(next(outsider.closed)).isNotEmpty();
  }

  @Test
  void aChannelOnWhichNothingIsHeardIsDead() throws Exception {
    listen(Hosts.LIVELY);
    Hosts.Outsider outsider = greeted(); // says hello and then answers no ping
    assertThat(next(atB.down).reason()).isEqualTo("nothing was heard of host-a for 200 ms");
    assertThat(next(outsider.closed)).isNotEmpty();
  }

  /** Random bytes inside a proven connection: it ends, and the endpoint goes on. */
  @Test
  void garbageOfAProvenHostHurtsNobodyElse() throws Exception {
    Random random = new Random(42);
    for (int round = 0; round < 30; round++) {
      Hosts.Outsider outsider = proven();
      byte[] bytes = new byte[5 + random.nextInt(5_000)];
      random.nextBytes(bytes);
      if (random.nextBoolean()) {
        Unpooled.wrappedBuffer(bytes).setInt(0, bytes.length - 4).setByte(4, random.nextInt(10));
      }
      outsider.sendRaw(Unpooled.wrappedBuffer(bytes));
      outsider.channel.close().sync();
    }
    Hosts.Outsider honest = greeted();
    honest.send(FrameType.CONTROL, encoded(new Held(new UUID(1, 2), 3)));
    assertThat(next(atB.said).message()).isEqualTo(new Held(new UUID(1, 2), 3));
  }

  private static void assertClosed(Socket socket) throws Exception {
    socket.setSoTimeout(20_000);
    try (InputStream in = socket.getInputStream()) {
      while (in.read() >= 0) {
        // an alert may come first
      }
    } catch (SocketException reset) {
      assertThat(reset).hasMessageContaining("reset");
    }
  }
}
