package dev.holdfast.scenario;

import static dev.holdfast.scenario.Expected.everythingSurvived;

import dev.holdfast.redirector.demo.Ending;
import dev.holdfast.redirector.demo.Scenario;
import dev.holdfast.redirector.demo.ScenarioOptions;
import dev.holdfast.redirector.demo.ScenarioResult;
import dev.holdfast.redirector.demo.Story;
import java.time.Duration;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * A migration is taken back in the demo's lab (drawn in {@code dev.holdfast.redirector.demo.lab}):
 * the connections go on at the old host, and nothing is left.
 */
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
class RollbackIT {

  @ParameterizedTest
  @CsvSource({
    "ROLLED_BACK_FROM_ARMED,   false, tls,  false, tun",
    "ROLLED_BACK_FROM_HOLDING, false, ipip, true,  tun",
    "ROLLED_BACK_FROM_HOLDING, true,  tls,  false, tun",
    "ROLLED_BACK_FROM_HOLDING, true,  tls,  true,  pcap",
  })
  void theConnectionsGoOnAtTheOldHost(
      Ending ending, boolean ipv6, String encapsulation, boolean lowestMac, String capture)
      throws Exception {
    ScenarioResult result =
        Scenario.run(
            ScenarioOptions.defaults()
                .with(o -> {
                  o.ending = ending;
                  o.ipv6 = ipv6;
                  o.encapsulation = encapsulation;
                  o.capture = capture;
                  o.lowestMac = lowestMac;
                  o.pause = Duration.ofSeconds(1);
                  o.peerConnections = 4;
                }),
            Story.silent());
    everythingSurvived(result);
  }
}
