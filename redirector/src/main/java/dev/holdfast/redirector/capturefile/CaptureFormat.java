package dev.holdfast.redirector.capturefile;

import java.io.IOException;

/** How frames follow each other in a file. */
interface CaptureFormat {
  /**
   * Goes to the next frame, and puts it into {@code frame}.
   *
   * @return false at the end of the file
   * @throws Damage where what comes next cannot be right
   */
  boolean next(CaptureSource source, Frame frame) throws IOException, Damage;

  /** Such as "pcap, microseconds, little-endian". */
  String description();

  /**
   * More than that no program captures of one frame (libpcap and Wireshark have the same limit), so
   * a length beyond it is a damaged one.
   */
  int LONGEST_FRAME = 262_144;

  /** Something that cannot be right, in words that begin with "it" or "its". */
  final class Damage extends Exception {
    private static final long serialVersionUID = 1L;

    final long offset;

    Damage(long offset, String what) {
      super(what, null, false, false);
      this.offset = offset;
    }
  }
}
