package dev.holdfast.tunnel.endpoint;

import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import dev.holdfast.tunnel.packet.MacAddress;
import io.netty.buffer.ByteBuf;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Reads the fields of a message that a peer wrote. Nothing is believed: every length is compared
 * with what is there before anything is allocated for it.
 */
record BodyReader(ByteBuf in) {
  /** In UTF-16 units. */
  static final int LONGEST_TEXT = 4_000;

  private static final int FIRST_CAPACITY = 64;

  // controls, formats, halves of surrogate pairs, and the two line separators that are none of them
  private static final Pattern UNPRINTABLE = Pattern.compile("[\\p{C}\\p{Zl}\\p{Zp}]");

  /** Reads one value. */
  interface Field<T> {
    T read(BodyReader body) throws ControlFormatException;
  }

  private void need(long bytes, String what) throws ControlFormatException {
    if (bytes > in.readableBytes()) {
      throw new ControlFormatException(
          what + " needs " + bytes + " bytes, there are " + in.readableBytes());
    }
  }

  /** Whether fields follow, which an earlier version does not write. */
  boolean hasMore() {
    return in.isReadable();
  }

  int u8() throws ControlFormatException {
    need(1, "a byte");
    return in.readUnsignedByte();
  }

  int u16() throws ControlFormatException {
    need(2, "a 16-bit number");
    return in.readUnsignedShort();
  }

  long u32() throws ControlFormatException {
    need(4, "a 32-bit number");
    return in.readUnsignedInt();
  }

  long s64() throws ControlFormatException {
    need(8, "a 64-bit number");
    return in.readLong();
  }

  boolean flag() throws ControlFormatException {
    int value = u8();
    if (value > 1) {
      throw new ControlFormatException("a flag is 0 or 1, not " + value);
    }
    return value == 1;
  }

  byte[] bytes() throws ControlFormatException {
    long length = u32();
    need(length, "a field");
    return fixed((int) length);
  }

  private byte[] fixed(int length) throws ControlFormatException {
    need(length, "a field");
    byte[] value = new byte[length];
    in.readBytes(value);
    return value;
  }

  /**
   * A text that may be logged and shown as it is: on one line, without what steers a terminal or
   * turns the direction of writing, and no longer than anybody reads.
   */
  String text() throws ControlFormatException {
    try {
      String text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes())).toString();
      String read = text.length() > LONGEST_TEXT ? text.substring(0, LONGEST_TEXT) + "..." : text;
      return UNPRINTABLE.matcher(read).replaceAll(" ");
    } catch (CharacterCodingException e) {
      throw new ControlFormatException("a text is not UTF-8");
    }
  }

  /** A text that earlier versions do not send: empty where nothing is left. */
  String appendedText() throws ControlFormatException {
    return in.isReadable() ? text() : "";
  }

  UUID uuid() throws ControlFormatException {
    return new UUID(s64(), s64());
  }

  <T> @Nullable T optional(Field<T> field) throws ControlFormatException {
    return flag() ? field.read(this) : null;
  }

  IpAddress address() throws ControlFormatException {
    int family = u8();
    if (family != 4 && family != 6) {
      throw new ControlFormatException("an address family is 4 or 6, not " + family);
    }
    IpAddress address = IpAddress.ofBytes(fixed(family == 4 ? 4 : 16));
    if (address.isV4() != (family == 4)) {
      throw new ControlFormatException("an IPv4-mapped address does not stand for an IPv6 one");
    }
    return address;
  }

  IpPrefix prefix() throws ControlFormatException {
    IpAddress address = address();
    int length = u8();
    if (length > address.width()) {
      throw new ControlFormatException(
          "a prefix length is at most " + address.width() + ", not " + length);
    }
    return new IpPrefix(address, length);
  }

  MacAddress mac() throws ControlFormatException {
    return MacAddress.ofBytes(fixed(6));
  }

  <T> List<T> list(Field<T> field) throws ControlFormatException {
    long count = u32();
    need(count, "a list"); // each element has a byte at least
    List<T> values = new ArrayList<>((int) Math.min(count, FIRST_CAPACITY));
    for (long i = 0; i < count; i++) {
      values.add(field.read(this));
    }
    return List.copyOf(values);
  }

  /** Fields behind their length; what a later version has appended to them is skipped. */
  <T> T sized(Field<T> field) throws ControlFormatException {
    int length = u16();
    need(length, "an element");
    return field.read(new BodyReader(in.readSlice(length)));
  }
}
