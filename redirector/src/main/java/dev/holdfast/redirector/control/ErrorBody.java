package dev.holdfast.redirector.control;

import dev.holdfast.redirector.migration.RequestRefused;
import java.util.Locale;

/**
 * Why a request was not carried out.
 *
 * @param schema "holdfast.error/1"
 * @param kind invalid, unknown, conflict, refused or failed: {@link RequestRefused.Kind}
 * @param message a sentence for the person who asked
 */
public record ErrorBody(String schema, String kind, String message) {
  static final String SCHEMA = "holdfast.error/1";

  public static ErrorBody of(RequestRefused.Kind kind, String message) {
    return new ErrorBody(SCHEMA, kind.name().toLowerCase(Locale.ROOT), message);
  }

  /** The kind as the daemon meant it; one that this program does not know is a failure. */
  RequestRefused toException() {
    for (RequestRefused.Kind each : RequestRefused.Kind.values()) {
      if (each.name().equalsIgnoreCase(kind)) {
        return new RequestRefused(each, message);
      }
    }
    return new RequestRefused(RequestRefused.Kind.FAILED, message);
  }
}
