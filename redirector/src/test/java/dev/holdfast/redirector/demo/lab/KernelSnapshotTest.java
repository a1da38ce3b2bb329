package dev.holdfast.redirector.demo.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Set;
import org.junit.jupiter.api.Test;

class KernelSnapshotTest {

  @Test
  void saysWhatIsLeftAndWhatIsMissing() {
    var before = new KernelSnapshot(Set.of("rule: a", "route: b", "mac: br0 1"));
    var after = new KernelSnapshot(Set.of("rule: a", "nft: c", "mac: br0 2"));
    assertThat(before.differences(after, line -> false))
        .containsExactly(
            "left: mac: br0 2", "left: nft: c", "missing: mac: br0 1", "missing: route: b");
    assertThat(before.differences(after, line -> line.startsWith("mac: ")))
        .containsExactly("left: nft: c", "missing: route: b");
    assertThat(before.differences(before, line -> false)).isEmpty();
  }
}
