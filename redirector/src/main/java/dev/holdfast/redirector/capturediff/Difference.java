package dev.holdfast.redirector.capturediff;

import java.util.List;
import java.util.Locale;

/**
 * One thing that is different.
 *
 * @param kind what sort of difference
 * @param a the packet's number in the first capture; 0 where it is not there
 * @param b the same in the second
 * @param flow such as {@code tcp 10.9.0.2:40000 > 10.1.0.10:80}
 * @param fields which differ; none for a packet that is missing
 * @param text what else there is to say; may be empty
 */
public record Difference(Kind kind, long a, long b, String flow, List<Field> fields, String text) {

  /** What sort of difference. */
  public enum Kind {
    /** The same packet or stream with other values. */
    CHANGED,
    /** It is in the first capture alone. */
    MISSING,
    /** It is in the second capture alone. */
    EXTRA,
    /** It is in both, at another place in its flow. */
    MOVED;

    public String label() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /**
   * A field that differs.
   *
   * @param name as Wireshark has it
   * @param a its value in the first capture; "absent" where it has none
   * @param b the same in the second
   * @param offset of the first byte that differs, for payload; else -1
   */
  public record Field(String name, String a, String b, int offset) {}

  /** By which differences are sorted: where a reader of the captures would meet it. */
  long place() {
    return a > 0 ? a : b;
  }
}
