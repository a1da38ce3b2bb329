package dev.holdfast.redirector.control;

import dev.holdfast.redirector.migration.MigrationView;
import java.util.List;

/**
 * The answer to {@code GET /v1/migrations}.
 *
 * @param schema "holdfast.migrations/1"
 * @param migrations newest first
 */
public record MigrationList(String schema, List<MigrationView> migrations) {
  public static MigrationList of(List<MigrationView> migrations) {
    return new MigrationList("holdfast.migrations/1", migrations);
  }
}
