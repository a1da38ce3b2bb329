package dev.holdfast.tunnel.link;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.tunnel.identity.HostIdentity;
import dev.holdfast.tunnel.identity.TlsContexts;
import dev.holdfast.tunnel.identity.TlsContexts.Engine;
import dev.holdfast.tunnel.time.SystemClock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.ByteBufUtil;
import io.netty.channel.embedded.EmbeddedChannel;
import java.net.InetSocketAddress;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Two ends of a TLS connection in memory, and what goes over the wire between them. */
class TlsRecordsTest {
  private static final InetSocketAddress SOMEWHERE = new InetSocketAddress("192.0.2.1", 4754);
  private static final int APPLICATION_DATA = 23; // RFC 8446 section 5.1

  private final List<byte[]> received = new ArrayList<>();
  private final List<AutoCloseable> closing = new ArrayList<>();
  private EmbeddedChannel client = new EmbeddedChannel();
  private EmbeddedChannel server = client;
  private int batches;
  private int records;

  @AfterEach
  void close() throws Exception {
    client.close();
    server.close();
    for (AutoCloseable each : closing) {
      each.close();
    }
  }

  private FrameConnection connect(Engine engine) {
    HostIdentity a = identity("host-a");
    HostIdentity b = identity("host-b");
    TlsContexts ofA =
        new TlsContexts(a, Map.of(b.fingerprint(), "host-b"), SystemClock.INSTANCE, engine);
    TlsContexts ofB =
        new TlsContexts(b, Map.of(a.fingerprint(), "host-a"), SystemClock.INSTANCE, engine);
    closing.add(ofA);
    closing.add(ofB);
    FrameConnection atClient = connection();
    client =
        new EmbeddedChannel(ofA.client(ByteBufAllocator.DEFAULT, "host-b", SOMEWHERE), atClient);
    server = new EmbeddedChannel(ofB.server(ByteBufAllocator.DEFAULT, SOMEWHERE), connection());
    pump();
    records = 0;
    return atClient;
  }

  private static HostIdentity identity(String name) {
    return HostIdentity.create(name, Duration.ofDays(1), SystemClock.INSTANCE, new SecureRandom());
  }

  private FrameConnection connection() {
    FrameConnection.Listener collect =
        new FrameConnection.Listener() {
          @Override
          public void onFrame(FrameType type, ByteBuf payload) {
            received.add(ByteBufUtil.getBytes(payload));
          }

          @Override
          public void onBatchEnd() {
            batches++;
          }

          @Override
          public void onClosed(String reason) {}
        };
    return new FrameConnection(
        collect,
        cause -> {
          throw new AssertionError(cause);
        },
        reason -> {
          throw new AssertionError(reason);
        });
  }

  private void pump() {
    boolean moved = true;
    while (moved) {
      moved = move(client, server) | move(server, client);
    }
  }

  private boolean move(EmbeddedChannel from, EmbeddedChannel to) {
    from.runPendingTasks();
    boolean moved = false;
    for (ByteBuf piece = from.readOutbound(); piece != null; piece = from.readOutbound()) {
      count(piece);
      to.writeOneInbound(piece);
      moved = true;
    }
    if (moved) {
      to.flushInbound();
    }
    return moved;
  }

  /** A piece on the wire is whole records here: Netty writes one by one. */
  private void count(ByteBuf piece) {
    for (int at = piece.readerIndex(); at < piece.writerIndex(); ) {
      if (piece.getUnsignedByte(at) == APPLICATION_DATA) {
        records++;
      }
      at += 5 + piece.getUnsignedShort(at + 3);
    }
  }

  private static ByteBuf packet(byte[] bytes) {
    return ByteBufAllocator.DEFAULT.directBuffer(bytes.length).writeBytes(bytes);
  }

  @ParameterizedTest
  @EnumSource(
      value = Engine.class,
      names = {"NATIVE", "JDK"})
  void aBatchOfSmallPacketsIsOneRecord(Engine engine) {
    FrameConnection connection = connect(engine);
    for (int i = 0; i < 150; i++) {
      connection.write(FrameType.PACKET, packet(new byte[74]));
    }
    connection.flush();
    pump();
    assertThat(received).hasSize(150);
    assertThat(records).isOne();
    assertThat(batches).isOne();
  }

  @ParameterizedTest
  @EnumSource(
      value = Engine.class,
      names = {"NATIVE", "JDK"})
  void superPacketsLeaveInFullRecordsAndArriveAsTheyWere(Engine engine) {
    FrameConnection connection = connect(engine);
    Random random = new Random(5);
    List<byte[]> sent = new ArrayList<>();
    long bytes = 0;
    for (int i = 0; i < 64; i++) {
      byte[] payload = new byte[i % 3 == 0 ? 120 : 64_000 + random.nextInt(1_500)];
      random.nextBytes(payload);
      sent.add(payload);
      bytes += 5 + payload.length;
      connection.write(FrameType.PACKET, packet(payload));
    }
    connection.flush();
    pump();
    assertThat(received).hasSameSizeAs(sent);
    for (int i = 0; i < sent.size(); i++) {
      assertThat(Arrays.equals(received.get(i), sent.get(i))).as("frame %s", i).isTrue();
    }
    long fewest = (bytes + FrameWriter.RECORD - 1) / FrameWriter.RECORD;
    assertThat((long) records).isBetween(fewest, fewest + 2);
  }
}
