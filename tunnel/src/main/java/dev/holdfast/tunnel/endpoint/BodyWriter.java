package dev.holdfast.tunnel.endpoint;

import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import dev.holdfast.tunnel.packet.MacAddress;
import io.netty.buffer.ByteBuf;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.UUID;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/** Writes the fields of a message, big-endian; {@link BodyReader} is its mirror image. */
record BodyWriter(ByteBuf out) {

  void u8(int value) {
    out.writeByte(value);
  }

  void u16(int value) {
    out.writeShort(value);
  }

  void s64(long value) {
    out.writeLong(value);
  }

  void flag(boolean value) {
    out.writeByte(value ? 1 : 0);
  }

  void bytes(byte[] value) {
    out.writeInt(value.length);
    out.writeBytes(value);
  }

  void text(String value) {
    bytes(value.getBytes(StandardCharsets.UTF_8));
  }

  void uuid(UUID value) {
    s64(value.getMostSignificantBits());
    s64(value.getLeastSignificantBits());
  }

  /** An optional value: one byte that says whether it is there, then it. */
  <T> void optional(@Nullable T value, BiConsumer<BodyWriter, T> write) {
    flag(value != null);
    if (value != null) {
      write.accept(this, value);
    }
  }

  /** The family, 4 or 6, and its 4 or 16 bytes. */
  void address(IpAddress value) {
    u8(value.isV4() ? 4 : 6);
    out.writeBytes(value.toBytes());
  }

  void prefix(IpPrefix value) {
    address(value.address());
    u8(value.length());
  }

  void mac(MacAddress value) {
    out.writeBytes(value.toBytes());
  }

  /** The count, then the elements one by one. */
  <T> void list(List<T> values, BiConsumer<BodyWriter, T> write) {
    out.writeInt(values.size());
    for (T value : values) {
      write.accept(this, value);
    }
  }

  /** Fields with their length before them, so that a later version may append some. */
  <T> void sized(T value, BiConsumer<BodyWriter, T> write) {
    int lengthAt = out.writerIndex();
    out.writeShort(0);
    write.accept(this, value);
    out.setShort(lengthAt, out.writerIndex() - lengthAt - 2);
  }
}
