package dev.holdfast.tunnel.endpoint;

import static dev.holdfast.tunnel.endpoint.Recorder.next;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.tunnel.endpoint.ControlMessage.Held;
import dev.holdfast.tunnel.identity.HostIdentity;
import dev.holdfast.tunnel.link.FrameType;
import dev.holdfast.tunnel.link.Link;
import dev.holdfast.tunnel.link.TlsLink;
import dev.holdfast.tunnel.time.Clock;
import dev.holdfast.tunnel.time.SystemClock;
import io.netty.buffer.Unpooled;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A certificate that expires while a migration lives: what runs goes on, nothing new begins. */
class ExpiryTest {
  private static final UUID MIGRATION = new UUID(1, 2);

  private final Hosts hosts = new Hosts();
  private final AtomicLong later = new AtomicLong();
  private final Clock clock =
      new Clock() {
        @Override
        public long nanoTime() {
          return SystemClock.INSTANCE.nanoTime();
        }

        @Override
        public long epochNanos() {
          return SystemClock.INSTANCE.epochNanos() + later.get();
        }
      };

  @AfterEach
  void stop() throws Exception {
    hosts.close();
  }

  @Test
  void runningConnectionsGoOnAndNewOnesAreRefusedInASentence() throws Exception {
    HostIdentity a = Hosts.identity("host-a"); // valid for a day
    HostIdentity b = Hosts.identity("host-b");
    Recorder atA = new Recorder();
    Recorder atB = new Recorder();
    InetSocketAddress where =
        hosts
            .endpoint(b, atB, Hosts.PATIENT, clock, Hosts.remote(a, Hosts.nowhere()))
            .listen(Hosts.loopback(0));
    TunnelEndpoint endpoint = hosts.endpoint(a, atA, Hosts.PATIENT, clock, Hosts.remote(b, where));
    ControlChannel channel = endpoint.control("host-b").get(30, TimeUnit.SECONDS);
    TlsLink link = open(endpoint, atA);
    assertThat(endpoint.certificateEnds()).isEqualTo(a.certificate().getNotAfter().toInstant());

    later.set(Duration.ofDays(2).toNanos());

    channel.send(new Held(MIGRATION, 3));
    assertThat(next(atB.said).message()).isEqualTo(new Held(MIGRATION, 3));
    hosts
        .loop
        .submit(() -> {
          Link.Sent sent = link.send(FrameType.PACKET, Unpooled.buffer().writeZero(40));
          link.flush();
          return sent;
        })
        .get();
    assertThat(next(atB.frames.seen).type()).isEqualTo(FrameType.PACKET);
    assertThatThrownBy(() -> open(endpoint, atA))
        .hasMessageContaining("the certificate of host-b at 127.0.0.1:" + where.getPort())
        .hasMessageContaining("expired at " + b.certificate().getNotAfter().toInstant());
  }

  private static TlsLink open(TunnelEndpoint endpoint, Recorder recorder) throws Exception {
    return endpoint
        .openLink("host-b", MIGRATION, 3, new byte[16], 0, recorder.frames)
        .get(30, TimeUnit.SECONDS);
  }
}
