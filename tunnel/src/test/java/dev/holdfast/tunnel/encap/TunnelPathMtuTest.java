package dev.holdfast.tunnel.encap;

import static dev.holdfast.tunnel.encap.TunnelPathMtu.UNLIMITED;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.tunnel.encap.TunnelPathMtu.Change;
import org.junit.jupiter.api.Test;

/** RFC 1191 section 6.3, RFC 8201 section 4: it falls at once, and rises by being forgotten. */
class TunnelPathMtuTest {
  private static final long SECOND = 1_000_000_000L;
  private static final long START =
      Math.subtractExact(Long.MAX_VALUE, 5 * SECOND); // it may overflow

  private final TunnelPathMtu mtu = new TunnelPathMtu();

  @Test
  void itOnlyEverFalls() {
    assertThat(mtu.limit()).isEqualTo(UNLIMITED);
    assertThat(mtu.left(START)).isZero();
    assertThat(mtu.tooBig(1500, 1500, START)).isEqualTo(Change.NONE);
    assertThat(mtu.limit()).isEqualTo(UNLIMITED);
    assertThat(mtu.tooBig(1400, 1500, START)).isEqualTo(Change.LOWERED);
    assertThat(mtu.limit()).isEqualTo(1400);
    assertThat(mtu.tooBig(1400, 1500, START + 2 * SECOND)).isEqualTo(Change.NONE);
    assertThat(mtu.tooBig(1450, 1500, START + 3 * SECOND)).isEqualTo(Change.NONE);
    assertThat(mtu.limit()).isEqualTo(1400);
  }

  @Test
  void itFallsOnceInASecond() {
    assertThat(mtu.tooBig(1400, 1500, START)).isEqualTo(Change.LOWERED);
    assertThat(mtu.tooBig(1300, 1500, START + SECOND - 1)).isEqualTo(Change.TOO_SOON);
    assertThat(mtu.limit()).isEqualTo(1400);
    assertThat(mtu.tooBig(1300, 1500, START + SECOND)).isEqualTo(Change.LOWERED);
    assertThat(mtu.limit()).isEqualTo(1300);
  }

  @Test
  void itIsForgottenTenMinutesAfterTheLastFall() {
    long ten = 600 * SECOND;
    assertThat(mtu.tooBig(1400, 1500, START)).isEqualTo(Change.LOWERED);
    assertThat(mtu.tooBig(1300, 1500, START + 300 * SECOND)).isEqualTo(Change.LOWERED);
    assertThat(mtu.tooBig(1300, 1500, START + 400 * SECOND)).isEqualTo(Change.NONE);
    assertThat(mtu.expire(START + ten)).isFalse();
    assertThat(mtu.left(START + ten)).isEqualTo(300 * SECOND);
    assertThat(mtu.expire(START + 300 * SECOND + ten - 1)).isFalse();
    assertThat(mtu.limit()).isEqualTo(1300);
    assertThat(mtu.expire(START + 300 * SECOND + ten)).isTrue();
    assertThat(mtu.limit()).isEqualTo(UNLIMITED);
    assertThat(mtu.expire(START + 300 * SECOND + ten)).isFalse();
    assertThat(mtu.tooBig(1350, 1500, START + 300 * SECOND + ten)).isEqualTo(Change.LOWERED);
  }

  @Test
  void aLimitThatIsDueDoesNotStandInTheWayOfTheNext() {
    assertThat(mtu.tooBig(1300, 1500, START)).isEqualTo(Change.LOWERED);
    assertThat(mtu.tooBig(1400, 1500, START + 600 * SECOND)).isEqualTo(Change.LOWERED);
    assertThat(mtu.limit()).isEqualTo(1400);
  }
}
