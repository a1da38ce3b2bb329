package dev.holdfast.redirector.replay;

/** Writes the options of one end's segments. */
final class OptionWriter {
  private static final long MILLI = 1_000_000L; // of a time stamp's clock, as Linux has it

  final byte[] bytes = new byte[40];
  private final Script script;

  OptionWriter(Script script) {
    this.script = script;
  }

  /**
   * Writes those of the next segment.
   *
   * @param echo the newest time stamp that was heard
   * @return how many bytes, whole words
   */
  int write(boolean syn, Script other, Received received, int echo, long now) {
    int at = 0;
    if (syn) {
      at = handshake();
    }
    if (script.timestamps) {
      bytes[at++] = TcpOptions.NOP;
      bytes[at++] = TcpOptions.NOP;
      at = option(at, TcpOptions.TIMESTAMPS, 10);
      long millis = (now - script.firstTimestampAt) / MILLI;
      put32(at - 8, script.firstTimestamp + (int) millis);
      put32(at - 4, echo);
    }
    if (!syn && script.hasSack(other)) {
      at = received.sackBlocks(bytes, at, other);
    }
    while (at % 4 != 0) {
      bytes[at++] = TcpOptions.NOP;
    }
    return at;
  }

  private int handshake() {
    int at = 0;
    if (script.mss > 0) {
      at = option(at, TcpOptions.MSS, 4);
      put16(at - 2, script.mss);
    }
    if (script.sackPermitted) {
      at = option(at, TcpOptions.SACK_PERMITTED, 2);
    }
    if (script.windowScale >= 0) {
      at = option(at, TcpOptions.WINDOW_SCALE, 3);
      bytes[at - 1] = (byte) script.windowScale;
    }
    return at;
  }

  private int option(int at, int kind, int length) {
    bytes[at] = (byte) kind;
    bytes[at + 1] = (byte) length;
    return at + length;
  }

  private void put16(int at, int value) {
    bytes[at] = (byte) (value >> 8);
    bytes[at + 1] = (byte) value;
  }

  private void put32(int at, int value) {
    put16(at, value >> 16);
    put16(at + 2, value);
  }
}
