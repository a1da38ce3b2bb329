package dev.holdfast.tunnel.link;

import org.jspecify.annotations.Nullable;

/**
 * What a frame on a TLS connection carries. The code is the byte on the wire and never changes its
 * meaning.
 */
public enum FrameType {
  /** First on a control connection, both ways: {@code ControlMessage.Hello}. */
  CONTROL(1),
  /**
   * First on a data connection: migration id (16 bytes), epoch (8), token (16), lane (1; without it
   * lane 0).
   */
  BIND(2),
  /** The answer to BIND: one byte, 0 for accepted; otherwise a UTF-8 sentence follows. */
  BOUND(3),
  /** virtio_net_hdr (10 bytes), packet: deliver it. */
  PACKET(4),
  /** Staging id (8 bytes), virtio_net_hdr, packet: keep it until release. */
  STAGE(5),
  /** Staging id (8 bytes): forget this staged packet. */
  UNSTAGE(6),
  /** Staging id (8 bytes): all of this connection's up to it stand before it. */
  MARKER(7),
  /** The same 8 bytes, sent back when everything before the MARKER has been handled. */
  MARKER_REPLY(8),
  /**
   * virtio_net_hdr, packet: back to the redirector, which holds for a guest on its way back. Only
   * to one that has said so ({@code ControlMessage.HeldToReturn}).
   */
  RETURNED(9);

  private static final FrameType[] BY_CODE = new FrameType[16];

  static {
    for (FrameType type : values()) {
      BY_CODE[type.code] = type;
    }
  }

  private final int code;

  FrameType(int code) {
    this.code = code;
  }

  public int code() {
    return code;
  }

  public static @Nullable FrameType ofCode(int code) {
    return code >= 0 && code < BY_CODE.length ? BY_CODE[code] : null;
  }
}
