package dev.holdfast.redirector.control;

/**
 * The answer to who ends a capture.
 *
 * @param schema "holdfast.capture-ended/1"
 */
public record CaptureEnded(String schema, String id) {
  static CaptureEnded of(String id) {
    return new CaptureEnded("holdfast.capture-ended/1", id);
  }
}
