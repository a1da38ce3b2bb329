package dev.holdfast.tunnel.encap;

import static dev.holdfast.tunnel.encap.PathMtuProbing.Step.CONFIRM;
import static dev.holdfast.tunnel.encap.PathMtuProbing.Step.RAISE;
import static dev.holdfast.tunnel.encap.PathMtuProbing.Step.SEARCH;
import static dev.holdfast.tunnel.encap.PathMtuProbing.Step.WAIT;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class PathMtuProbingTest {
  private static final long SECOND = 1_000_000_000L;

  private final PathMtuProbing probing = new PathMtuProbing(0);

  @Test
  void whatPassesIsConfirmedEveryFiveSeconds() {
    assertThat(probing.step(false, 5 * SECOND - 1)).isEqualTo(WAIT);
    assertThat(probing.left(4 * SECOND)).isEqualTo(SECOND);
    assertThat(probing.step(false, 5 * SECOND)).isEqualTo(CONFIRM);
    probing.passed(5 * SECOND);
    assertThat(probing.step(false, 9 * SECOND)).isEqualTo(WAIT);
    assertThat(probing.step(false, 10 * SECOND)).isEqualTo(CONFIRM);
  }

  @Test
  void threeLostInARowAreASign() {
    for (int i = 0; i < 2; i++) {
      probing.lost((5 + i) * SECOND);
      assertThat(probing.step(true, (6 + i) * SECOND - 1)).isEqualTo(WAIT);
      assertThat(probing.step(true, (6 + i) * SECOND)).isEqualTo(CONFIRM);
    }
    probing.lost(7 * SECOND);
    assertThat(probing.left(7 * SECOND)).isZero();
    assertThat(probing.step(true, 7 * SECOND)).isEqualTo(SEARCH);
    probing.searched(true, 8 * SECOND);
    assertThat(probing.step(true, 13 * SECOND)).isEqualTo(CONFIRM);
  }

  @Test
  void twoLostAndOneAnsweredAreNone() {
    probing.lost(5 * SECOND);
    probing.lost(6 * SECOND);
    probing.passed(7 * SECOND);
    probing.lost(12 * SECOND);
    assertThat(probing.step(false, 13 * SECOND)).isEqualTo(CONFIRM);
  }

  @Test
  void whereNothingPassesThereIsNoSearchWithoutEnd() {
    for (int i = 0; i < 3; i++) {
      probing.lost(5 * SECOND);
    }
    probing.searched(false, 6 * SECOND);
    assertThat(probing.step(false, 65 * SECOND)).isEqualTo(WAIT);
    assertThat(probing.step(false, 66 * SECOND)).isEqualTo(CONFIRM);
  }

  @Test
  void afterTenMinutesMoreIsTriedWhereLessPassesThanIsUsual() {
    assertThat(probing.step(true, 599 * SECOND)).isEqualTo(CONFIRM);
    probing.passed(599 * SECOND);
    assertThat(probing.step(false, 604 * SECOND)).isEqualTo(CONFIRM);
    assertThat(probing.step(true, 604 * SECOND)).isEqualTo(RAISE);
    probing.raised(605 * SECOND);
    probing.passed(1_199 * SECOND);
    assertThat(probing.step(true, 1_204 * SECOND)).isEqualTo(CONFIRM);
    assertThat(probing.step(true, 1_205 * SECOND)).isEqualTo(RAISE);
  }

  @Test
  void aSearchIsMadeBeforeMoreIsTried() {
    for (int i = 0; i < 3; i++) {
      probing.lost(700 * SECOND);
    }
    assertThat(probing.step(true, 701 * SECOND)).isEqualTo(SEARCH);
    probing.searched(true, 702 * SECOND);
    assertThat(probing.step(true, 1_301 * SECOND)).isEqualTo(CONFIRM);
  }
}
