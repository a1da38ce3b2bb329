package dev.holdfast.tunnel.device;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.tunnel.sys.ClassicBpf;
import dev.holdfast.tunnel.sys.ClassicBpf.Instruction;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** The programs, run by an interpreter of the instructions that they use. */
class FrameFilterTest {

  private static final int ARP = 0x0806;
  private static final int IPV4 = 0x0800;
  private static final int IPV6 = 0x86dd;

  private static boolean keeps(FrameFilter filter, byte[] frame, boolean tagged) {
    return keeps(filter.program(), frame, tagged);
  }

  private static boolean keeps(List<Instruction> program, byte[] frame, boolean tagged) {
    int accumulator = 0;
    for (int at = 0; ; at++) {
      Instruction i = program.get(at);
      if (i.code() == ClassicBpf.RET_K) {
        return i.k() != 0;
      }
      if (i.code() == ClassicBpf.JEQ_K) {
        at += accumulator == i.k() ? i.jt() : i.jf();
        continue;
      }
      if (i.code() == ClassicBpf.JGT_K) {
        at += accumulator > i.k() ? i.jt() : i.jf();
        continue;
      }
      if (i.code() == ClassicBpf.LD_W_LEN) {
        accumulator = frame.length;
        continue;
      }
      if (i.k() == ClassicBpf.VLAN_TAG_PRESENT) {
        accumulator = tagged ? 1 : 0;
        continue;
      }
      int width =
          switch (i.code()) {
            case ClassicBpf.LD_W_ABS -> 4;
            case ClassicBpf.LD_H_ABS -> 2;
            case ClassicBpf.LD_B_ABS -> 1;
            default -> throw new AssertionError("no such instruction: " + i);
          };
      if (i.k() + width > frame.length) {
        return false; // the kernel ends the program with 0
      }
      accumulator = 0;
      for (int b = 0; b < width; b++) {
        accumulator = accumulator << 8 | (frame[i.k() + b] & 0xff);
      }
    }
  }

  private static byte[] frame(int etherType, int nextHeader, int icmpType) {
    byte[] frame = new byte[60];
    Arrays.fill(frame, (byte) 0xa5);
    frame[12] = (byte) (etherType >> 8);
    frame[13] = (byte) etherType;
    frame[20] = (byte) nextHeader;
    frame[54] = (byte) icmpType;
    return frame;
  }

  @ParameterizedTest
  @CsvSource({
    // filter, ARP, RS, RA, NS, NA, echo request
    "ALL,                           true, true, true, true, true, true",
    "NONE,                          false, false, false, false, false, false",
    "ARP,                           true, false, false, false, false, false",
    "NEIGHBOR_SOLICITATION,         false, false, false, true, false, false",
    "ARP_AND_NEIGHBOR_SOLICITATION, true, false, false, true, false, false",
    "ARP_AND_NEIGHBOR_DISCOVERY,    true, true, true, true, true, false",
    "ADDRESS_USE,                   true, false, false, true, true, false",
    "RETURN_PROBE,                  false, false, false, false, false, false",
  })
  void keepsWhatItsNameSays(
      FrameFilter filter,
      boolean arp,
      boolean rs,
      boolean ra,
      boolean ns,
      boolean na,
      boolean echo) {
    assertThat(keeps(filter, frame(ARP, 1, 1), false)).isEqualTo(arp);
    assertThat(keeps(filter, frame(IPV6, 58, 133), false)).isEqualTo(rs);
    assertThat(keeps(filter, frame(IPV6, 58, 134), false)).isEqualTo(ra);
    assertThat(keeps(filter, frame(IPV6, 58, 135), false)).isEqualTo(ns);
    assertThat(keeps(filter, frame(IPV6, 58, 136), false)).isEqualTo(na);
    assertThat(keeps(filter, frame(IPV6, 58, 128), false)).isEqualTo(echo);
  }

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "ALL")
  void dropsWhatIsNotNeighbourDiscovery(FrameFilter filter) {
    assertThat(keeps(filter, frame(IPV4, 58, 135), false)).isFalse();
    assertThat(keeps(filter, frame(IPV6, 6, 135), false)).isFalse();
    assertThat(keeps(filter, frame(IPV6, 0, 135), false)).isFalse();
    assertThat(keeps(filter, new byte[] {1, 2, 3}, false)).isFalse();
  }

  @ParameterizedTest
  @CsvSource({"17, 67, true", "17, 68, true", "17, 53, false", "6, 67, false"})
  void addressUseKeepsDhcp(int protocol, int port, boolean kept) {
    byte[] datagram = frame(IPV4, 0, 0);
    datagram[23] = (byte) protocol;
    datagram[36] = 0;
    datagram[37] = (byte) port;
    assertThat(keeps(FrameFilter.ADDRESS_USE, datagram, false)).isEqualTo(kept);
    assertThat(keeps(FrameFilter.ADDRESS_USE, datagram, true)).isFalse();
    assertThat(keeps(FrameFilter.ARP_AND_NEIGHBOR_DISCOVERY, datagram, false)).isFalse();
  }

  @ParameterizedTest
  @CsvSource({
    "2048,  6,  4754, 4754, true",
    "34525, 6,  4754, 4754, true",
    "2048,  17, 4754, 4754, false",
    "34525, 17, 4754, 4754, false",
    "2048,  6,  4754, 4755, false",
    "34525, 6,  4755, 4754, false",
    "2054,  6,  4754, 4754, false",
  })
  void returnProbeIsTcpBetweenTheHostsPorts(
      int etherType, int protocol, int source, int destination, boolean kept) {
    byte[] frame = frame(etherType, protocol, 0);
    frame[23] = (byte) protocol;
    int ports = etherType == IPV6 ? 54 : 34;
    frame[ports] = (byte) (source >> 8);
    frame[ports + 1] = (byte) source;
    frame[ports + 2] = (byte) (destination >> 8);
    frame[ports + 3] = (byte) destination;
    assertThat(keeps(FrameFilter.RETURN_PROBE, frame, false)).isEqualTo(kept);
    assertThat(keeps(FrameFilter.RETURN_PROBE, frame, true)).isFalse();
  }

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "ALL")
  void dropsFramesOfAVlan(FrameFilter filter) {
    assertThat(keeps(filter, frame(ARP, 1, 1), true)).isFalse();
    assertThat(keeps(filter, frame(IPV6, 58, 135), true)).isFalse();
  }

  @ParameterizedTest
  @CsvSource({
    "2048, 17, 1515, false, true",
    "2048, 17, 1514, false, false",
    "2048, 17, 1515, true,  false",
    "2048, 6,  1515, false, false",
    "34525, 17, 60000, false, true",
    "34525, 6, 60000, false, false",
    "34525, 17, 1514, false, false",
    "2054, 17, 60000, false, false",
  })
  void longUdpIsLongerThanTheLanTakes(
      int etherType, int protocol, int length, boolean tagged, boolean kept) {
    byte[] frame = new byte[length];
    frame[12] = (byte) (etherType >> 8);
    frame[13] = (byte) etherType;
    frame[etherType == IPV6 ? 20 : 23] = (byte) protocol;
    assertThat(keeps(FrameFilter.longUdp(1500), frame, tagged)).isEqualTo(kept);
  }

  @Test
  void everyJumpEndsWithinTheProgram() {
    var programs = new ArrayList<List<Instruction>>();
    for (FrameFilter filter : FrameFilter.values()) {
      programs.add(filter.program());
    }
    programs.add(FrameFilter.longUdp(1500));
    for (List<Instruction> program : programs) {
      for (int at = 0; at < program.size(); at++) {
        Instruction i = program.get(at);
        assertThat(at + Math.max(i.jt(), i.jf()))
            .as("instruction %d of %s", at, program)
            .isLessThan(program.size() - (i.code() == ClassicBpf.RET_K ? 0 : 1));
        assertThat(Math.min(i.jt(), i.jf())).isNotNegative();
      }
      assertThat(program.getLast().code()).isEqualTo(ClassicBpf.RET_K);
    }
  }
}
