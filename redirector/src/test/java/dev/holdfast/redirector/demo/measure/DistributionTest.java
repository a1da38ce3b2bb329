package dev.holdfast.redirector.demo.measure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class DistributionTest {

  @Test
  void percentilesAreNearestRank() {
    var hundred =
        new Distribution(IntStream.rangeClosed(1, 100).mapToObj(i -> (double) (101 - i)).toList());
    assertThat(hundred.percentile(50)).isEqualTo(50);
    assertThat(hundred.percentile(99)).isEqualTo(99);
    assertThat(hundred.max()).isEqualTo(100);
    assertThat(hundred.size()).isEqualTo(100);
  }

  @Test
  void fewValuesHaveTheirLargestAsP99() {
    var three = new Distribution(List.of(3.0, 1.0, 2.0));
    assertThat(three.percentile(50)).isEqualTo(2);
    assertThat(three.percentile(99)).isEqualTo(3);
    assertThat(three.percentile(0)).isEqualTo(1);
  }

  @Test
  void nothingHasNoPercentile() {
    assertThatThrownBy(() -> new Distribution(List.of()).max())
        .isInstanceOf(IllegalStateException.class);
  }
}
