package dev.holdfast.redirector.migration;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class InboxTest {
  private static final Inbox.About ONE = new Inbox.About("one", "requests");
  private static final Inbox.About OTHER = new Inbox.About("other", "requests");

  private final Inbox inbox = new Inbox();
  private final BlockingQueue<Integer> done = new LinkedBlockingQueue<>();
  private final CountDownLatch gate = new CountDownLatch(1);

  private void atTheGate() {
    try {
      assertThat(gate.await(20, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void whatIsAboutTheSameIsDoneInOrderAndOthersDoNotWait() throws Exception {
    assertThat(inbox.offer(ONE, 1, this::atTheGate)).isTrue();
    List<Integer> expected = new ArrayList<>();
    for (int i = 0; i < 1_000; i++) {
      int number = i;
      expected.add(number);
      assertThat(inbox.offer(ONE, 1, () -> done.add(number))).isTrue();
    }
    assertThat(inbox.offer(OTHER, 1, () -> done.add(-1))).isTrue();
    assertThat(done.poll(20, TimeUnit.SECONDS)).isEqualTo(-1);
    gate.countDown();
    for (int number : expected) {
      assertThat(done.poll(20, TimeUnit.SECONDS)).isEqualTo(number);
    }
  }

  @Test
  void thereIsRoomForSoMuchUntilItIsDone() throws Exception {
    assertThat(inbox.offer(ONE, 1, this::atTheGate)).isTrue();
    assertThat(inbox.offer(ONE, Inbox.ROOM - 2, () -> done.add(1))).isTrue();
    assertThat(inbox.offer(OTHER, 2, () -> done.add(2))).isFalse();
    gate.countDown();
    assertThat(done.poll(20, TimeUnit.SECONDS)).isEqualTo(1);
    while (!inbox.offer(OTHER, Inbox.ROOM, () -> done.add(3))) {
      Thread.sleep(5);
    }
    assertThat(done.poll(20, TimeUnit.SECONDS)).isEqualTo(3);
    assertThat(done).isEmpty();
  }

  @Test
  void whatFailsStopsNothing() throws Exception {
    assertThat(
            inbox.offer(
                ONE,
                1,
                () -> {
                  throw new IllegalStateException("no");
                }))
        .isTrue();
    assertThat(inbox.offer(ONE, Inbox.ROOM - 1, () -> done.add(1))).isTrue();
    assertThat(done.poll(20, TimeUnit.SECONDS)).isEqualTo(1);
  }

  @Test
  void aLogHasSoManyLinesAMinuteAndThenTheirNumber() {
    var lines = new LogBudget();
    for (int i = 0; i < LogBudget.LINES; i++) {
      assertThat(lines.line("said", i)).isEqualTo("said");
    }
    for (int i = 0; i < 7; i++) {
      assertThat(lines.line("said", 59_000_000_000L)).isNull();
    }
    assertThat(lines.line("said", 60_000_000_000L))
        .isEqualTo("said (7 lines like this were left out before it)");
    assertThat(lines.line("said", 60_000_000_001L)).isEqualTo("said");
  }
}
