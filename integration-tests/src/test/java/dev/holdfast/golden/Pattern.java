package dev.holdfast.golden;

import java.nio.charset.StandardCharsets;
import java.util.Locale;

/**
 * A stream of text whose every line of 256 bytes begins with its place in the stream: it packs
 * well, and a byte out of its place is seen, by a program and by a person.
 */
final class Pattern {
  private static final int LINE = 256;
  private static final String FILL = "abcdefghijklmnopqrstuvwxyz 0123456789 ".repeat(7);

  private Pattern() {}

  /**
   * A part of the stream.
   *
   * @param whose streams of different names differ
   */
  static byte[] of(String whose, long from, int length) {
    byte[] bytes = new byte[length];
    byte[] line = {};
    for (int i = 0; i < length; i++) {
      long at = from + i;
      int column = (int) (at % LINE);
      if (i == 0 || column == 0) {
        String text =
            String.format(Locale.ROOT, "%012d %s: %s", at - column, whose, FILL)
                .substring(0, LINE - 1);
        line = (text + "\n").getBytes(StandardCharsets.US_ASCII);
      }
      bytes[i] = line[column];
    }
    return bytes;
  }
}
