package dev.holdfast.redirector.replay;

import java.util.List;

/**
 * The network between the two sites.
 *
 * @param delayNanos one way
 * @param loss how likely an outer packet is lost, 0 to 1
 * @param reorder how likely it comes later than those that were sent after it
 * @param duplicate how likely it comes twice
 * @param mtu bytes of the longest outer packet
 * @param outages when nothing passes, in order of their begin
 */
public record WanOptions(
    long delayNanos, double loss, double reorder, double duplicate, int mtu, List<Outage> outages) {

  /**
   * A time in which nothing passes between the sites, not the daemons' own words either.
   *
   * @param fromNanos after the capture's first packet
   */
  public record Outage(long fromNanos, long lengthNanos) {}

  /** 10 ms each way, and nothing goes wrong. */
  public static final WanOptions DEFAULT = new WanOptions(10_000_000L, 0, 0, 0, 1500, List.of());

  public WanOptions {
    if (delayNanos < 0 || loss < 0 || reorder < 0 || duplicate < 0) {
      throw new IllegalArgumentException("a delay or a likelihood is less than nothing");
    }
    if (loss + reorder + duplicate > 1) {
      throw new IllegalArgumentException("the likelihoods are 0 to 1, all together too");
    }
    outages = List.copyOf(outages);
  }
}
