package dev.holdfast.redirector.demo.measure;

import java.util.Arrays;
import java.util.Collection;
import java.util.List;

/** A set of measured values, in whatever unit, sorted. */
public final class Distribution {
  private final double[] sorted;

  public Distribution(Collection<Double> values) {
    sorted = values.stream().mapToDouble(Double::doubleValue).sorted().toArray();
  }

  public int size() {
    return sorted.length;
  }

  /** All of them, smallest first. */
  public List<Double> values() {
    return Arrays.stream(sorted).boxed().toList();
  }

  public boolean isEmpty() {
    return sorted.length == 0;
  }

  /**
   * The smallest value that at least {@code percent} of all do not exceed (nearest rank).
   *
   * @throws IllegalStateException when there is no value
   */
  public double percentile(double percent) {
    if (sorted.length == 0) {
      throw new IllegalStateException("no value has been measured");
    }
    int rank = (int) Math.ceil(percent / 100 * sorted.length);
    return sorted[Math.clamp(rank - 1, 0, sorted.length - 1)];
  }

  public double max() {
    return percentile(100);
  }

  @Override
  public String toString() {
    return Arrays.toString(sorted);
  }
}
