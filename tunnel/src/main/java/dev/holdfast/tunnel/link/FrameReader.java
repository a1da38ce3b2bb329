package dev.holdfast.tunnel.link;

import dev.holdfast.tunnel.encap.FrameSplitter;
import dev.holdfast.tunnel.encap.TlsFrame;
import dev.holdfast.tunnel.observe.DropReason;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import org.jspecify.annotations.Nullable;

/**
 * Finds frames in the buffers that a stream comes in.
 *
 * <p>A frame that lies whole in one buffer is handed on as a slice of it. Only one that spans
 * buffers is copied, once, into a buffer of its own; that buffer grows with what has really come
 * where the length claims more than a packet, so that a claim alone costs no memory.
 */
final class FrameReader {
  /** What is done with each frame. */
  interface Sink {
    /**
     * Returns whether the reader shall go on.
     *
     * @param payload released by the reader after the call
     */
    boolean frame(FrameType type, ByteBuf payload);

    /** The stream is of no use any more; nothing is read from it after this. */
    void broken(DropReason reason, String sentence);
  }

  private static final int FIRST_GROWTH = 1 << 16;

  private final FrameSplitter splitter = new FrameSplitter(FrameType.CONTROL.code());
  private final Sink sink;
  private @Nullable ByteBuf partial;
  private boolean ended;

  FrameReader(Sink sink) {
    this.sink = sink;
  }

  /** Reads all frames that {@code in} completes; keeps what it begins. Releases {@code in}. */
  void read(ByteBufAllocator allocator, ByteBuf in) {
    try {
      while (!ended) {
        ByteBuf gathered = partial;
        if (gathered != null) {
          int missing = splitter.missing(gathered);
          int more = Math.min(missing, in.readableBytes());
          if (more == 0) {
            return;
          }
          gathered.writeBytes(in, more);
          if (more < missing) {
            return;
          }
          FrameSplitter.Result found = splitter.next(gathered);
          if (found == FrameSplitter.Result.NEED_MORE) {
            partial = roomFor(allocator, gathered);
            continue;
          }
          partial = null;
          try {
            accept(found, gathered);
          } finally {
            gathered.release();
          }
          continue;
        }
        if (!in.isReadable()) {
          return;
        }
        FrameSplitter.Result found = splitter.next(in);
        if (found == FrameSplitter.Result.NEED_MORE) {
          ByteBuf begun = allocator.directBuffer(capacityFor(in));
          partial = begun;
          begun.writeBytes(in);
          return;
        }
        accept(found, in);
      }
    } finally {
      in.release();
    }
  }

  /** Enough for the whole frame where its length is known and modest. */
  private int capacityFor(ByteBuf begun) {
    int whole = begun.readableBytes() + splitter.missing(begun);
    int wanted = Math.max(begun.readableBytes(), Math.min(whole, FIRST_GROWTH * 2));
    return Math.max(wanted, TlsFrame.HEADER);
  }

  private ByteBuf roomFor(ByteBufAllocator allocator, ByteBuf gathered) {
    int wanted = capacityFor(gathered);
    if (gathered.capacity() >= wanted) {
      return gathered;
    }
    ByteBuf larger = allocator.directBuffer(wanted);
    larger.writeBytes(gathered);
    gathered.release();
    return larger;
  }

  private void accept(FrameSplitter.Result found, ByteBuf from) {
    switch (found) {
      case FRAME -> frame(from);
      case TOO_LONG ->
          end(DropReason.FRAME_TOO_LONG, "sent a frame whose length is over the limit");
      case TOO_SHORT -> end(DropReason.FRAME_TOO_SHORT, "sent a frame of length 0");
      case NEED_MORE -> throw new AssertionError("handled by the caller");
    }
  }

  private void frame(ByteBuf from) {
    FrameType type = FrameType.ofCode(splitter.type());
    int length = splitter.payloadLength();
    if (type == null) {
      end(DropReason.FRAME_UNKNOWN, "sent a frame of the unknown type " + splitter.type());
      return;
    }
    if (length < FrameLengths.shortest(type)) {
      end(
          DropReason.FRAME_TOO_SHORT,
          "sent a frame of type " + type + " with only " + length + " bytes");
      return;
    }
    if (length > FrameLengths.longest(type)) {
      end(DropReason.FRAME_TOO_LONG, "sent a frame of type " + type + " with " + length + " bytes");
      return;
    }
    ByteBuf payload = from.retainedSlice(splitter.payloadIndex(), length);
    try {
      if (!sink.frame(type, payload)) {
        ended = true;
      }
    } finally {
      payload.release();
    }
  }

  private void end(DropReason reason, String sentence) {
    ended = true;
    sink.broken(reason, sentence);
  }

  /** Forgets a frame that has begun. */
  void close() {
    ended = true;
    ByteBuf gathered = partial;
    if (gathered != null) {
      partial = null;
      gathered.release();
    }
  }
}
