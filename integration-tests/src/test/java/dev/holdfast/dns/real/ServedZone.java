package dev.holdfast.dns.real;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A zone as one server is to have it.
 *
 * @param name without the final dot
 * @param text the zone file; "" at a secondary
 * @param grants who may change what, at the primary
 * @param primary whom a secondary has it from; null at the primary itself
 * @param secondaries addresses that the primary tells of changes, and that may transfer it
 */
public record ServedZone(
    String name,
    String text,
    List<Grant> grants,
    @Nullable String primary,
    List<String> secondaries) {

  /**
   * What a key may change. PowerDNS knows only whole zones: there {@code below} and {@code types}
   * mean nothing.
   *
   * @param below names at and below this one, without the final dot; "" for the whole zone
   * @param types such as A; empty for all
   */
  public record Grant(SharedSecret key, String below, List<String> types) {}

  /** At the primary. */
  public static ServedZone primary(
      String name, String text, List<Grant> grants, List<String> secondaries) {
    return new ServedZone(name, text, grants, null, secondaries);
  }

  /** At a secondary of {@code primary}. */
  public static ServedZone secondary(String name, String primary) {
    return new ServedZone(name, "", List.of(), primary, List.of());
  }

  String file() {
    return name + ".zone";
  }
}
