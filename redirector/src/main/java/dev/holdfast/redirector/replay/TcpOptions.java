package dev.holdfast.redirector.replay;

import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;

/**
 * The options of one TCP segment (RFC 9293 section 3.2, RFC 7323, RFC 2018). One object serves for
 * segment after segment.
 */
final class TcpOptions {
  static final int NOP = 1;
  static final int MSS = 2;
  static final int WINDOW_SCALE = 3;
  static final int SACK_PERMITTED = 4;
  static final int SACK = 5;
  static final int TIMESTAMPS = 8;
  static final int MOST_BLOCKS = 4;
  private static final int FIXED = 20;

  boolean hasTimestamps;
  int value;
  int echo;

  /** 0 where it is not said. */
  int mss;

  /** -1 where it is not said. */
  int windowScale;

  boolean sackPermitted;
  int blocks;
  final int[] blockStart = new int[MOST_BLOCKS];
  final int[] blockEnd = new int[MOST_BLOCKS];

  /** Reads those of a segment; what cannot be right ends the list, as in a kernel. */
  void read(PacketView view) {
    hasTimestamps = false;
    mss = 0;
    windowScale = -1;
    sackPermitted = false;
    blocks = 0;
    ByteBuf buf = view.buffer();
    int at = view.transportStart() + FIXED;
    // of a captured segment not all options may be there
    int end = Math.min(view.transportStart() + view.tcpHeaderLength(), buf.writerIndex());
    while (at < end) {
      int kind = buf.getByte(at) & 0xff;
      if (kind == 0) {
        return;
      }
      if (kind == NOP) {
        at++;
        continue;
      }
      int length = at + 1 < end ? buf.getByte(at + 1) & 0xff : 0;
      if (length < 2 || at + length > end) {
        return;
      }
      option(buf, at, kind, length);
      at += length;
    }
  }

  private void option(ByteBuf buf, int at, int kind, int length) {
    switch (kind) {
      case MSS -> mss = length == 4 ? buf.getUnsignedShort(at + 2) : 0;
      case WINDOW_SCALE ->
          windowScale = length == 3 ? Math.min(14, buf.getByte(at + 2) & 0xff) : -1;
      case SACK_PERMITTED -> sackPermitted = length == 2;
      case TIMESTAMPS -> {
        if (length == 10) {
          hasTimestamps = true;
          value = buf.getInt(at + 2);
          echo = buf.getInt(at + 6);
        }
      }
      case SACK -> {
        for (int block = at + 2; block + 8 <= at + length && blocks < MOST_BLOCKS; block += 8) {
          blockStart[blocks] = buf.getInt(block);
          blockEnd[blocks++] = buf.getInt(block + 4);
        }
      }
      default -> {}
    }
  }
}
