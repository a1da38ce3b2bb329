package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.Ending;
import dev.holdfast.redirector.demo.ScenarioResult;
import dev.holdfast.redirector.demo.lab.Lab;
import dev.holdfast.redirector.demo.load.Outcome;
import java.util.function.Predicate;

/** What scenario tests expect of a result, with everything in the message where it is not so. */
final class Expected {
  private Expected() {}

  /** No connection lost, no wrong byte, no reset or ICMP error seen, nothing left behind. */
  static void everythingSurvived(ScenarioResult result) {
    everythingSurvived(result, line -> false);
    assertThat(result.isGood()).isTrue();
  }

  /** The same, where some resets are no wonder. */
  static void everythingSurvived(ScenarioResult result, Predicate<String> expectedReset) {
    assertThat(result.faults()).as("faults").isEmpty();
    assertThat(result.connections())
        .as("connections")
        .hasSize(result.options().connections() + result.options().peerConnections())
        .allSatisfy(each -> assertThat(each.outcome()).as("%s", each).isEqualTo(Outcome.SURVIVED));
    assertThat(result.forbidden())
        .filteredOn(line -> !expectedReset.test(line))
        .as("resets and ICMP errors")
        .isEmpty();
    assertThat(result.leftBehind()).as("left behind").isEmpty();
    assertThat(result.newConnectionOk()).as("the new connection works").isTrue();
    assertThat(result.unrecovered()).as("clients that still wait").isZero();
    if (result.options().ending() == Ending.MOVED) {
      assertThat(result.recoveries().isEmpty()).as("no client waited at release").isFalse();
      assertThat(result.namesAfter()).isNotEqualTo(result.namesBefore()).hasSize(1);
    } else {
      assertThat(result.namesAfter()).isEqualTo(result.namesBefore());
    }
  }

  /** At hold the router still sent to the guest's MAC. */
  static void routerKnewTheGuest(ScenarioResult result) {
    assertThat(result.routerNeighbour()).contains(Lab.GUEST_MAC).contains("REACHABLE");
  }
}
