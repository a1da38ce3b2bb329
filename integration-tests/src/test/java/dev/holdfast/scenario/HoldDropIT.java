package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.Scenario;
import dev.holdfast.redirector.demo.ScenarioOptions;
import dev.holdfast.redirector.demo.ScenarioResult;
import dev.holdfast.redirector.demo.Story;
import dev.holdfast.redirector.demo.load.Outcome;
import dev.holdfast.redirector.demo.measure.Distribution;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;

/** What holding is for: where packets are dropped instead, clients wait for their own back-off. */
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
class HoldDropIT {

  @Test
  void whereHeldPacketsAreDroppedClientsBackOff() throws Exception {
    ScenarioResult result =
        Scenario.run(ScenarioOptions.defaults().with(o -> o.hold = "drop"), Story.silent());
    Distribution recoveries = result.recoveries();
    System.out.printf(
        Locale.ROOT,
        "recovery with --hold drop: p50 %.1f ms, p99 %.1f ms, max %.1f ms, %d samples%n",
        recoveries.percentile(50),
        recoveries.percentile(99),
        recoveries.max(),
        recoveries.size());
    assertThat(result.count(Outcome.SURVIVED)).isEqualTo(result.connections().size());
    // A client sends again, on its own, at most as long after the gap as the gap was; one that
    // happens to do so at once is possible, all of them are not.
    assertThat(recoveries.max()).isGreaterThan(100);
  }
}
