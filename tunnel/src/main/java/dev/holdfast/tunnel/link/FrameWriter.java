package dev.holdfast.tunnel.link;

import dev.holdfast.tunnel.encap.TlsFrame;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import org.jspecify.annotations.Nullable;

/**
 * Lays frames one behind the other into pieces of exactly one TLS record's size.
 *
 * <p>Netty's TLS handler turns what is written between two flushes into records of 16 KiB and,
 * where a piece does not end on such a boundary, copies the next one behind it. Here that happens
 * at most once to a byte: small frames are copied together, of a large one only the ends, up to the
 * record boundaries, while its middle is passed on as it lies.
 */
final class FrameWriter {
  /** Plaintext bytes of a full TLS record (RFC 8446 section 5.1). */
  static final int RECORD = 1 << 14;

  private final ChannelHandlerContext out;
  private @Nullable ByteBuf record;
  private long unflushed;

  FrameWriter(ChannelHandlerContext out) {
    this.out = out;
  }

  /** Takes over the reference to {@code payload}. */
  void write(FrameType type, ByteBuf payload) {
    int length = payload.readableBytes();
    unflushed += TlsFrame.HEADER + length;
    ByteBuf open = record;
    if (open == null || open.writableBytes() < TlsFrame.HEADER) {
      emit();
      open = out.alloc().directBuffer(RECORD, RECORD);
      record = open;
    }
    TlsFrame.writeHeader(open, type.code(), length);
    try {
      copyTo(open, payload);
      int middle = payload.readableBytes() / RECORD * RECORD;
      if (middle > 0) {
        emit();
        out.write(payload.readRetainedSlice(middle), out.voidPromise());
      }
      if (payload.isReadable()) {
        emit();
        open = out.alloc().directBuffer(RECORD, RECORD);
        record = open;
        copyTo(open, payload);
      }
    } finally {
      payload.release();
    }
  }

  private static void copyTo(ByteBuf open, ByteBuf payload) {
    open.writeBytes(payload, Math.min(open.writableBytes(), payload.readableBytes()));
  }

  private void emit() {
    ByteBuf open = record;
    if (open != null) {
      record = null;
      out.write(open, out.voidPromise());
    }
  }

  void flush() {
    emit();
    if (unflushed > 0) {
      unflushed = 0;
      out.flush();
    }
  }

  /** Plaintext bytes written since the last flush. */
  long unflushed() {
    return unflushed;
  }

  void close() {
    ByteBuf open = record;
    if (open != null) {
      record = null;
      open.release();
    }
    unflushed = 0;
  }
}
