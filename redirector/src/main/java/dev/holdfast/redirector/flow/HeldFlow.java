package dev.holdfast.redirector.flow;

/**
 * What is kept beside a flow that was alive at hold, for the continuity report: 40 bytes, and 4 in
 * the table's list of such flows.
 */
final class HeldFlow {
  final long toGuestBytes;
  final long fromGuestBytes;
  long recoveryNanos = -1;

  HeldFlow(long toGuestBytes, long fromGuestBytes) {
    this.toGuestBytes = toGuestBytes;
    this.fromGuestBytes = fromGuestBytes;
  }
}
