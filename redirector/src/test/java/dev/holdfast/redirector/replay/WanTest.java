package dev.holdfast.redirector.replay;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** When what is sent on a stream arrives, milliseconds after the begin. */
class WanTest {
  private static final long MILLI = 1_000_000L;
  private static final long HOUR = 3_600_000 * MILLI;

  private final VirtualTime time = new VirtualTime(0);
  private final List<Double> arrived = new ArrayList<>();
  private int never;

  private Wan wan(double loss, WanOptions.Outage... outages) {
    var options = new WanOptions(10 * MILLI, loss, 0, 0, 1_500, List.of(outages));
    return new Wan(time, options, new SplittableRandom(1));
  }

  private void send(Wan.Stream stream, int bytes) {
    stream.send(
        bytes, () -> arrived.add((time.nanoTime() - VirtualTime.BEGIN) / 1e6), () -> never++);
  }

  private static WanOptions.Outage outage(long fromMillis, long lengthMillis) {
    return new WanOptions.Outage(fromMillis * MILLI, lengthMillis * MILLI);
  }

  @Test
  void whatIsNotLostTakesTheDelay() {
    Wan.Stream stream = wan(0).stream();
    send(stream, 100_000);
    time.runUntil(VirtualTime.BEGIN + HOUR);
    assertThat(arrived).containsExactly(10.0);
  }

  /** TCP gives up after 15 repetitions, and nothing that is sent later comes. */
  @Test
  void nothingPassesWhereAllIsLost() {
    Wan.Stream stream = wan(1).stream();
    send(stream, 10);
    send(stream, 10);
    time.runUntil(VirtualTime.BEGIN + HOUR);
    assertThat(arrived).isEmpty();
    assertThat(never).isEqualTo(2);
  }

  @Test
  void whatIsLostAgainWaitsLongerAndLonger() {
    Wan half = wan(0.5);
    for (int i = 0; i < 2_000; i++) {
      send(half.stream(), 1);
    }
    time.runUntil(VirtualTime.BEGIN + HOUR);
    assertThat(arrived).hasSizeBetween(1_995, 2_000); // one in 65,536 is never heard of
    assertThat(share(10)).isBetween(0.46, 0.54);
    assertThat(share(30)).as("sent again when later ones told of it").isBetween(0.21, 0.29);
    assertThat(share(250)).as("and by the timer").isBetween(0.09, 0.16);
    assertThat(share(690)).as("and by twice of it").isBetween(0.04, 0.09);
  }

  private double share(double millis) {
    return arrived.stream().filter(each -> Math.abs(each - millis) < 0.001).count() / 2_000.0;
  }

  @Test
  void aLargeWriteIsLostMoreOftenThanASmallOne() {
    Wan some = wan(0.02);
    for (int i = 0; i < 1_000; i++) {
      send(some.stream(), 100);
    }
    time.runUntil(VirtualTime.BEGIN + HOUR);
    long small = arrived.stream().filter(each -> each > 10).count();
    arrived.clear();
    long begin = time.nanoTime();
    for (int i = 0; i < 1_000; i++) {
      send(some.stream(), 60_000);
    }
    time.runUntil(begin + HOUR);
    double first = (begin - VirtualTime.BEGIN) / 1e6 + 10;
    long large = arrived.stream().filter(each -> each > first + 0.001).count();
    assertThat(small).isBetween(5L, 45L);
    assertThat(large).isBetween(480L, 680L); // 1 - 0.98^42
  }

  /** What the timer sends in the second outage is lost as well. */
  @Test
  void outagesThatTouchAreOne() {
    Wan.Stream stream = wan(0, outage(0, 200), outage(200, 300)).stream();
    send(stream, 10);
    time.runUntil(VirtualTime.BEGIN + HOUR);
    assertThat(arrived).containsExactly(670.0); // repeated after 220 and 660 ms
  }

  @Test
  void whatIsSentLaterArrivesLater() {
    Wan.Stream stream = wan(0, outage(0, 100)).stream();
    send(stream, 10);
    time.runUntil(VirtualTime.BEGIN + 150 * MILLI);
    send(stream, 10);
    time.runUntil(VirtualTime.BEGIN + HOUR);
    assertThat(arrived).containsExactly(230.0, 230.0);
  }
}
