package dev.holdfast.redirector.demo.load;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class StreamLedgerTest {
  private final SeededBytes stream = new SeededBytes(3);
  private final StreamLedger sender = StreamLedger.ofSender(stream);
  private final StreamLedger receiver = StreamLedger.ofReceiver(stream);

  private void send(int length, Phase phase) {
    byte[] bytes = sender.next(length);
    sender.add(phase, bytes, 0, length);
    receiver.add(phase, bytes, 0, length);
  }

  @Test
  void bothEndsHaveTheSameSumAndCounts() {
    send(13, Phase.BEFORE);
    send(1000, Phase.DURING);
    send(5, Phase.AFTER);
    assertThat(receiver.position()).isEqualTo(sender.position()).isEqualTo(1018);
    assertThat(receiver.count(Phase.BEFORE)).isEqualTo(13);
    assertThat(receiver.count(Phase.DURING)).isEqualTo(1000);
    assertThat(receiver.count(Phase.AFTER)).isEqualTo(5);
    assertThat(receiver.wrongAt()).isEqualTo(-1);
    assertThat(receiver.sha256()).isEqualTo(sender.sha256()).hasSize(64);
  }

  @Test
  void oneFlippedBitIsFoundWhereItIs() {
    send(100, Phase.BEFORE);
    byte[] bytes = sender.next(50);
    sender.add(Phase.AFTER, bytes, 0, 50);
    bytes[20] ^= 1;
    receiver.add(Phase.AFTER, bytes, 0, 50);
    assertThat(receiver.wrongAt()).isEqualTo(120);
    assertThat(receiver.sha256()).isNotEqualTo(sender.sha256());
  }

  @Test
  void aMissingByteIsFoundToo() {
    byte[] bytes = sender.next(64);
    receiver.add(Phase.BEFORE, bytes, 1, 63);
    assertThat(receiver.wrongAt()).isNotNegative();
  }

  @Test
  void whoWaitsIsToldOfTheEnd() throws Exception {
    send(10, Phase.BEFORE);
    assertThat(receiver.await(10)).isTrue();
    Thread ending = Thread.ofVirtual().start(receiver::end);
    assertThat(receiver.await(11)).isFalse();
    receiver.awaitEnd();
    ending.join();
    assertThat(receiver.isEnded()).isTrue();
  }
}
