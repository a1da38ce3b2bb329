package dev.holdfast.redirector.capturediff;

import dev.holdfast.redirector.capturefile.CapturedPacket;
import dev.holdfast.redirector.capturefile.Frame;
import java.util.Arrays;

/**
 * A packet as it is kept until its equal comes.
 *
 * @param number in its capture, from 1
 * @param nanos after the first packet of its capture
 * @param same equal for packets whose fields are the same, but for ignored ones
 * @param like equal for packets that are one and the same, though a field may have changed
 * @param frame from the frame's first byte to the packet's last captured one
 * @param packetAt the packet's first byte in that
 * @param original bytes of the packet on the wire
 */
record SeenPacket(
    long number,
    long nanos,
    FlowKey flow,
    long same,
    long like,
    byte[] frame,
    int linkType,
    int packetAt,
    int original) {
  private static final int OVERHEAD = 160;

  static SeenPacket of(
      Frame frame,
      CapturedPacket packet,
      long number,
      long nanos,
      FlowKey flow,
      long same,
      long like) {
    return new SeenPacket(
        number,
        nanos,
        flow,
        same,
        like,
        Arrays.copyOfRange(frame.array(), frame.offset(), packet.limit()),
        frame.linkType(),
        packet.start() - frame.offset(),
        packet.end() - packet.start());
  }

  /** How much memory it takes, about. */
  int size() {
    return frame.length + OVERHEAD;
  }

  void lay(CapturedPacket packet) {
    var unused = packet.lay(frame, packetAt, frame.length - packetAt, original);
  }

  @Override
  public boolean equals(Object other) {
    return this == other; // one and the same: the set of those that wait has each once
  }

  @Override
  public int hashCode() {
    return System.identityHashCode(this);
  }
}
