package dev.holdfast.redirector.demo.load;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import org.junit.jupiter.api.Test;

class SeededBytesTest {

  @Test
  void anyPartIsThePartOfTheWhole() {
    var stream = new SeededBytes(7);
    byte[] whole = new byte[200];
    stream.fill(0, whole, 0, whole.length);
    for (int from = 0; from < 40; from++) {
      for (int length : new int[] {0, 1, 7, 8, 9, 100}) {
        byte[] part = new byte[length + 3];
        stream.fill(from, part, 3, length);
        assertThat(Arrays.copyOfRange(part, 3, part.length))
            .as("%d bytes from %d", length, from)
            .isEqualTo(Arrays.copyOfRange(whole, from, from + length));
        assertThat(Arrays.copyOf(part, 3)).containsOnly(0);
      }
    }
  }

  @Test
  void neighbouringSeedsHaveNothingInCommon() {
    byte[] one = new byte[4096];
    byte[] other = new byte[4096];
    new SeededBytes(1).fill(0, one, 0, one.length);
    new SeededBytes(2).fill(0, other, 0, other.length);
    int same = 0;
    for (int i = 0; i < one.length; i++) {
      same += one[i] == other[i] ? 1 : 0;
    }
    assertThat(same).isLessThan(50); // 16 by chance
  }
}
