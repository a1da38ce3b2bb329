package dev.holdfast.redirector.replay;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class LatenessHistogramTest {
  private final LatenessHistogram histogram = new LatenessHistogram();

  @Test
  void nothingIsNeverLate() {
    assertThat(histogram.count()).isZero();
    assertThat(histogram.percentile(0.5)).isZero();
    assertThat(histogram.max()).isZero();
  }

  @Test
  void percentilesAreAtMostAThirtySecondTooHigh() {
    var random = new SplittableRandom(6);
    long[] values = new long[10_000];
    for (int i = 0; i < values.length; i++) {
      values[i] = random.nextLong() >>> 1 + random.nextInt(60);
      histogram.record(values[i]);
    }
    Arrays.sort(values);
    for (double share : new double[] {0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1}) {
      long exact = values[(int) Math.ceil(share * values.length) - 1];
      assertThat(histogram.percentile(share)).isBetween(exact, exact + exact / 32);
    }
    assertThat(histogram.max()).isEqualTo(values[values.length - 1]);
  }

  @Test
  void theEndsOfTheRangeHaveAPlace() {
    histogram.record(-5);
    histogram.record(0);
    histogram.record(Long.MAX_VALUE);
    assertThat(histogram.percentile(0.5)).isZero();
    assertThat(histogram.percentile(1)).isEqualTo(Long.MAX_VALUE);
    assertThat(histogram.count()).isEqualTo(3);
  }
}
