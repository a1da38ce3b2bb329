package dev.holdfast.redirector.control;

import dev.holdfast.redirector.migration.MigrationPlan;
import dev.holdfast.redirector.migration.RequestRefused;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Why a request was not carried out.
 *
 * @param schema "holdfast.error/1"
 * @param kind invalid, unknown, conflict, refused or failed: {@link RequestRefused.Kind}
 * @param message a sentence for the person who asked
 * @param checks what preflight found, where that is why; else empty
 */
public record ErrorBody(
    String schema, String kind, String message, @Nullable List<MigrationPlan.Check> checks) {
  static final String SCHEMA = "holdfast.error/1";

  public static ErrorBody of(RequestRefused.Kind kind, String message) {
    return of(kind, message, List.of());
  }

  public static ErrorBody of(
      RequestRefused.Kind kind, String message, List<MigrationPlan.Check> checks) {
    return new ErrorBody(SCHEMA, kind.name().toLowerCase(Locale.ROOT), message, checks);
  }

  /** The kind as the daemon meant it; one that this program does not know is a failure. */
  RequestRefused toException() {
    List<MigrationPlan.Check> found = checks == null ? List.of() : checks; // an older daemon's
    for (RequestRefused.Kind each : RequestRefused.Kind.values()) {
      if (each.name().equalsIgnoreCase(kind)) {
        return new RequestRefused(each, message, found);
      }
    }
    return new RequestRefused(RequestRefused.Kind.FAILED, message, found);
  }
}
