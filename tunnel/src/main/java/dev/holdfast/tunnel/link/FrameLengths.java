package dev.holdfast.tunnel.link;

import dev.holdfast.tunnel.encap.TlsFrame;
import dev.holdfast.tunnel.packet.VirtioNetHeader;

/** How many payload bytes a frame of each type may have. */
final class FrameLengths {
  /** Bytes of a staging id. */
  private static final int ID = 8;

  /** Migration id, epoch, token. */
  private static final int BIND = 16 + 8 + 16;

  private static final int LANE = 1;

  /** The verdict, and a sentence of up to 1 KiB. */
  private static final int BOUND = 1 + 1024;

  /** An IPv4 header without options. */
  private static final int SMALLEST_PACKET = 20;

  private FrameLengths() {}

  static int shortest(FrameType type) {
    return switch (type) {
      case CONTROL, BOUND -> 1;
      case BIND -> BIND;
      case PACKET, RETURNED -> VirtioNetHeader.LENGTH + SMALLEST_PACKET;
      case STAGE -> ID + VirtioNetHeader.LENGTH + SMALLEST_PACKET;
      case UNSTAGE, MARKER, MARKER_REPLY -> ID;
    };
  }

  static int longest(FrameType type) {
    return switch (type) {
      case CONTROL -> TlsFrame.MAX_CONTROL_FRAME - 1;
      case BIND -> BIND + LANE;
      case BOUND -> BOUND;
      case PACKET, RETURNED -> TlsFrame.MAX_PACKET_FRAME - 1 - ID;
      case STAGE -> TlsFrame.MAX_PACKET_FRAME - 1;
      case UNSTAGE, MARKER, MARKER_REPLY -> ID;
    };
  }
}
