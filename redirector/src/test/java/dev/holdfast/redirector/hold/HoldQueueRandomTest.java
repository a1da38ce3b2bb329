package dev.holdfast.redirector.hold;

import static dev.holdfast.redirector.flow.Direction.TO_GUEST;
import static dev.holdfast.redirector.hold.HeldTraffic.FOREVER;
import static dev.holdfast.tunnel.packet.PacketView.ACK;
import static dev.holdfast.tunnel.packet.PacketView.FIN;
import static dev.holdfast.tunnel.packet.PacketView.RST;
import static dev.holdfast.tunnel.packet.PacketView.SYN;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.flow.Conversation;
import dev.holdfast.tunnel.packet.PacketView;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Random traffic against what must hold of any: no byte lost for nothing, no limit passed. */
class HoldQueueRandomTest {
  private static final int SPAN = 400;

  private record Segment(int connection, int start, int length) {}

  /** Without limits every byte that arrived is delivered, each from a packet that carried it. */
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3})
  void replacingLosesNoByte(long seed) {
    var random = new Random(seed);
    HeldTraffic traffic = HeldTraffic.unlimited();
    Map<Long, Segment> kept = new HashMap<>();
    BitSet[] sent = {new BitSet(), new BitSet(), new BitSet()};
    long base = random.nextInt() & 0xffff_ffffL; // anywhere, so that some runs wrap
    for (int i = 0; i < 1_500; i++) {
      int connection = random.nextInt(sent.length);
      Conversation talk = Conversation.v4().withPeerPort(1000 + connection);
      int start = random.nextInt(SPAN);
      int length = 1 + random.nextInt(random.nextInt(10) == 0 ? 200 : 20);
      long id = traffic.data(talk, base + start, length);
      assertThat(id).isEqualTo(i + 1);
      kept.put(id, new Segment(connection, start, length));
      sent[connection].set(start, start + length);
      if (i % 50 == 0) {
        List<Long> held = traffic.held();
        assertThat(covered(held, kept, sent.length)).isEqualTo(sent);
        assertThat(held).as("the newest is never the one to go").contains(id);
        assertThat(traffic.queue.replaced()).isEqualTo(i + 1 - held.size());
      }
    }
    assertThat(traffic.queue.packets()).as("most were replaced").isLessThan(1_000);
    assertThat(traffic.queue.dropped()).isZero();
    traffic.close();
  }

  private static BitSet[] covered(List<Long> held, Map<Long, Segment> kept, int connections) {
    BitSet[] covered = new BitSet[connections];
    for (int i = 0; i < connections; i++) {
      covered[i] = new BitSet();
    }
    for (long id : held) {
      Segment s = Objects.requireNonNull(kept.get(id));
      covered[s.connection].set(s.start, s.start + s.length);
    }
    return covered;
  }

  /** Under pressure of every kind no limit is passed, and the byte expected next is there. */
  @ParameterizedTest
  @ValueSource(longs = {4, 5, 6, 7})
  void limitsHoldAndTheExpectedByteStays(long seed) {
    var random = new Random(seed);
    int packets = 64;
    long bytes = 20_000;
    var host = new HoldBudget(60, 18_000);
    var traffic = new HeldTraffic(new HoldLimits(16, 6_000, packets, bytes, 1_000_000), host);
    int known = 5;
    boolean[] expectedCame = new boolean[known];
    for (int i = 0; i < known; i++) {
      traffic.guestExpects(Conversation.v4().withPeerPort(1000 + i), 1000);
    }
    for (int i = 0; i < 4_000; i++) {
      PacketView v = packet(random, known);
      traffic.arrives(v);
      int connection = v.isTcp() ? v.sourcePort() - 1000 : known;
      if (connection < known && covers(v, 1000)) {
        expectedCame[connection] = true;
      }
      assertThat(traffic.queue.packets()).isLessThanOrEqualTo(60);
      assertThat(traffic.queue.bytes()).isLessThanOrEqualTo(18_000);
      if (i % 20 == 0) {
        checkExpected(traffic, expectedCame);
        assertThat(traffic.queue.total())
            .isEqualTo(traffic.held().size() + traffic.queue.replaced() + traffic.queue.dropped());
      }
    }
    assertThat(traffic.drops.total()).isEqualTo(traffic.queue.replaced() + traffic.queue.dropped());
    assertThat(expectedCame).containsOnly(true);
    traffic.queue.expire(FOREVER, traffic);
    assertThat(traffic.held()).isEmpty();
    traffic.close();
  }

  private static PacketView packet(Random random, int known) {
    int port = 1000 + random.nextInt(4 * known);
    Conversation talk = Conversation.v4().withPeerPort(port);
    int sequence = 1000 + random.nextInt(300) - 20;
    int bytes = random.nextInt(random.nextInt(4) == 0 ? 1200 : 100);
    return switch (random.nextInt(10)) {
      case 0 -> talk.udp(TO_GUEST, bytes);
      case 1 -> talk.tcp(TO_GUEST, SYN, sequence, 0, 0);
      case 2 -> talk.tcp(TO_GUEST, ACK, sequence, random.nextInt(50), 0);
      case 3 -> talk.tcp(TO_GUEST, FIN | ACK, sequence, random.nextInt(50), bytes);
      case 4 -> talk.tcp(TO_GUEST, RST, 2_000_000_000 + random.nextInt(9), 0, 0); // out of window
      default -> talk.tcp(TO_GUEST, ACK, sequence, random.nextInt(50), bytes);
    };
  }

  private static boolean covers(PacketView v, int sequence) {
    boolean data = (v.tcpFlags() & (SYN | RST)) == 0;
    return data
        && v.tcpSequence() <= sequence
        && v.tcpSequence() + v.tcpSequenceLength() > sequence;
  }

  private static void checkExpected(HeldTraffic traffic, boolean[] came) {
    boolean[] held = new boolean[came.length];
    var view = new PacketView();
    traffic.queue.forEachInOrder((id, lane, copy) -> {
      view.check(copy, 10, copy.readableBytes() - 10);
      int connection = view.isTcp() ? view.sourcePort() - 1000 : came.length;
      if (connection < came.length && covers(view, 1000)) {
        held[connection] = true;
      }
    });
    assertThat(held).isEqualTo(came);
  }
}
