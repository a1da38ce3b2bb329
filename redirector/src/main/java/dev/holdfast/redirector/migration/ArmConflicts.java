package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.decide.Role;

/**
 * What stands between a migration that is to be armed and another one that this host knows of.
 *
 * <p>Each method throws {@link RequestRefused} {@code CONFLICT} with a sentence that names the
 * other migration.
 */
final class ArmConflicts {
  private ArmConflicts() {}

  /** A name may still be on its way back. */
  static void withNames(LiveMigration other, MigrationRecord wanted) throws RequestRefused {
    String name =
        other instanceof RedirectorMigration earlier ? earlier.nameEnding(wanted.dnsNames()) : null;
    if (name != null) {
      throw new RequestRefused(
          RequestRefused.Kind.CONFLICT,
          "DNS for "
              + name
              + " is still being put in order after migration "
              + other.record.name()
              + (other.state() == MigrationState.PLANNED
                  ? ", which could not be armed; try again when the DNS server answers"
                  : "; see holdfast migration show " + other.record.id()));
    }
  }

  /** Another host cannot send a guest here that is about to leave this one. */
  static void withLeaving(MigrationRecord record, MigrationRecord wanted) throws RequestRefused {
    boolean isLeaving =
        record.role() == Role.REDIRECTOR
            && (record.state() == MigrationState.ARMED || record.state() == MigrationState.HOLDING);
    for (String old : wanted.oldAddresses()) {
      if (isLeaving && wanted.role() == Role.ENDPOINT && record.oldAddresses().contains(old)) {
        throw new RequestRefused(
            RequestRefused.Kind.CONFLICT,
            old
                + " is the guest's of migration "
                + record.name()
                + ", which runs here and is to leave: roll that back, or wait for its release");
      }
    }
  }

  /** Neither its name nor an old address may be that of a live migration. */
  static void withLive(MigrationRecord record, MigrationRecord wanted) throws RequestRefused {
    if (record.name().equals(wanted.name())) {
      throw new RequestRefused(
          RequestRefused.Kind.CONFLICT,
          "the name "
              + wanted.name()
              + " is taken by a migration that is "
              + record.state().label()
              + "; choose another, or roll it back or finish it first");
    }
    for (String old : wanted.oldAddresses()) {
      if (record.oldAddresses().contains(old)) {
        throw new RequestRefused(
            RequestRefused.Kind.CONFLICT,
            old
                + " belongs to migration "
                + record.name()
                + ", which is "
                + record.state().label());
      }
    }
  }
}
