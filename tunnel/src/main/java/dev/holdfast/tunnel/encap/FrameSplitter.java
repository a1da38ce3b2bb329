package dev.holdfast.tunnel.encap;

import io.netty.buffer.ByteBuf;

/**
 * Finds the frames in what has come in on a TLS stream, without copying.
 *
 * <p>The caller gathers bytes in a buffer and asks {@link #next} again and again; each {@link
 * Result#FRAME} has been consumed from the buffer and its payload lies at {@link #payloadIndex}. A
 * length that no honest sender writes is refused from the header alone, so that nobody makes us
 * wait for bytes that we would not take.
 */
public final class FrameSplitter {
  /** For a connection on which control frames have no place. */
  public static final int NO_CONTROL = -1;

  /** What the bytes at hand begin with. */
  public enum Result {
    /** A whole frame; it has been read off the buffer. */
    FRAME,
    /** The start of a frame that is in order so far. */
    NEED_MORE,
    /** A length of 0, which leaves no room for the type. The stream is of no use any more. */
    TOO_SHORT,
    /** A length over the limit for its type. The stream is of no use any more. */
    TOO_LONG
  }

  private final int controlType;
  private int type;
  private int payloadIndex;
  private int payloadLength;

  /**
   * @param controlType code of the one type that may be as long as {@link
   *     TlsFrame#MAX_CONTROL_FRAME}, or {@link #NO_CONTROL}; all others are bounded by {@link
   *     TlsFrame#MAX_PACKET_FRAME}
   */
  public FrameSplitter(int controlType) {
    this.controlType = controlType;
  }

  /**
   * Looks at the readable bytes of {@code in}. On {@link Result#FRAME} the reader index has moved
   * past the frame; otherwise nothing has changed.
   */
  public Result next(ByteBuf in) {
    int readable = in.readableBytes();
    if (readable < TlsFrame.LENGTH_FIELD) {
      return Result.NEED_MORE;
    }
    int at = in.readerIndex();
    long length = in.getUnsignedInt(at);
    if (length == 0) {
      return Result.TOO_SHORT;
    }
    if (length
        > (controlType == NO_CONTROL ? TlsFrame.MAX_PACKET_FRAME : TlsFrame.MAX_CONTROL_FRAME)) {
      return Result.TOO_LONG;
    }
    if (readable < TlsFrame.HEADER) {
      return Result.NEED_MORE;
    }
    int code = in.getUnsignedByte(at + TlsFrame.LENGTH_FIELD);
    if (length > TlsFrame.MAX_PACKET_FRAME && code != controlType) {
      return Result.TOO_LONG;
    }
    if (readable - TlsFrame.LENGTH_FIELD < length) {
      return Result.NEED_MORE;
    }
    type = code;
    payloadIndex = at + TlsFrame.HEADER;
    payloadLength = (int) length - 1;
    in.readerIndex(payloadIndex + payloadLength);
    return Result.FRAME;
  }

  /**
   * The bytes after which {@link #next} can say more of the frame at the reader index, at least 1;
   * valid after NEED_MORE. They end with the length, with the type, and with the frame: each is to
   * be judged before more is gathered, since a length that nobody has looked at may say anything.
   */
  public int missing(ByteBuf in) {
    int readable = in.readableBytes();
    if (readable < TlsFrame.LENGTH_FIELD) {
      return TlsFrame.LENGTH_FIELD - readable;
    }
    return readable < TlsFrame.HEADER
        ? TlsFrame.HEADER - readable
        : TlsFrame.LENGTH_FIELD + in.getInt(in.readerIndex()) - readable;
  }

  /** The last frame's type code, 0 to 255. */
  public int type() {
    return type;
  }

  /** Absolute index of the last frame's payload in the buffer given to {@link #next}. */
  public int payloadIndex() {
    return payloadIndex;
  }

  /** Bytes of the last frame's payload, 0 or more. */
  public int payloadLength() {
    return payloadLength;
  }
}
