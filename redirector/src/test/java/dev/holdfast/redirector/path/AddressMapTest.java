package dev.holdfast.redirector.path;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.tunnel.packet.IpAddress;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class AddressMapTest {

  @Test
  void behavesAsAMapOfBothFamilies() {
    AddressMap<String> map = new AddressMap<>();
    Map<IpAddress, String> model = new HashMap<>();
    Random random = new Random(42);
    for (int i = 0; i < 5_000; i++) {
      IpAddress address =
          random.nextBoolean()
              ? IpAddress.v4(0x0a000000 + random.nextInt(300))
              : new IpAddress(0xfd00_0000_0000_0000L, random.nextInt(300));
      if (random.nextInt(3) == 0) {
        map.remove(address);
        model.remove(address);
      } else {
        map.put(address, "v" + i);
        model.put(address, "v" + i);
      }
      assertThat(map.size()).isEqualTo(model.size());
    }
    for (int i = 0; i < 300; i++) {
      IpAddress v4 = IpAddress.v4(0x0a000000 + i);
      IpAddress v6 = new IpAddress(0xfd00_0000_0000_0000L, i);
      assertThat(map.get(v4.high(), v4.low())).isEqualTo(model.get(v4));
      assertThat(map.get(v6.high(), v6.low())).isEqualTo(model.get(v6));
    }
  }
}
