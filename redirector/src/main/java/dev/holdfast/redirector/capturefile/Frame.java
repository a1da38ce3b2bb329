package dev.holdfast.redirector.capturefile;

/** A captured frame, shown in place: its bytes are valid until the next one is read. */
public final class Frame {
  private static final byte[] NONE = {};

  byte[] array = NONE;
  int offset;
  int length;
  int originalLength;
  int linkType;
  int interfaceNumber;
  long epochNanos;
  long fileOffset;

  Frame() {}

  /** Its bytes are in there, from {@link #offset()} on. */
  public byte[] array() {
    return array;
  }

  public int offset() {
    return offset;
  }

  /** How many bytes were captured. */
  public int length() {
    return length;
  }

  /** How many bytes it had on the wire, as whoever captured it says. */
  public int originalLength() {
    return originalLength;
  }

  /** LINKTYPE_ value, such as 1 for Ethernet. */
  public int linkType() {
    return linkType;
  }

  /** From 0, in the order of their descriptions; always 0 in pcap. */
  public int interfaceNumber() {
    return interfaceNumber;
  }

  /**
   * When it was captured, nanoseconds since 1970 (UTC). One without a time (pcapng's simple
   * packets) has that of the frame before it.
   */
  public long epochNanos() {
    return epochNanos;
  }

  /** Where its record or block begins in the file; in a packed file, in what is unpacked. */
  public long fileOffset() {
    return fileOffset;
  }
}
