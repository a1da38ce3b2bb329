package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.Scenario;
import dev.holdfast.redirector.demo.ScenarioOptions;
import dev.holdfast.redirector.demo.ScenarioResult;
import dev.holdfast.redirector.demo.Story;
import dev.holdfast.redirector.demo.load.Outcome;
import dev.holdfast.suite.SideBySide;
import java.time.Duration;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The negative control: what the scenario tests say where there is no Holdfast. */
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
class WithoutIT {

  @SideBySide
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void withoutHoldfastEveryOldConnectionStalls(boolean ipv6) throws Exception {
    ScenarioResult result =
        Scenario.run(
            ScenarioOptions.defaults()
                .with(o -> {
                  o.without = true;
                  o.ipv6 = ipv6;
                  o.pause = Duration.ofMillis(500);
                  o.connections = 16;
                }),
            Story.silent());
    assertThat(result.connections())
        .hasSize(16)
        .allSatisfy(each -> assertThat(each.outcome()).as("%s", each).isEqualTo(Outcome.STALLED));
    assertThat(result.newConnectionOk()).isTrue();
    assertThat(result.leftBehind()).isEmpty();
    assertThat(result.isGood()).isFalse();
  }
}
