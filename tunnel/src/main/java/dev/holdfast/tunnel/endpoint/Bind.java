package dev.holdfast.tunnel.endpoint;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;
import java.util.UUID;

/**
 * The first frame on a data connection, and the answer to it.
 *
 * @param token 16 bytes
 * @param lane which of the migration's data connections it is, from 0
 */
record Bind(UUID migration, long epoch, byte[] token, int lane) {
  static final int TOKEN = 16;

  private static final int LONGEST_SENTENCE = 1024;

  Bind {
    if (token.length != TOKEN) {
      throw new IllegalArgumentException(
          "a data connection's token has " + TOKEN + " bytes, not " + token.length);
    }
    if ((lane & ~0xff) != 0) {
      throw new IllegalArgumentException("a data connection's number is a byte, not " + lane);
    }
  }

  /** Lane 0 is not written: hosts that know of one data connection alone understand it. */
  ByteBuf encode() {
    ByteBuf out =
        Unpooled.buffer(41)
            .writeLong(migration.getMostSignificantBits())
            .writeLong(migration.getLeastSignificantBits())
            .writeLong(epoch)
            .writeBytes(token);
    return lane == 0 ? out : out.writeByte(lane);
  }

  /**
   * @param payload of a BIND frame, whose length has been checked
   */
  static Bind decode(ByteBuf payload) {
    UUID migration = new UUID(payload.readLong(), payload.readLong());
    long epoch = payload.readLong();
    byte[] token = new byte[TOKEN];
    payload.readBytes(token);
    return new Bind(migration, epoch, token, payload.isReadable() ? payload.readByte() & 0xff : 0);
  }

  static ByteBuf accepted() {
    return Unpooled.buffer(1).writeByte(0);
  }

  static ByteBuf refused(String sentence) {
    byte[] text = sentence.getBytes(StandardCharsets.UTF_8);
    return Unpooled.buffer()
        .writeByte(1)
        .writeBytes(text, 0, Math.min(text.length, LONGEST_SENTENCE));
  }

  /** The sentence of a refusal; empty when it was accepted. */
  static String refusal(ByteBuf bound) {
    if (bound.readByte() == 0) {
      return "";
    }
    String sentence =
        new String(ByteBufUtil.getBytes(bound), StandardCharsets.UTF_8).replaceAll("\\p{C}", " ");
    return sentence.isBlank() ? "no reason given" : sentence;
  }
}
