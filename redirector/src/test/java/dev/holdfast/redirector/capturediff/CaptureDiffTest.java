package dev.holdfast.redirector.capturediff;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.redirector.capturediff.Difference.Kind;
import dev.holdfast.redirector.capturefile.CaptureReader;
import dev.holdfast.redirector.capturefile.FlowChoice;
import dev.holdfast.redirector.capturefile.LinkLayer;
import dev.holdfast.redirector.capturefile.Trace;
import dev.holdfast.tunnel.packet.PacketBuilder;
import java.io.IOException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class CaptureDiffTest {
  private static final int ACK = 16;

  private final IgnoredFields ignored = new IgnoredFields();

  private CaptureDiff.Result diff(Trace a, Trace b) throws IOException {
    return diff(a, b, -1, null, 1_000, FlowPairs.MOST_BYTES);
  }

  private CaptureDiff.Result diff(
      Trace a, Trace b, long tolerance, @Nullable FlowChoice flow, int most, long bytes)
      throws IOException {
    try (CaptureReader first = a.reader();
        CaptureReader second = b.reader()) {
      var diff =
          new CaptureDiff(
              first, second, new CaptureDiff.Options(ignored, tolerance, false, flow, most), bytes);
      while (diff.step()) {
        assertThat(diff.offset()).isPositive();
      }
      return diff.finish();
    }
  }

  private static PacketBuilder flow(int port, int sequence) {
    return PacketBuilder.of("10.9.0.2", "10.1.0.10")
        .identification(sequence)
        .tcp(port, 80, sequence, 1_001, ACK, 512)
        .payload(20);
  }

  private static Trace numbered(int... sequences) {
    Trace trace = Trace.raw();
    for (int each : sequences) {
      trace.add(flow(40_000, each));
    }
    return trace;
  }

  private static Difference only(CaptureDiff.Result result) {
    assertThat(result.first()).hasSize(1);
    assertThat(result.counts().values()).containsExactly(1L);
    return result.first().getFirst();
  }

  // ---- one and the same ----

  @Test
  void equalCapturesAreTheSame() throws IOException {
    CaptureDiff.Result result = diff(numbered(1, 2, 3), numbered(1, 2, 3));
    assertThat(result.isSame()).isTrue();
    assertThat(result.samePackets()).isEqualTo(3);
    assertThat(result.packetsA()).isEqualTo(3);
    assertThat(result.first()).isEmpty();
  }

  @Test
  void howFlowsInterleaveWhenAndBehindWhichHeaderIsNoDifference() throws IOException {
    Trace a = Trace.raw().add(flow(1, 1), flow(2, 1), flow(1, 2), flow(2, 2), flow(1, 3));
    Trace b =
        new Trace(LinkLayer.ETHERNET, "525400aabbcc525400ddeeff0800")
            .later(77)
            .add(flow(2, 1), flow(2, 2), flow(1, 1), flow(1, 2))
            .later(5_000_000_000L)
            .add(Trace.bytes(flow(1, 3)), (byte) 7);
    assertThat(diff(a, b).isSame()).isTrue();
  }

  @Test
  void whatHasNoIpIsCounted() throws IOException {
    Trace arp = new Trace(LinkLayer.ETHERNET, "525400aabbcc525400ddeeff0806").frame(new byte[60]);
    CaptureDiff.Result result = diff(arp, Trace.raw());
    assertThat(result.isSame()).isTrue();
    assertThat(result.notCompared()).isOne();
  }

  // ---- changed ----

  private record Changed(UnaryOperator<PacketBuilder> how, String field, String a, String b) {}

  private static PacketBuilder six() {
    return PacketBuilder.of("fd00:9::2", "fd00:1::10");
  }

  static List<Changed> changes() {
    byte[] options = HexFormat.of().parseHex("020405b40303070402080a0000000100000002");
    byte[] others = HexFormat.of().parseHex("020405b40303070402080a0000000100000003");
    byte[] sacks = HexFormat.of().parseHex("0101050a0000000100000009");
    byte[] otherSacks = HexFormat.of().parseHex("0101050a0000000100000008");
    return List.of(
        new Changed(p -> p.ttl(63), "ip.ttl", "64", "63"),
        new Changed(p -> p.identification(9), "ip.id", "0x1", "0x9"),
        new Changed(p -> p.trafficClass(3), "ip.dsfield", "0x0", "0x3"),
        new Changed(p -> p.dontFragment(false), "ip.flags", "DF", "none"),
        new Changed(p -> p.tcp(40_000, 80, 2, 1_001, ACK, 512), "tcp.seq_raw", "1", "2"),
        new Changed(p -> p.tcp(40_000, 80, 1, 1_002, ACK, 512), "tcp.ack_raw", "1001", "1002"),
        new Changed(p -> p.tcp(40_000, 80, 1, 1_001, 0x18, 512), "tcp.flags", "A", "PA"),
        new Changed(
            p -> p.tcp(40_000, 80, 1, 1_001, ACK, 99), "tcp.window_size_value", "512", "99"),
        new Changed(p -> p.urgent(3), "tcp.urgent_pointer", "0", "3"),
        new Changed(
            p -> p.tcp(40_000, 80, 1, 1_001, ACK, 512, sacks),
            "tcp.options.sack_re",
            "absent",
            "9"),
        new Changed(p -> p.payload(19), "tcp.len", "20", "19"),
        new Changed(p -> p.ipOptions((byte) 1), "ip.options", "absent", "01:00:00:00"),
        new Changed(
            p -> p.tcp(40_000, 80, 1, 1_001, ACK, 512, options),
            "tcp.options.mss_val",
            "absent",
            "1460"),
        new Changed(
            p -> p.tcp(40_000, 80, 1, 1_001, ACK, 512, others),
            "tcp.options.timestamp.tsecr",
            "absent",
            "3"),
        new Changed(
            p -> p.tcp(40_000, 80, 1, 1_001, ACK, 512, otherSacks),
            "tcp.options.sack_le",
            "absent",
            "1"));
  }

  @ParameterizedTest
  @MethodSource("changes")
  void aChangedFieldIsNamedAsWiresharkNamesIt(Changed changed) throws IOException {
    Trace b = Trace.raw().add(changed.how.apply(flow(40_000, 1))).add(flow(40_000, 21));
    Difference difference = only(diff(numbered(1, 21), b));
    assertThat(difference.kind()).isEqualTo(Kind.CHANGED);
    assertThat(difference.a()).isOne();
    assertThat(difference.b()).isOne();
    assertThat(difference.flow()).isEqualTo("tcp 10.9.0.2:40000 > 10.1.0.10:80");
    assertThat(difference.fields())
        .contains(new Difference.Field(changed.field, changed.a, changed.b, -1));
    ignored.add(changed.field);
    CaptureDiff.Result without = diff(numbered(1, 21), b);
    assertThat(without.first().stream().flatMap(each -> each.fields().stream()))
        .noneMatch(field -> field.name().equals(changed.field));
  }

  @Test
  void aHopIsNoDifferenceWhereItIsIgnored() throws IOException {
    Trace b = Trace.raw().add(flow(40_000, 1).ttl(63), flow(40_000, 2).ttl(63));
    assertThat(diff(numbered(1, 2), b).counts()).isEqualTo(Map.of("changed", 2L));
    ignored.add("ttl");
    assertThat(diff(numbered(1, 2), b).isSame()).isTrue(); // IPv4's checksum is right in both
  }

  @Test
  void payloadIsToldByItsFirstByteWithThoseAround() throws IOException {
    byte[] packet = Trace.bytes(flow(40_000, 1));
    packet[52] ^= 0x40;
    Difference difference = only(diff(numbered(1), Trace.raw().add(packet)));
    assertThat(difference.fields())
        .containsExactly(
            new Difference.Field("tcp.checksum.status", "Good", "Bad", -1),
            new Difference.Field(
                "tcp.payload",
                "1c 23 2a 31 38 3f 46 4d [54] 5b 62 69 70 77 7e 85",
                "1c 23 2a 31 38 3f 46 4d [14] 5b 62 69 70 77 7e 85",
                12));
    ignored.add("payload");
    ignored.add("checksum");
    assertThat(diff(numbered(1), Trace.raw().add(packet)).isSame()).isTrue();
  }

  @Test
  void fieldsOfOtherProtocols() throws IOException {
    Trace a =
        Trace.raw()
            .add(six().flowLabel(5).extension(60).udp(1, 2).payload(4))
            .add(six().icmp(128, 0, 7).payload(4))
            .add(six().identification(3).udp(1, 2).payload(8).fragment(0, true))
            .add(six().raw(50).payload(4));
    Trace b =
        Trace.raw()
            .add(six().flowLabel(6).extension(60, (byte) 1).udp(1, 2).payload(4))
            .add(six().icmp(128, 0, 8).payload(4))
            .add(six().identification(4).udp(1, 2).payload(8).fragment(0, true))
            .add(six().raw(50).payload(5));
    List<List<String>> names =
        diff(a, b).first().stream()
            .map(each -> each.fields().stream().map(Difference.Field::name).toList())
            .toList();
    assertThat(names)
        .containsExactly(
            List.of("ipv6.flow", "ipv6.dstopts"),
            List.of("icmpv6.rest"),
            List.of("ipv6.fraghdr.ident"),
            List.of("ipv6.plen"));
  }

  @Test
  void macsAndTagsCountWhereTheyAreAskedFor() throws IOException {
    Trace a = new Trace(LinkLayer.ETHERNET, "525400aabbcc525400ddeeff8100002a0800");
    Trace b = new Trace(LinkLayer.ETHERNET, "525400aabbcd525400ddeeff8100002b0800");
    a.add(flow(1, 1));
    b.add(flow(1, 1));
    assertThat(diff(a, b).isSame()).isTrue();
    ignored.remove("mac");
    assertThat(only(diff(a, b)).fields())
        .containsExactly(
            new Difference.Field("eth.dst", "52:54:00:aa:bb:cc", "52:54:00:aa:bb:cd", -1),
            new Difference.Field("vlan.id", "42", "43", -1));
  }

  @Test
  void timesCountWhereTheyAreAskedFor() throws IOException {
    Trace b = Trace.raw().later(99).add(flow(40_000, 1)).later(2_000_000).add(flow(40_000, 2));
    assertThat(diff(numbered(1, 2), b, 2_000_000, null, 9, 1 << 20).isSame()).isTrue();
    assertThat(only(diff(numbered(1, 2), b, 1_999_999, null, 9, 1 << 20)).fields())
        .containsExactly(
            new Difference.Field("frame.time_relative", "0.001000000", "0.003000000", -1));
  }

  // ---- missing, extra, moved ----

  @Test
  void aMissingPacketDoesNotDisturbThoseBehindIt() throws IOException {
    Difference difference = only(diff(numbered(1, 2, 3, 4), numbered(1, 3, 4)));
    assertThat(difference.kind()).isEqualTo(Kind.MISSING);
    assertThat(difference.a()).isEqualTo(2);
    assertThat(difference.b()).isZero();
    difference = only(diff(numbered(1, 3, 4), numbered(1, 2, 3, 4)));
    assertThat(difference.kind()).isEqualTo(Kind.EXTRA);
    assertThat(difference.b()).isEqualTo(2);
    assertThat(only(diff(numbered(1, 2), numbered(1))).a()).isEqualTo(2);
  }

  @Test
  void aMissingPacketBeforeAChangedOneIsStillMissing() throws IOException {
    Trace b = Trace.raw().add(flow(40_000, 21).ttl(9), flow(40_000, 41));
    CaptureDiff.Result result = diff(numbered(1, 21, 41), b);
    assertThat(result.counts()).isEqualTo(Map.of("missing", 1L, "changed", 1L));
    assertThat(result.first().get(0).kind()).isEqualTo(Kind.MISSING);
    assertThat(result.first().get(1).fields())
        .containsExactly(new Difference.Field("ip.ttl", "64", "9", -1));
  }

  @Test
  void anotherOrderIsOneDifferenceOrNone() throws IOException {
    CaptureDiff.Result result = diff(numbered(1, 2, 3, 4), numbered(1, 3, 2, 4));
    assertThat(only(result).kind()).isEqualTo(Kind.MOVED);
    assertThat(only(result).a()).isEqualTo(2);
    assertThat(only(result).b()).isEqualTo(3);
    assertThat(result.samePackets()).isEqualTo(4);
    ignored.add("order");
    assertThat(diff(numbered(1, 2, 3, 4), numbered(1, 3, 2, 4)).isSame()).isTrue();
  }

  @Test
  void theFirstDifferenceIsTheOneThatAReaderMeets() throws IOException {
    // The second flow's is decided first, at its window; the first flow's at the end.
    Trace a = Trace.raw().add(flow(1, 1));
    Trace b = Trace.raw();
    for (int i = 0; i < 600; i++) {
      a.add(flow(2, i));
      b.add(flow(2, i == 100 ? 5_000 : i));
    }
    CaptureDiff.Result result = diff(a, b, -1, null, 1, 1 << 20);
    assertThat(result.first()).hasSize(1);
    assertThat(result.first().getFirst().a()).isOne();
    assertThat(result.first().getFirst().kind()).isEqualTo(Kind.MISSING);
    assertThat(result.counts()).isEqualTo(Map.of("missing", 1L, "changed", 1L));
  }

  @Test
  void aBurstThatIsMissingIsMissing() throws IOException {
    int[] all = new int[500];
    int[] fewer = new int[400];
    for (int i = 0; i < 500; i++) {
      all[i] = i;
      fewer[i < 200 ? i : Math.max(0, i - 100)] = i;
    }
    for (int i = 0; i < 400; i++) {
      fewer[i] = i < 200 ? i : i + 100;
    }
    CaptureDiff.Result result = diff(numbered(all), numbered(fewer));
    assertThat(result.counts()).isEqualTo(Map.of("missing", 100L));
    assertThat(result.first()).allMatch(each -> each.a() > 200 && each.a() <= 300);
  }

  @Test
  void whatWaitsIsBounded() throws IOException {
    Trace a = Trace.raw();
    Trace b = Trace.raw();
    for (int i = 0; i < 3_000; i++) {
      a.add(flow(7, i), flow(8, i));
      b.add(flow(9, i), flow(8, i));
    }
    CaptureDiff.Result result = diff(a, b, -1, null, 9, 50_000);
    assertThat(result.counts()).isEqualTo(Map.of("missing", 3_000L, "extra", 3_000L));
    assertThat(result.samePackets()).isEqualTo(3_000);
    assertThat(result.beyond()).isBetween(4_000L, 6_000L);
    assertThat(result.first()).hasSize(9);
  }

  @Test
  void aShorterSnapLengthIsNoDifference() throws IOException {
    Trace cut = Trace.raw().snap(50);
    for (int i = 0; i < 5; i++) {
      cut.add(flow(40_000, i));
    }
    ignored.add("checksum"); // nobody can say whether it is right
    assertThat(diff(numbered(0, 1, 2, 3, 4), cut).isSame()).isTrue();
  }

  @Test
  void oneFlowAlone() throws IOException {
    Trace a = Trace.raw().add(flow(1, 1), flow(2, 1));
    Trace b = Trace.raw().add(flow(2, 1));
    assertThat(diff(a, b, -1, FlowChoice.parse("10.9.0.2:2"), 1, 1 << 20).isSame()).isTrue();
    assertThat(diff(a, b).isSame()).isFalse();
  }

  // ---- names ----

  @ParameterizedTest
  @ValueSource(strings = {"", "tcp", "Ttl", "tcp.seq", "comment"})
  void whatIsNoFieldIsTold(String name) {
    assertThatThrownBy(() -> ignored.add(name)).hasMessageContaining("checksum, dscp, id, mac");
  }

  @Test
  void macIsIgnoredFromTheStart() {
    assertThat(ignored.names()).containsExactly("eth.dst", "eth.src", "vlan.id", "vlan.priority");
    ignored.add("tcp.payload");
    ignored.remove("eth.src");
    assertThat(ignored.names())
        .containsExactly("eth.dst", "tcp.payload", "vlan.id", "vlan.priority");
  }
}
