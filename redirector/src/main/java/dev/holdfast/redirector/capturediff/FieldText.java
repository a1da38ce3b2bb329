package dev.holdfast.redirector.capturediff;

import java.util.HexFormat;
import java.util.List;
import java.util.Locale;

/** Values of fields as people read them. */
final class FieldText {
  private static final String FLAGS = "FSRPAUEWN"; // from bit 0
  private static final List<String> STATUS = List.of("Bad", "Good", "Unverified");
  private static final HexFormat COLONS = HexFormat.ofDelimiter(":");

  private FieldText() {}

  static String number(String name, long value) {
    if (name.equals("tcp.flags")) {
      var text = new StringBuilder();
      for (int i = 0; i < FLAGS.length(); i++) {
        if ((value >> i & 1) != 0) {
          text.append(FLAGS.charAt(i));
        }
      }
      return text.isEmpty() ? "none" : text.toString();
    }
    if (name.endsWith(".checksum.status")) {
      return STATUS.get((int) value);
    }
    return switch (name) {
      case "ip.flags" ->
          value == 0
              ? "none"
              : ((value & 4) != 0 ? "RB " : "")
                  .concat((value & 2) != 0 ? "DF " : "")
                  .concat((value & 1) != 0 ? "MF" : "")
                  .strip();
      case "ip.id", "ip.dsfield", "ipv6.tclass", "ipv6.flow", "ipv6.fraghdr.ident" ->
          String.format(Locale.ROOT, "0x%x", value);
      default -> Long.toString(value);
    };
  }

  static String bytes(byte[] array, int from, int to) {
    return from == to ? "none" : COLONS.formatHex(array, from, to);
  }
}
