package dev.holdfast.redirector.capture;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.tunnel.packet.Ethernet;
import java.util.Arrays;
import java.util.HexFormat;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Ethernet, VLAN and QinQ headers at every length; an array has no byte behind its end to read. */
class CapturedFrameTest {
  private static final String MACS = "525400000002525400000001";

  private final CapturedFrame frame = new CapturedFrame();

  @ParameterizedTest(name = "{0}")
  @CsvSource({
    "0800,0,-1,2048",
    "86dd,0,-1,34525",
    "8100002a0800,1,42,2048",
    "88a800078100002a86dd,2,7,34525",
    "8100000181000002810000038100000486dd,4,1,34525",
    "0806,0,-1,2054",
    "8100,0,0,0", // ends within its tag
    "8100002a8100,0,0,0",
    "88a800078100002a8100,0,0,0",
  })
  void everyLength(String typeAndTags, int tags, int vlan, int type) {
    byte[] header = HexFormat.of().parseHex(MACS + typeAndTags);
    byte[] whole = Arrays.copyOf(header, header.length + 60);
    if (type == Ethernet.TYPE_IPV4 || type == Ethernet.TYPE_IPV6) {
      whole[header.length + (type == Ethernet.TYPE_IPV4 ? 3 : 5)] = 20;
    }
    boolean isCut = type == 0;
    for (int length = 0; length <= (isCut ? header.length + 1 : whole.length); length++) {
      boolean sound = frame.check(Arrays.copyOf(whole, length));
      assertThat(sound).as("%d bytes", length).isEqualTo(!isCut && length >= header.length);
      if (!sound) {
        continue;
      }
      assertThat(frame.tags()).isEqualTo(tags);
      assertThat(frame.vlan()).isEqualTo(vlan);
      assertThat(frame.type()).isEqualTo(type);
      assertThat(frame.payload()).isEqualTo(header.length);
      assertThat(frame.source()).isEqualTo(0x525400000001L);
      assertThat(frame.destination()).isEqualTo(0x525400000002L);
      int there = length - header.length;
      int expected =
          switch (type) {
            case Ethernet.TYPE_IPV4 -> there >= 20 ? 20 : 0;
            case Ethernet.TYPE_IPV6 -> there >= 40 ? 60 : 0;
            default -> 0;
          };
      assertThat(frame.packetLength()).as("%d bytes", length).isEqualTo(expected);
      assertThat(frame.isUdp()).isFalse();
    }
  }
}
