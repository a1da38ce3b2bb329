package dev.holdfast.redirector.demo;

import dev.holdfast.redirector.demo.load.ConnectionResult;
import dev.holdfast.redirector.demo.load.Outcome;
import dev.holdfast.redirector.demo.measure.Distribution;
import dev.holdfast.redirector.migration.MigrationView;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What came of a scenario. Times are milliseconds.
 *
 * @param recoveries of connections whose client waited for something at release: from its
 *     acceptance to the first newly acknowledged byte; one without an end is missing
 * @param unrecovered connections of that kind that were never acknowledged again
 * @param guestBackoffs of busy connections where only the guest had something to say: from release
 *     to its first new bytes
 * @param roundTrip the shortest from client to guest and back, seen after the move
 * @param resumeToRelease from plugging the guest in to the acceptance of release; null without one
 * @param longestSilence in any busy connection, from hold to its end
 * @param newConnectionAddress where the guest's name led after the move
 * @param namesBefore the addresses that the guest's name had
 * @param namesAfter those that it has after the move
 * @param nameUpdate how long the update took; null where there was none
 * @param routerNeighbour the router's neighbour entry for the guest at hold, as {@code ip} prints
 *     it
 * @param forbidden resets and ICMP errors that a capture has seen
 * @param leftBehind what differs from before
 * @param faults what else went wrong, sentences
 * @param old the migration at the old host at its end; null without Holdfast
 */
public record ScenarioResult(
    ScenarioOptions options,
    List<ConnectionResult> connections,
    Distribution recoveries,
    int unrecovered,
    Distribution guestBackoffs,
    @Nullable Double roundTrip,
    @Nullable Double resumeToRelease,
    @Nullable Double longestSilence,
    String newConnectionAddress,
    boolean newConnectionOk,
    List<String> namesBefore,
    List<String> namesAfter,
    @Nullable Double nameUpdate,
    String routerNeighbour,
    List<String> forbidden,
    List<String> leftBehind,
    List<String> faults,
    @Nullable MigrationView old) {

  /** How many connections came to this. */
  public long count(Outcome outcome) {
    return connections.stream().filter(each -> each.outcome() == outcome).count();
  }

  /** Every connection survived, nothing was left behind, and nothing else went wrong. */
  public boolean isGood() {
    return count(Outcome.SURVIVED) == connections.size()
        && newConnectionOk
        && unrecovered == 0
        && leftBehind.isEmpty()
        && forbidden.isEmpty()
        && faults.isEmpty();
  }
}
