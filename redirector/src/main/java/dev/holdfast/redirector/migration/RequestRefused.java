package dev.holdfast.redirector.migration;

import java.util.List;

/**
 * A request that was not carried out; nothing was changed. The message is a sentence for the person
 * who asked.
 */
public final class RequestRefused extends Exception {
  private static final long serialVersionUID = 1L;

  /** Why, for programs: decides the HTTP status and the exit code. */
  public enum Kind {
    /** The request itself is wrong: HTTP 400, exit 2. */
    INVALID,
    /** No migration of that name or id: HTTP 404, exit 4. */
    UNKNOWN,
    /** Not in this state, or the name or address is taken: HTTP 409, exit 4. */
    CONFLICT,
    /**
     * The remote host refused, is unreachable or not proven, or a preflight check failed: HTTP 409,
     * exit 4.
     */
    REFUSED,
    /** It was tried and did not work; what had been done was undone: HTTP 500, exit 1. */
    FAILED
  }

  private final Kind kind;
  private final transient List<MigrationPlan.Check> checks;

  public RequestRefused(Kind kind, String message) {
    this(kind, message, List.of());
  }

  /**
   * @param checks of a preflight, those that passed too
   */
  public RequestRefused(Kind kind, String message, List<MigrationPlan.Check> checks) {
    super(message);
    this.kind = kind;
    this.checks = List.copyOf(checks);
  }

  public RequestRefused(Kind kind, String message, Throwable cause) {
    super(message, cause);
    this.kind = kind;
    this.checks = List.of();
  }

  public Kind kind() {
    return kind;
  }

  /** What preflight found, where that is why; else empty. */
  public List<MigrationPlan.Check> checks() {
    return checks;
  }
}
