package dev.holdfast.scenario;

import static dev.holdfast.scenario.Expected.everythingSurvived;
import static dev.holdfast.scenario.Expected.routerKnewTheGuest;

import dev.holdfast.redirector.demo.Scenario;
import dev.holdfast.redirector.demo.ScenarioOptions;
import dev.holdfast.redirector.demo.Story;
import java.time.Duration;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The guest moves between the hosts of the demo's lab (drawn in {@code
 * dev.holdfast.redirector.demo.lab}) with connections of all four kinds: none is lost, none is
 * reset, every byte is right, and nothing is left behind.
 *
 * <p>One row varies several things at once; what they have to do with each other is in its name.
 */
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
class MoveIT {

  private static Arguments row(String name, Consumer<ScenarioOptions.Draft> change) {
    return Arguments.argumentSet(name, ScenarioOptions.defaults().with(change));
  }

  static Stream<Arguments> moves() {
    return Stream.of(
        row(
            "TLS, IPv4, 0.2 s, a peer on the old bridge too",
            o -> {
              o.pause = Duration.ofMillis(200);
              o.peerConnections = 8;
            }),
        row(
            "TLS, IPv4, 3 s, 64 connections, the deleted port had the bridge's MAC",
            o -> {
              o.pause = Duration.ofSeconds(3);
              o.connections = 64;
              o.deletePort = true;
              o.lowestMac = true;
              o.seed = 2;
            }),
        row(
            "TLS, IPv6, 0.2 s, 20 ms each way, the old port deleted",
            o -> {
              o.ipv6 = true;
              o.pause = Duration.ofMillis(200);
              o.delay = Duration.ofMillis(20);
              o.deletePort = true;
              o.seed = 3;
            }),
        row(
            "TLS, IPv6, 3 s, 64 connections, a peer on the old bridge too",
            o -> {
              o.ipv6 = true;
              o.pause = Duration.ofSeconds(3);
              o.connections = 64;
              o.peerConnections = 8;
              o.seed = 4;
            }),
        row(
            "IP-in-IP, IPv4, 0.2 s, 20 ms each way, the kept port has the bridge's MAC",
            o -> {
              o.encapsulation = "ipip";
              o.pause = Duration.ofMillis(200);
              o.delay = Duration.ofMillis(20);
              o.lowestMac = true;
              o.seed = 5;
            }),
        row(
            "IP-in-IP, IPv4, 3 s, 64 connections, the old port deleted, a peer on the old bridge",
            o -> {
              o.encapsulation = "ipip";
              o.pause = Duration.ofSeconds(3);
              o.connections = 64;
              o.deletePort = true;
              o.peerConnections = 8;
              o.seed = 6;
            }),
        row(
            "TLS, IPv4, 30 s, 20 ms each way",
            o -> {
              o.pause = Duration.ofSeconds(30);
              o.delay = Duration.ofMillis(20);
              o.seed = 7;
            }));
  }

  @ParameterizedTest
  @MethodSource("moves")
  void everyConnectionSurvives(ScenarioOptions options) throws Exception {
    var result = Scenario.run(options, Story.silent());
    everythingSurvived(result);
    routerKnewTheGuest(result);
  }
}
