package dev.holdfast.redirector.steer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import dev.holdfast.tunnel.packet.MacAddress;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class AnswerTableTest {
  private static final MacAddress GUEST = MacAddress.parse("52:54:00:00:00:10");
  private static final MacAddress OTHER = MacAddress.parse("52:54:00:00:00:20");
  private static final MacAddress BRIDGE = MacAddress.parse("02:00:00:00:00:01");
  private static final IpAddress OLD = IpAddress.parse("10.1.0.10");
  private static final IpAddress NEW = IpAddress.parse("10.1.0.130");
  private static final IpAddress GATEWAY = IpAddress.parse("10.1.0.1");

  private static final List<IpPrefix> LANS = List.of(IpPrefix.parse("10.1.0.0/24"));
  private final AnswerTable table = new AnswerTable();

  private @Nullable MacAddress answer(MacAddress asker, IpAddress target) {
    return table.answer(asker, OLD, MacAddress.BROADCAST, target);
  }

  @Test
  void answersTheGuestForItsOldLanOnlyWhereItAsksAsAnOldAddress() {
    table.serve(GUEST, Set.of(OLD), Set.of(NEW), LANS, List.of(), BRIDGE);
    IpAddress stranger = IpAddress.parse("10.9.0.77"); // another machine with that MAC
    assertThat(table.answer(GUEST, stranger, MacAddress.BROADCAST, GATEWAY)).isNull();
    assertThat(table.answer(GUEST, NEW, MacAddress.BROADCAST, GATEWAY)).isNull();
    assertThat(table.answer(GUEST, NEW, BRIDGE, GATEWAY))
        .as("a probe whether we are still there")
        .isEqualTo(BRIDGE);
    assertThat(table.answer(GUEST, OLD, MacAddress.BROADCAST, GATEWAY)).isEqualTo(BRIDGE);
  }

  @Test
  void answersAnybodyButTheGuestForACapturedAddressAlone() {
    table.capture(OLD, BRIDGE, GUEST);
    assertThat(answer(OTHER, OLD)).isEqualTo(BRIDGE);
    assertThat(answer(GUEST, OLD)).as("it asks whether somebody else has it").isNull();
    assertThat(answer(OTHER, GATEWAY)).isNull();
    table.release(OLD);
    assertThat(answer(OTHER, OLD)).isNull();
    assertThat(table.isEmpty()).isTrue();
  }

  @Test
  void answersTheGuestAloneForTheLanItHasLeft() {
    table.serve(GUEST, Set.of(OLD), Set.of(NEW), LANS, List.of(), BRIDGE);
    assertThat(answer(GUEST, GATEWAY)).isEqualTo(BRIDGE);
    assertThat(answer(OTHER, GATEWAY)).isNull();
    assertThat(answer(GUEST, IpAddress.parse("10.2.0.1"))).isNull();
    table.stopServing(GUEST);
    assertThat(answer(GUEST, GATEWAY)).isNull();
  }

  @Test
  void remembersWhomTheGuestWasToldToBeHere() {
    IpAddress host = IpAddress.parse("10.2.0.2");
    table.serve(GUEST, Set.of(OLD), Set.of(NEW), LANS, List.of(host), BRIDGE);
    assertThat(table.told(GUEST)).isEmpty();
    answer(GUEST, GATEWAY);
    answer(GUEST, GATEWAY);
    answer(GUEST, host); // it is here
    answer(GUEST, OLD);
    answer(OTHER, IpAddress.parse("10.1.0.7"));
    assertThat(table.told(GUEST)).containsExactly(GATEWAY);
    assertThat(table.told(OTHER)).isEmpty();
    for (int i = 0; i < 2 * AnswerTable.MOST_TOLD; i++) {
      answer(GUEST, IpAddress.parse("10.1.0." + (20 + i)));
    }
    assertThat(table.told(GUEST)).hasSize(AnswerTable.MOST_TOLD);
  }

  @Test
  void answersTheGuestForThisHostWhereItsKernelDoesNotHearIt() {
    IpAddress host = IpAddress.parse("10.2.0.2");
    table.serve(GUEST, Set.of(OLD), Set.of(NEW), LANS, List.of(host), BRIDGE);
    assertThat(answer(GUEST, host)).isEqualTo(BRIDGE);
    assertThat(answer(OTHER, host)).isNull();
    assertThat(table.speaksForRouters(GUEST, host)).isFalse();
    assertThat(table.speaksForRouters(GUEST, GATEWAY)).isTrue();
  }

  @Test
  void neverAnswersTheGuestForItsOwnAddresses() {
    table.serve(GUEST, Set.of(OLD), Set.of(NEW), LANS, List.of(), BRIDGE);
    assertThat(answer(GUEST, OLD)).isNull();
    assertThat(answer(GUEST, NEW)).isNull();
  }

  @Test
  void saysThatAnOldNeighbourIsARouterButTheGuestIsNot() {
    table.capture(OLD, BRIDGE, GUEST);
    table.serve(GUEST, Set.of(OLD), Set.of(NEW), LANS, List.of(), BRIDGE);
    assertThat(table.speaksForRouters(OTHER, OLD)).isFalse();
    assertThat(table.speaksForRouters(GUEST, GATEWAY)).isTrue();
  }

  @Test
  void asksAsTheNewAddressWhatIsNotOfTheOldLan() {
    table.serve(GUEST, Set.of(OLD), Set.of(NEW), LANS, List.of(), BRIDGE);
    IpAddress neighbour = IpAddress.parse("10.2.0.1");
    assertThat(table.renamed(GUEST, OLD, neighbour)).isEqualTo(NEW);
    assertThat(table.renamed(GUEST, NEW, neighbour)).as("by itself").isNull();
    assertThat(table.renamed(OTHER, OLD, neighbour)).isNull();
    assertThat(table.renamed(GUEST, OLD, GATEWAY)).as("is answered").isNull();
    assertThat(table.renamed(GUEST, OLD, NEW)).isNull();
    assertThat(table.renamed(GUEST, OLD, OLD)).as("an announcement").isNull();
  }
}
