package dev.holdfast.redirector.migration;

import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;

/**
 * The states of a migration and the transitions that are legal: this enum is the table.
 *
 * <pre>
 * planned -> armed -> holding -> redirecting -> draining -> done
 *              |         |           |             |
 *              +---------+-----------+-------------+--> rolled-back
 * </pre>
 */
public enum MigrationState {
  PLANNED,
  ARMED,
  HOLDING,
  REDIRECTING,
  DRAINING,
  DONE,
  ROLLED_BACK;

  /** The states that may follow this one. */
  public Set<MigrationState> next() {
    return switch (this) {
      case PLANNED -> EnumSet.of(ARMED);
      case ARMED -> EnumSet.of(HOLDING, ROLLED_BACK);
      case HOLDING -> EnumSet.of(REDIRECTING, ROLLED_BACK);
      case REDIRECTING -> EnumSet.of(DRAINING, DONE, ROLLED_BACK);
      case DRAINING -> EnumSet.of(DONE, ROLLED_BACK);
      case DONE, ROLLED_BACK -> EnumSet.noneOf(MigrationState.class);
    };
  }

  public boolean mayBecome(MigrationState other) {
    return next().contains(other);
  }

  /** Nothing of the migration is left on the host. */
  public boolean isEnded() {
    return this == DONE || this == ROLLED_BACK;
  }

  /** As people and JSON see it: {@code rolled-back}. */
  public String label() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  public static MigrationState ofLabel(String label) {
    return valueOf(label.toUpperCase(Locale.ROOT).replace('-', '_'));
  }
}
