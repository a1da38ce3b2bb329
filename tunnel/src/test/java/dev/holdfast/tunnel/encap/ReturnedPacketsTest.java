package dev.holdfast.tunnel.encap;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** RFC 1122 section 3.2.2.1: an unreachable is a hint; some are news, and told once. */
class ReturnedPacketsTest {
  private static final long SECOND = 1_000_000_000L;
  private static final long START =
      Math.subtractExact(Long.MAX_VALUE, 5 * SECOND); // it may overflow

  private final ReturnedPackets returned = new ReturnedPackets();

  @Test
  void theThirdIsToldAndNoneAfterIt() {
    assertThat(returned.isPending()).isFalse();
    assertThat(returned.returned(START)).isFalse();
    assertThat(returned.isPending()).isTrue();
    assertThat(returned.returned(START + SECOND)).isFalse();
    assertThat(returned.returned(START + 2 * SECOND)).isTrue();
    for (int i = 3; i < 100; i++) {
      assertThat(returned.returned(START + i * SECOND)).isFalse();
    }
  }

  @Test
  void someThatAreFarApartAreNoNews() {
    for (int i = 0; i < 10; i++) {
      assertThat(returned.returned(START + i * 31 * SECOND)).isFalse();
    }
  }

  @Test
  void itIsOverWhenPacketsComeAndErrorsDoNot() {
    for (int i = 0; i < 3; i++) {
      assertThat(returned.returned(START)).isEqualTo(i == 2);
    }
    assertThat(returned.heard(START + SECOND)).as("errors may still come").isFalse();
    assertThat(returned.isPending()).isTrue();
    assertThat(returned.heard(START + 5 * SECOND)).isTrue();
    assertThat(returned.isPending()).isFalse();
    assertThat(returned.returned(START + 6 * SECOND)).as("counted anew").isFalse();
  }

  @Test
  void whatWasNotToldIsNotTakenBack() {
    assertThat(returned.returned(START)).isFalse();
    assertThat(returned.heard(START + 6 * SECOND)).isFalse();
    assertThat(returned.isPending()).isFalse();
  }
}
