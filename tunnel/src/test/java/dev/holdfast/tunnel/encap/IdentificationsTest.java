package dev.holdfast.tunnel.encap;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.BitSet;
import org.junit.jupiter.api.Test;

class IdentificationsTest {
  /** RFC 6864 section 4.3: as many differ as 16 bits can say, but for 0. */
  @Test
  void ofIpv4DifferUntilAllAreUsed() {
    for (int first : new int[] {0, -5, Integer.MAX_VALUE - 100, 0xffff - 3}) {
      var ids = new Identifications(first);
      var seen = new BitSet(0x10000);
      for (int i = 0; i < 0xffff; i++) {
        ids.next();
        assertThat(ids.v4()).isBetween(1, 0xffff);
        seen.set(ids.v4());
      }
      assertThat(seen.cardinality()).isEqualTo(0xffff);
    }
  }

  @Test
  void ofIpv6HaveAllBits() {
    var ids = new Identifications(0x7fff_ffff);
    ids.next();
    assertThat(ids.v6()).isEqualTo(0x8000_0000);
  }
}
