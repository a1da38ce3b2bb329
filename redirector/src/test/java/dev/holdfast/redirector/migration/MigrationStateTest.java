package dev.holdfast.redirector.migration;

import static dev.holdfast.redirector.migration.MigrationState.ARMED;
import static dev.holdfast.redirector.migration.MigrationState.DONE;
import static dev.holdfast.redirector.migration.MigrationState.DRAINING;
import static dev.holdfast.redirector.migration.MigrationState.HOLDING;
import static dev.holdfast.redirector.migration.MigrationState.PLANNED;
import static dev.holdfast.redirector.migration.MigrationState.REDIRECTING;
import static dev.holdfast.redirector.migration.MigrationState.ROLLED_BACK;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class MigrationStateTest {

  @Test
  void onlyTheTransitionsOfTheTableAreLegal() {
    Map<MigrationState, List<MigrationState>> table =
        Map.of(
            PLANNED, List.of(ARMED),
            ARMED, List.of(HOLDING, ROLLED_BACK),
            HOLDING, List.of(REDIRECTING, ROLLED_BACK),
            REDIRECTING, List.of(DRAINING, DONE, ROLLED_BACK),
            DRAINING, List.of(DONE, ROLLED_BACK),
            DONE, List.of(),
            ROLLED_BACK, List.of());
    for (MigrationState from : MigrationState.values()) {
      for (MigrationState to : MigrationState.values()) {
        assertThat(from.mayBecome(to))
            .as("%s to %s", from, to)
            .isEqualTo(table.getOrDefault(from, List.of()).contains(to));
      }
    }
  }

  @Test
  void labelsAreReadBack() {
    for (MigrationState state : MigrationState.values()) {
      assertThat(MigrationState.ofLabel(state.label())).isEqualTo(state);
    }
    assertThat(ROLLED_BACK.label()).isEqualTo("rolled-back");
  }
}
