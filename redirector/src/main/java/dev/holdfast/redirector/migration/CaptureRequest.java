package dev.holdfast.redirector.migration;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Asks for what passes from now on. What is null is not limited.
 *
 * @param points outer, inner, held; null or empty for all three
 * @param migrations ids or names; null or empty for all, and for packets of none
 * @param flows each as {@code flow list} shows it: {@code tcp 10.1.0.10:443 10.9.0.2:50123}
 * @param filter an expression of pcap-filter(7) over the inner packet
 * @param snapLength bytes of a packet that are kept at most
 * @param sample one of so many of the packets that are wanted
 * @param count packets after which it ends
 * @param durationMillis time after which it ends
 * @param bufferBytes how much may wait for the reader; what does not fit is counted as lost
 */
public record CaptureRequest(
    @Nullable List<String> points,
    @Nullable List<String> migrations,
    @Nullable List<String> flows,
    @Nullable String filter,
    @Nullable Integer snapLength,
    @Nullable Integer sample,
    @Nullable Long count,
    @Nullable Long durationMillis,
    @Nullable Integer bufferBytes) {
  /** Of everything, without end. */
  public static final CaptureRequest ALL =
      new CaptureRequest(null, null, null, null, null, null, null, null, null);
}
