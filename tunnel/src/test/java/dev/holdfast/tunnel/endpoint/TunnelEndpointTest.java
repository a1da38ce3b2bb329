package dev.holdfast.tunnel.endpoint;

import static dev.holdfast.tunnel.endpoint.Recorder.next;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.tunnel.endpoint.ControlMessage.Fault;
import dev.holdfast.tunnel.endpoint.ControlMessage.FlowEntry;
import dev.holdfast.tunnel.endpoint.ControlMessage.FlowSnapshot;
import dev.holdfast.tunnel.endpoint.ControlMessage.Held;
import dev.holdfast.tunnel.identity.HostIdentity;
import dev.holdfast.tunnel.link.FrameType;
import dev.holdfast.tunnel.link.Link.Sent;
import dev.holdfast.tunnel.link.TlsLink;
import dev.holdfast.tunnel.packet.IpAddress;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.util.Collections;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Two daemons' endpoints on one loop: A dials B on 127.0.0.1. */
class TunnelEndpointTest {
  private static final UUID MIGRATION = UUID.fromString("00112233-4455-6677-8899-aabbccddeeff");
  private static final byte[] TOKEN = new byte[16];

  private final Hosts hosts = new Hosts();
  private final HostIdentity a = Hosts.identity("host-a");
  private final HostIdentity b = Hosts.identity("host-b");
  private final HostIdentity stranger = Hosts.identity("stranger");
  private final Recorder atA = new Recorder();
  private final Recorder atB = new Recorder();
  private InetSocketAddress address = Hosts.loopback(0);

  @BeforeEach
  void listen() throws Exception {
    TunnelEndpoint endpointB =
        hosts.endpoint(b, atB, Hosts.PATIENT, Hosts.remote(a, Hosts.nowhere()));
    address = endpointB.listen(Hosts.loopback(0));
  }

  @AfterEach
  void stop() throws Exception {
    hosts.close();
  }

  private TunnelEndpoint endpointA() {
    return hosts.endpoint(a, atA, Hosts.PATIENT, Hosts.remote(b, address));
  }

  private static <T> T get(CompletableFuture<T> future) throws Exception {
    return future.get(30, TimeUnit.SECONDS);
  }

  private static void assertFails(CompletableFuture<?> future, String sentence) {
    assertThatThrownBy(() -> get(future))
        .isInstanceOf(ExecutionException.class)
        .cause()
        .isInstanceOf(TunnelException.class)
        .hasMessageContaining(sentence);
  }

  private static ByteBuf packet(int length) {
    return Unpooled.buffer(length).writeZero(length);
  }

  /** A link is the loop's: so the test asks the loop to use it. */
  private <T> T onLoop(java.util.concurrent.Callable<T> task) throws Exception {
    return hosts.loop.submit(task).get(30, TimeUnit.SECONDS);
  }

  @Test
  void messagesPassInOrderBothWays() throws Exception {
    ControlChannel channel = get(endpointA().control("host-b"));
    assertThat(next(atA.up)).isSameAs(channel);
    ControlChannel other = next(atB.up);
    assertThat(channel.remoteName()).isEqualTo("host-b");
    assertThat(other.remoteName()).isEqualTo("host-a");
    assertThat(channel.remoteSoftware()).isEqualTo("holdfast test");
    assertThat(channel.remoteCapabilities()).containsExactly("a", "b");

    for (int i = 0; i < 100; i++) {
      channel.send(new Held(MIGRATION, i));
      other.send(new Held(MIGRATION, -i));
    }
    for (int i = 0; i < 100; i++) {
      assertThat(next(atB.said)).isEqualTo(new Recorder.Said(other, new Held(MIGRATION, i)));
      assertThat(next(atA.said)).isEqualTo(new Recorder.Said(channel, new Held(MIGRATION, -i)));
    }
  }

  @Test
  void aMessageOfMegabytesPasses() throws Exception {
    ControlChannel channel = get(endpointA().control("host-b"));
    FlowEntry flow = new FlowEntry(6, IpAddress.parse("fd00::1"), 1, IpAddress.parse("fd00::2"), 2);
    var snapshot =
        new FlowSnapshot(MIGRATION, 1, Collections.nCopies(ControlCodec.MAX_FLOWS, flow));
    channel.send(snapshot);
    assertThat(next(atB.said).message()).isEqualTo(snapshot);
  }

  @Test
  void keepalivesMeasureThePath() throws Exception {
    TunnelEndpoint endpoint = hosts.endpoint(a, atA, Hosts.LIVELY, Hosts.remote(b, address));
    ControlChannel channel = get(endpoint.control("host-b"));
    while (Double.isNaN(channel.rttMillis())) {
      TimeUnit.MILLISECONDS.sleep(5);
    }
    assertThat(channel.rttMillis()).isPositive();
    // Both ends have the same clock: what is measured is at most half the round trip.
    assertThat(Math.abs(channel.clockOffsetNanos()) / 1e6).isLessThanOrEqualTo(channel.rttMillis());
  }

  @Test
  void aLiveChannelIsUsedAgainAndTwoCallsDialOnce() throws Exception {
    TunnelEndpoint endpoint = endpointA();
    var first = endpoint.control("host-b");
    var second = endpoint.control("host-b");
    assertThat(get(second)).isSameAs(get(first));
    assertThat(get(endpoint.control("host-b"))).isSameAs(get(first));
    assertThat(atA.up).hasSize(1);
  }

  @Test
  void aClosedChannelIsReplaced() throws Exception {
    TunnelEndpoint endpoint = endpointA();
    ControlChannel first = get(endpoint.control("host-b"));
    first.close("enough");
    assertThat(first.isUp()).isFalse();
    ControlChannel second = get(endpoint.control("host-b"));
    assertThat(second).isNotSameAs(first);
    assertThat(next(atA.down)).isEqualTo(new Recorder.Down(first, "enough"));
    assertThat(next(atB.down).reason()).isEqualTo("the other host closed the connection");
  }

  @Test
  void packetsPassBothWaysOnABoundLink() throws Exception {
    Recorder.Ends ends = new Recorder.Ends();
    TlsLink link = get(endpointA().openLink("host-b", MIGRATION, 7, TOKEN, 0, ends));
    assertThat(next(atB.binds)).isEqualTo("host-a " + MIGRATION + " 7 16 0");
    assertThat(next(ends.events)).isEqualTo("up");
    assertThat(next(atB.frames.events)).isEqualTo("up");
    TlsLink other = next(atB.links);

    ByteBuf stage = Unpooled.buffer().writeLong(5).writeZero(10).writeZero(1000);
    assertThat(
            onLoop(() -> {
              Sent sent = link.send(FrameType.STAGE, stage);
              link.flush();
              return sent;
            }))
        .isEqualTo(Sent.OK);
    assertThat(
            onLoop(() -> {
              Sent sent = other.send(FrameType.PACKET, packet(65_545));
              other.flush();
              return sent;
            }))
        .isEqualTo(Sent.OK);
    assertThat(next(atB.frames.seen).payload()).hasSize(1018);
    assertThat(next(ends.seen).payload()).hasSize(65_545);

    onLoop(() -> {
      link.close();
      return 0;
    });
    assertThat(next(atB.frames.events)).isEqualTo("down: the other host closed the connection");
    assertThat(onLoop(() -> link.send(FrameType.PACKET, packet(100)))).isEqualTo(Sent.DOWN);
  }

  @Test
  void aLinkSaysWhichOfTheDataConnectionsItIs() throws Exception {
    TunnelEndpoint endpoint = endpointA();
    for (int lane : new int[] {0, 1, 255}) {
      TlsLink link =
          get(endpoint.openLink("host-b", MIGRATION, 7, TOKEN, lane, new Recorder.Ends()));
      assertThat(next(atB.binds)).isEqualTo("host-a " + MIGRATION + " 7 16 " + lane);
      String ends = onLoop(link::ends);
      assertThat(ends).startsWith("127.0.0.1:").endsWith(" - 127.0.0.1:" + address.getPort());
    }
  }

  @Test
  void aRefusedLinkHasTheOtherHostsSentence() throws Exception {
    atB.refusal = "no migration has this token";
    assertFails(
        endpointA().openLink("host-b", MIGRATION, 7, TOKEN, 0, new Recorder.Ends()),
        "host-b refuses the data connection: no migration has this token");
    assertThat(next(atB.turnedAway)).contains("refused a data connection of host-a");
  }

  @Test
  void aFullQueueRefusesPacketsBeforeTheRestAndTellsWhenThereIsRoom() throws Exception {
    Recorder.Ends ends = new Recorder.Ends();
    TlsLink link = get(endpointA().openLink("host-b", MIGRATION, 7, TOKEN, 0, ends));
    assertThat(next(ends.events)).isEqualTo("up");
    long limit = TlsLink.Limits.DEFAULT.packetBytes();
    long queued =
        onLoop(() -> {
          // The far end shares this loop: what the kernel takes ends soon, nobody reads it.
          do {
            while (link.send(FrameType.PACKET, packet(60_000)) == Sent.OK) {
              // up to the limit
            }
            link.flush();
          } while (link.send(FrameType.PACKET, packet(60_000)) == Sent.OK);
          assertThat(link.send(FrameType.PACKET, packet(60_000))).isEqualTo(Sent.FULL);
          assertThat(link.send(FrameType.MARKER, packet(8))).isEqualTo(Sent.OK);
          link.flush();
          return link.queuedBytes();
        });
    // What waits is encrypted, and so a little more than was sent.
    assertThat(queued).isBetween(limit / 2, limit + limit / 20);
    assertThat(next(ends.events)).isEqualTo("writable");
    assertThat(onLoop(() -> link.send(FrameType.PACKET, packet(100)))).isEqualTo(Sent.OK);
    Recorder.Frame last;
    do {
      last = next(atB.frames.seen);
    } while (last.type() != FrameType.MARKER);
  }

  @Test
  void aDaemonThatDoesNotRunIsSaidSo() throws Exception {
    InetSocketAddress nowhere = Hosts.nowhere();
    TunnelEndpoint endpoint = hosts.endpoint(a, atA, Hosts.PATIENT, Hosts.remote(b, nowhere));
    assertFails(
        endpoint.control("host-b"),
        "host-b at 127.0.0.1:"
            + nowhere.getPort()
            + " refused the connection: is the daemon running there?");
  }

  /** Linux has all of 127.0.0.0/8: a host that moves within it changes its address. */
  private static InetSocketAddress at(String address, int port) throws IOException {
    return new InetSocketAddress(InetAddress.getByName(address), port);
  }

  @Test
  void aNameIsLookedUpForEachConnectionAnew() throws Exception {
    AtomicReference<String> where = new AtomicReference<>("127.0.0.2");
    TunnelEndpoint first = hosts.endpoint(b, atB, Hosts.PATIENT, Hosts.remote(a, null));
    int port = first.listen(at("127.0.0.2", 0)).getPort();
    TunnelEndpoint endpoint =
        hosts.endpoint(
            a,
            atA,
            Hosts.resolving(name -> {
              assertThat(name).isEqualTo("b.example");
              String now = String.valueOf(where.get());
              if (now.isEmpty()) {
                throw new UnknownHostException("b.example: nobody knows it");
              }
              return List.of(InetAddress.getByName(now));
            }),
            Hosts.remote(b, InetSocketAddress.createUnresolved("b.example", port)));
    ControlChannel channel = get(endpoint.control("host-b"));
    assertThat(channel.remoteAddress()).isEqualTo(at("127.0.0.2", port));

    first.close();
    Recorder.Down down = next(atA.down);
    assertThat(down.channel()).isSameAs(channel);
    Recorder atNext = new Recorder();
    TunnelEndpoint second = hosts.endpoint(b, atNext, Hosts.PATIENT, Hosts.remote(a, null));
    var unused = second.listen(at("127.0.0.3", port));
    where.set("");
    assertFails(
        endpoint.control("host-b"),
        "the endpoint of host-b, b.example, has no address now: b.example: nobody knows it");
    where.set("127.0.0.3");
    assertThat(get(endpoint.control("host-b")).remoteAddress()).isEqualTo(at("127.0.0.3", port));
  }

  @Test
  void whoHasProvenItselfFromElsewhereIsLookedForThere() throws Exception {
    // B is configured where nobody is; it connects to A from the address that it has now.
    TunnelEndpoint endpoint =
        hosts.endpoint(a, atA, Hosts.PATIENT, Hosts.remote(b, at("127.0.0.9", address.getPort())));
    InetSocketAddress here = endpoint.listen(Hosts.loopback(0));
    TunnelEndpoint there = hosts.endpoint(b, new Recorder(), Hosts.PATIENT, Hosts.remote(a, here));
    assertFails(endpoint.control("host-b"), "host-b at 127.0.0.9:" + address.getPort());
    var dialled = get(there.control("host-a"));
    ControlChannel inbound = next(atA.up);
    assertThat(get(endpoint.control("host-b"))).as("the one that came").isSameAs(inbound);

    dialled.close("for the test");
    assertThat(next(atA.down).channel()).isSameAs(inbound);
    ControlChannel found = get(endpoint.control("host-b"));
    assertThat(found.remoteAddress()).isEqualTo(address);
    assertThat(found.remoteName()).isEqualTo("host-b");
  }

  @Test
  void whoHasNoEndpointIsWaitedFor() throws Exception {
    TunnelEndpoint endpoint = hosts.endpoint(a, atA, Hosts.PATIENT, Hosts.remote(b, null));
    InetSocketAddress here = endpoint.listen(Hosts.loopback(0));
    assertFails(endpoint.control("host-b"), "host-b has no endpoint in the config");
    TunnelEndpoint there = hosts.endpoint(b, new Recorder(), Hosts.PATIENT, Hosts.remote(a, here));
    ControlChannel dialled = get(there.control("host-a"));
    ControlChannel inbound = next(atA.up);
    assertThat(get(endpoint.control("host-b"))).isSameAs(inbound);
    inbound.send(new Held(MIGRATION, 5));
    assertThat(dialled.isUp()).isTrue();
  }

  @Test
  void aNameThatIsNotConfiguredIsSaidSo() {
    assertFails(endpointA().control("host-x"), "no remote host in the config has the name host-x");
  }

  @Test
  void theWrongCertificateAtTheFarEndIsSaidWithBothFingerprints() throws Exception {
    TunnelEndpoint endpoint =
        hosts.endpoint(
            a,
            atA,
            Hosts.PATIENT,
            new RemoteHost("host-b", address, stranger.fingerprint().hex(), List.of()));
    assertFails(
        endpoint.control("host-b"),
        "127.0.0.1:"
            + address.getPort()
            + " presented "
            + b.fingerprint()
            + ", config has "
            + stranger.fingerprint()
            + " for host-b");
    assertThat(atA.up).isEmpty();
    assertThat(atB.up).isEmpty();
  }

  @Test
  void aHostThatIsNotKnownThereIsToldItsFingerprint() throws Exception {
    TunnelEndpoint endpoint =
        hosts.endpoint(stranger, atA, Hosts.PATIENT, Hosts.remote(b, address));
    assertFails(endpoint.control("host-b"), "its config needs " + stranger.fingerprint());
    assertThat(next(atB.turnedAway))
        .contains("presented " + stranger.fingerprint() + ", which no remote in the config has");
    assertThat(atB.up).isEmpty();
  }

  @Test
  void aPortThatIsTakenIsSaidSo() {
    TunnelEndpoint endpoint = endpointA();
    assertThatThrownBy(() -> endpoint.listen(address))
        .isInstanceOf(IOException.class)
        .hasMessage("cannot listen on 127.0.0.1:" + address.getPort() + ": Address already in use");
  }

  @Test
  void twoRemotesWithOneFingerprintAreRefused() {
    assertThatThrownBy(() ->
            hosts.endpoint(
                a,
                atA,
                Hosts.PATIENT,
                Hosts.remote(b, address),
                new RemoteHost("host-c", address, b.fingerprint().hex(), List.of())))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("host-b and host-c have the same fingerprint");
  }

  @Test
  void closingAnEndpointEndsWhatItHadAndFailsWhatComes() throws Exception {
    TunnelEndpoint endpoint = endpointA();
    ControlChannel channel = get(endpoint.control("host-b"));
    channel.send(new Fault("bye", "last words", null));
    endpoint.close();
    assertThat(next(atB.said).message()).isEqualTo(new Fault("bye", "last words", null));
    assertThat(next(atB.down).reason()).isEqualTo("the other host closed the connection");
    assertThat(next(atA.down).reason()).isEqualTo("this daemon is stopping");
    assertFails(endpoint.control("host-b"), "this daemon is stopping");
  }

  @Test
  void aLinkOfAnEndpointThatStopsIsDownOnBothSides() throws Exception {
    TunnelEndpoint endpoint = endpointA();
    Recorder.Ends ends = new Recorder.Ends();
    TlsLink link = get(endpoint.openLink("host-b", MIGRATION, 7, TOKEN, 0, ends));
    assertThat(next(ends.events)).isEqualTo("up");
    assertThat(next(atB.frames.events)).isEqualTo("up");
    endpoint.close();
    assertThat(next(ends.events)).isEqualTo("down: this daemon is stopping");
    assertThat(next(atB.frames.events)).isEqualTo("down: the other host closed the connection");
    assertThat(onLoop(link::isUp)).isFalse();
  }

  @Test
  void aLinkThatNobodyWaitsForIsClosed() throws Exception {
    TunnelEndpoint endpoint = endpointA();
    CompletableFuture<TlsLink> unwanted =
        onLoop(() -> { // the loop cannot answer before the future is cancelled
          var dialled = endpoint.openLink("host-b", MIGRATION, 7, TOKEN, 0, new Recorder.Ends());
          dialled.cancel(false);
          return dialled;
        });
    assertThat(unwanted).isCancelled();
    assertThat(next(atB.turnedAway)).isNotEmpty();
    assertThat(atB.links).isEmpty();
  }

  @Test
  void bothMayDialEachOtherAtOnce() throws Exception {
    Recorder atC = new Recorder();
    HostIdentity c = Hosts.identity("host-c");
    TunnelEndpoint endpointC =
        hosts.endpoint(c, atC, Hosts.PATIENT, Hosts.remote(a, Hosts.nowhere()));
    TunnelEndpoint endpointA =
        hosts.endpoint(a, atA, Hosts.PATIENT, Hosts.remote(c, endpointC.listen(Hosts.loopback(0))));
    InetSocketAddress ofA = endpointA.listen(Hosts.loopback(0));
    Recorder atC2 = new Recorder();
    TunnelEndpoint dialingC = hosts.endpoint(c, atC2, Hosts.PATIENT, Hosts.remote(a, ofA));
    var there = endpointA.control("host-c");
    var back = dialingC.control("host-a");
    get(there).send(new Held(MIGRATION, 1));
    get(back).send(new Held(MIGRATION, 2));
    assertThat(next(atC.said).message()).isEqualTo(new Held(MIGRATION, 1));
    assertThat(next(atA.said).message()).isEqualTo(new Held(MIGRATION, 2));
    assertThat(atA.up).hasSize(2);
  }
}
