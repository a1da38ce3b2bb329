package dev.holdfast.redirector.migration;

import static dev.holdfast.redirector.migration.MigrationState.DRAINING;
import static dev.holdfast.redirector.migration.MigrationState.REDIRECTING;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.flow.FlowKey;
import dev.holdfast.redirector.flow.FlowTable;
import dev.holdfast.redirector.flow.FlowTimers;
import dev.holdfast.redirector.flow.Origin;
import dev.holdfast.redirector.migration.DrainRule.Due;
import dev.holdfast.tunnel.packet.IpAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DrainRuleTest {
  private static final long SECOND = 1_000_000_000L;
  private static final long MINIMUM = 7440 * SECOND;
  private static final IpAddress GUEST = IpAddress.parse("10.1.0.10");
  private static final IpAddress PEER = IpAddress.parse("10.9.0.2");

  private final DrainRule rule = new DrainRule(MINIMUM);

  @Test
  void drainingBeginsWithTheLastStaleSecond() {
    assertThat(rule.due(REDIRECTING, -1, SECOND, true, 3)).isEqualTo(Due.NOTHING);
    assertThat(rule.due(REDIRECTING, 0, SECOND, true, 3)).isEqualTo(Due.DRAINING);
    assertThat(rule.due(REDIRECTING, Long.MIN_VALUE + 1, MINIMUM, true, 0)).isEqualTo(Due.NOTHING);
  }

  @Test
  void whereAConnectionMayBeUnknownItLastsTheMinimum() {
    assertThat(rule.due(DRAINING, 1, MINIMUM - 1, false, 0)).isEqualTo(Due.NOTHING);
    assertThat(rule.due(DRAINING, 1, MINIMUM, false, 0)).isEqualTo(Due.END);
    assertThat(rule.due(DRAINING, 1, MINIMUM, false, 1)).isEqualTo(Due.NOTHING);
    assertThat(rule.due(DRAINING, 1, SECOND, true, 0)).isEqualTo(Due.END);
  }

  @Test
  void whoEndsItByHandIsToldWhyItIsTooEarly() {
    assertThat(rule.notYet(REDIRECTING, true, MINIMUM, true)).contains("the old address");
    assertThat(rule.notYet(REDIRECTING, false, MINIMUM, true)).contains("drain.after");
    assertThat(rule.notYet(DRAINING, true, 40 * SECOND, false)).contains("7400 s more");
    assertThat(rule.notYet(DRAINING, true, MINIMUM, false)).isNull();
    assertThat(rule.notYet(DRAINING, true, SECOND, true)).isNull();
  }

  @Test
  void otherStatesEndOtherwise() {
    for (MigrationState state : MigrationState.values()) {
      if (state != REDIRECTING && state != DRAINING) {
        assertThat(rule.due(state, MINIMUM, MINIMUM, true, 0)).isEqualTo(Due.NOTHING);
      }
    }
  }

  /** Time is virtual: flows end at random moments of hours, and each look is one of a drain's. */
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5})
  void itEndsWithinASecondOfTheLastFlowAndNeverEarly(long seed) {
    var random = new Random(seed);
    var table = new FlowTable(1000, FlowTimers.DEFAULTS, seed);
    List<Long> ends = new ArrayList<>();
    for (int i = 0; i < 200; i++) {
      var unused = table.list(new FlowKey(6, GUEST, 80, PEER, 1000 + i), 0, Origin.LISTED);
      ends.add(random.nextLong(3 * 3600 * SECOND));
    }
    long last = ends.stream().mapToLong(Long::longValue).max().orElseThrow();
    long now = 0;
    while (true) {
      for (int i = 0; i < ends.size(); i++) {
        var flow = table.find(new FlowKey(6, GUEST, 80, PEER, 1000 + i));
        if (flow != null && ends.get(i) <= now) {
          table.remove(flow);
        }
      }
      if (rule.due(DRAINING, now, now, true, table.countRemaining(now)) == Due.END) {
        break;
      }
      now += Drain.LOOK_MILLIS * 1_000_000L;
    }
    assertThat(now).isBetween(last, last + SECOND);
  }
}
