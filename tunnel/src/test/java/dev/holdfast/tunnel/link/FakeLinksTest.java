package dev.holdfast.tunnel.link;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.tunnel.link.FaultyLink.Faults;
import dev.holdfast.tunnel.link.Link.Sent;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The links that stand in for others and that wrap others. */
class FakeLinksTest {
  /** Keeps the first int of each frame. */
  private static class Numbers implements LinkReceiver {
    final List<Integer> seen = new ArrayList<>();
    int batches;
    String down = "";

    @Override
    public void onFrame(FrameType type, ByteBuf payload) {
      seen.add(payload.getInt(0));
    }

    @Override
    public void onBatchEnd() {
      batches++;
    }

    @Override
    public void onDown(String reason) {
      down = reason;
    }
  }

  private static ByteBuf number(int n) {
    return Unpooled.buffer(64).writeInt(n).writeZero(40);
  }

  @Test
  void theFarEndGetsWhatWasSentWhenItIsFlushed() {
    Numbers atB = new Numbers();
    LoopbackLink a = LoopbackLink.pair(new Numbers(), atB).a();
    assertThat(a.send(FrameType.PACKET, number(1))).isEqualTo(Sent.OK);
    assertThat(a.send(FrameType.PACKET, number(2))).isEqualTo(Sent.OK);
    assertThat(a.queuedBytes()).isEqualTo(88);
    assertThat(atB.seen).isEmpty();
    a.flush();
    assertThat(atB.seen).containsExactly(1, 2);
    assertThat(atB.batches).isOne();
    assertThat(a.queuedBytes()).isZero();
  }

  @Test
  void anAnswerFollowsWhenTheDeliveryIsComplete() {
    Numbers atA = new Numbers();
    List<LoopbackLink> b = new ArrayList<>();
    LinkReceiver echo =
        new LinkReceiver() {
          @Override
          public void onFrame(FrameType type, ByteBuf payload) {
            Sent unused = b.getFirst().send(type, number(-payload.getInt(0)));
            b.getFirst().flush();
          }
        };
    LoopbackLink.Pair pair = LoopbackLink.pair(atA, echo);
    b.add(pair.b());
    for (int i = 1; i <= 3; i++) {
      Sent unused = pair.a().send(FrameType.PACKET, number(i));
    }
    pair.a().flush();
    assertThat(atA.seen).containsExactly(-1, -2, -3);
  }

  @Test
  void closingOneEndTellsTheOther() {
    Numbers atB = new Numbers();
    LoopbackLink.Pair pair = LoopbackLink.pair(new Numbers(), atB);
    pair.a().close();
    assertThat(atB.down).isNotEmpty();
    ByteBuf late = number(1);
    assertThat(pair.b().send(FrameType.PACKET, late)).isEqualTo(Sent.DOWN);
    assertThat(late.refCnt()).isZero();
  }

  @Test
  void countsBothDirectionsAndOnlyWhatWasTaken() {
    CountingLink.Counters counters = new CountingLink.Counters();
    Numbers atA = new Numbers();
    LoopbackLink.Pair pair = LoopbackLink.pair(CountingLink.receiver(atA, counters), new Numbers());
    Link a = new CountingLink(pair.a(), counters);
    Sent unused = a.send(FrameType.PACKET, number(1));
    unused = pair.b().send(FrameType.PACKET, number(2));
    pair.b().flush();
    pair.b().close();
    assertThat(a.send(FrameType.PACKET, number(3))).isEqualTo(Sent.DOWN);
    assertThat(counters.sent().frames()).isOne();
    assertThat(counters.sent().bytes()).isEqualTo(44);
    assertThat(counters.received().frames()).isOne();
    assertThat(atA.seen).containsExactly(2);
    assertThat(atA.down).isNotEmpty();
  }

  @Test
  void faultsAreTheSameForTheSameSeedAndOfEveryKind() {
    List<Integer> once = faulty(99);
    assertThat(faulty(99)).isEqualTo(once);
    assertThat(faulty(100)).isNotEqualTo(once);
    List<Integer> distinct = once.stream().distinct().toList();
    assertThat(distinct).hasSizeLessThan(1000).hasSizeGreaterThan(700);
    assertThat(once).hasSizeGreaterThan(distinct.size());
    assertThat(distinct).isNotEqualTo(distinct.stream().sorted().toList());
  }

  private static List<Integer> faulty(long seed) {
    Numbers atB = new Numbers();
    LoopbackLink a = LoopbackLink.pair(new Numbers(), atB).a();
    FaultyLink link = new FaultyLink(a, new Faults(0.1, 0.1, 0.1), new Random(seed));
    for (int i = 0; i < 1000; i++) {
      Sent unused = link.send(FrameType.PACKET, number(i));
    }
    link.flush();
    assertThat(link.queuedBytes()).isZero();
    return atB.seen;
  }

  @Test
  void onlyPacketsSufferFaults() {
    Numbers atB = new Numbers();
    LoopbackLink a = LoopbackLink.pair(new Numbers(), atB).a();
    FaultyLink link = new FaultyLink(a, new Faults(1, 0, 0), new Random(1));
    Sent unused = link.send(FrameType.MARKER, number(1));
    unused = link.send(FrameType.PACKET, number(2));
    link.flush();
    assertThat(atB.seen).containsExactly(1);
  }
}
