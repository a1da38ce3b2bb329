package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.capture.FramePacket;
import dev.holdfast.redirector.migration.ExplainRequest;
import java.util.HexFormat;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A packet in hex digits as people have it: in one word or many, with colons, in lines, as {@code
 * tcpdump -x} or {@code -X} prints it, as an Ethernet frame or without.
 */
final class PacketHex {
  /** More than a frame with the longest packet and two VLAN tags has. */
  private static final int LONGEST = ExplainRequest.LONGEST_PACKET + 14 + 8;

  /** {@code 0x0010: c0a8 0001 c0a8 00c7 ................}: the offset, hex, and what follows. */
  private static final Pattern OFFSET =
      Pattern.compile("\\s*0x([0-9a-fA-F]{4,5}):\\s+(.*?)(?:\\s{2}.*)?");

  private PacketHex() {}

  /**
   * The IP packet.
   *
   * @throws CommandFailed naming what is wrong with the text
   */
  static byte[] parse(String text) throws CommandFailed {
    String digits = digits(text);
    if (digits.isEmpty()) {
      throw CommandFailed.usage(
          "No packet was given; see holdfast explain --help for the forms there are.");
    }
    if (digits.length() > 2 * LONGEST) {
      throw CommandFailed.usage(
          "The packet is longer than any IP packet: " + digits.length() / 2 + " bytes.");
    }
    if (digits.length() % 2 != 0) {
      throw CommandFailed.usage(
          "The packet has " + digits.length() + " hex digits, an odd number; each byte has two.");
    }
    byte[] bytes = HexFormat.of().parseHex(digits);
    byte[] packet = FramePacket.isEthernet(bytes) ? FramePacket.ofEthernet(bytes) : bytes;
    if (packet.length > ExplainRequest.LONGEST_PACKET) {
      throw CommandFailed.usage(
          "The packet is longer than any IP packet: " + packet.length + " bytes.");
    }
    return packet;
  }

  private static String digits(String text) throws CommandFailed {
    StringBuilder digits = new StringBuilder();
    boolean isDump = text.lines().anyMatch(line -> OFFSET.matcher(line).matches());
    for (String line : text.lines().toList()) {
      Matcher dump = OFFSET.matcher(line);
      if (!isDump) {
        append(digits, line);
      } else if (dump.matches()) { // tcpdump's line before says what the packet is
        if (Integer.parseInt(dump.group(1), 16) * 2 != digits.length()) {
          throw CommandFailed.usage(
              "The line at 0x%s does not follow byte %d: give one packet, and all of it."
                  .formatted(dump.group(1), digits.length() / 2));
        }
        append(digits, dump.group(2));
      }
    }
    return digits.toString();
  }

  private static void append(StringBuilder digits, String text) throws CommandFailed {
    String bare = text.replaceFirst("^\\s*0[xX]", "").replaceAll("[\\s:]", "");
    for (int i = 0; i < bare.length(); i++) {
      if (Character.digit(bare.charAt(i), 16) < 0 || bare.charAt(i) > 'f') {
        throw CommandFailed.usage("'" + bare.charAt(i) + "' is not a hex digit.");
      }
    }
    digits.append(bare.toLowerCase(Locale.ROOT));
  }
}
