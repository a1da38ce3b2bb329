package dev.holdfast.redirector.capturediff;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.capturediff.Difference.Kind;
import dev.holdfast.redirector.capturefile.CaptureReader;
import dev.holdfast.redirector.capturefile.Trace;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketView;
import java.io.IOException;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** TCP compared as streams of bytes. */
class StreamPairsTest {
  private static final byte[] STREAM = new byte[5_000];

  static {
    new Random(5).nextBytes(STREAM);
  }

  private static CaptureDiff.Result diff(Trace a, Trace b, long bytes) throws IOException {
    return diff(a.reader(), b.reader(), bytes);
  }

  /** What is at the end of the file is not there. */
  private static CaptureReader cut(Trace trace, int bytes) throws IOException {
    byte[] whole = trace.toBytes();
    return Trace.reader(Arrays.copyOf(whole, whole.length - bytes));
  }

  private static CaptureDiff.Result diff(CaptureReader a, CaptureReader b, long bytes)
      throws IOException {
    try (CaptureReader first = a;
        CaptureReader second = b) {
      var options = new CaptureDiff.Options(new IgnoredFields(), -1, true, null, 100);
      var diff = new CaptureDiff(first, second, options, bytes);
      while (diff.step()) {
        assertThat(diff.frames()).isNotNegative();
      }
      return diff.finish();
    }
  }

  private static CaptureDiff.Result diff(Trace a, Trace b) throws IOException {
    return diff(a, b, StreamPairs.MOST_BYTES);
  }

  private static PacketBuilder segment(int port, int sequence, int flags, byte... data) {
    return PacketBuilder.of("10.9.0.2", "10.1.0.10")
        .tcp(port, 80, sequence & 0xffff_ffffL, 1, flags | PacketView.ACK, 512)
        .payload(data);
  }

  /** The stream's bytes from one place to another, first byte at {@code isn + 1}. */
  private static PacketBuilder part(int isn, int from, int to) {
    return segment(40_000, isn + 1 + from, 0, Arrays.copyOfRange(STREAM, from, to));
  }

  private static PacketBuilder syn(int isn) {
    return segment(40_000, isn, PacketView.SYN);
  }

  private static Trace whole(int isn, int step) {
    Trace trace = Trace.raw().add(syn(isn));
    for (int at = 0; at < STREAM.length; at += step) {
      trace.add(part(isn, at, Math.min(STREAM.length, at + step)));
    }
    return trace.add(segment(40_000, isn + 1 + STREAM.length, PacketView.FIN));
  }

  private static Difference only(CaptureDiff.Result result) {
    assertThat(result.first()).hasSize(1);
    return result.first().getFirst();
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 77_777, -2_000, Integer.MAX_VALUE - 100})
  void segmentsMayBeCutDifferentlyAndBeginAnywhere(int isn) throws IOException {
    CaptureDiff.Result result = diff(whole(isn, 1_000), whole(5, 333));
    assertThat(result.isSame()).isTrue();
    assertThat(result.sameStreams()).isOne();
    assertThat(result.streamBytes()).isEqualTo(5_000);
  }

  @Test
  void sentAgainAndOutOfOrderIsTheSame() throws IOException {
    Trace b =
        Trace.raw()
            .add(syn(9), part(9, 2_000, 4_000), part(9, 0, 1_500), part(9, 500, 2_500))
            .add(part(9, 4_000, 5_000), part(9, 0, 5_000))
            .add(segment(40_000, 9 + 5_001, PacketView.FIN));
    assertThat(diff(whole(9, 700), b).isSame()).isTrue();
  }

  @Test
  void theFirstByteThatDiffersIsTold() throws IOException {
    byte[] wrong = Arrays.copyOfRange(STREAM, 1_000, 2_000);
    wrong[234] ^= 1;
    Trace b =
        Trace.raw()
            .add(syn(9), part(9, 0, 1_000), segment(40_000, 9 + 1_001, 0, wrong))
            .add(part(9, 2_000, 5_000));
    CaptureDiff.Result result = diff(whole(9, 5_000), b);
    Difference difference = only(result);
    assertThat(difference.kind()).isEqualTo(Kind.CHANGED);
    assertThat(difference.text()).isEqualTo("byte 1234 of the stream");
    assertThat(difference.a()).isEqualTo(2);
    assertThat(difference.b()).isEqualTo(3);
    assertThat(difference.fields().getFirst().name()).isEqualTo("tcp.payload");
    assertThat(difference.fields().getFirst().a()).contains("[%02x]".formatted(STREAM[1_234]));
    assertThat(result.sameStreams()).isZero();
  }

  @Test
  void bytesThatAreMissingAreTold() throws IOException {
    Trace b = Trace.raw().add(syn(9), part(9, 0, 1_000), part(9, 2_000, 5_000));
    assertThat(only(diff(whole(9, 500), b)).text()).isEqualTo("the stream from byte 1000 to 1999");
    assertThat(only(diff(whole(9, 500), b)).kind()).isEqualTo(Kind.MISSING);
    assertThat(only(diff(b, whole(9, 500))).kind()).isEqualTo(Kind.EXTRA);
    Trace shorter = Trace.raw().add(syn(9), part(9, 0, 1_000));
    assertThat(only(diff(whole(9, 500), shorter)).text()).isEqualTo("the stream from byte 1000 on");
  }

  @Test
  void whatMayBeBehindTheDamageIsUndecided() throws IOException {
    Trace whole = whole(9, 1_000);
    for (int bytes : new int[] {40, 500, 1_500, 5_500}) { // the FIN, or parts of the stream
      CaptureDiff.Result lacksB = diff(whole.reader(), cut(whole, bytes), StreamPairs.MOST_BYTES);
      assertThat(lacksB.counts()).isEmpty();
      assertThat(lacksB.undecided()).isOne();
      assertThat(lacksB.sameStreams()).isZero();
      CaptureDiff.Result lacksA = diff(cut(whole, bytes), whole.reader(), StreamPairs.MOST_BYTES);
      assertThat(lacksA.counts()).isEmpty();
      assertThat(lacksA.undecided()).isOne();
    }
    Trace another = Trace.raw().add(segment(7, 1, 0, (byte) 1)).add(segment(8, 1, 0, (byte) 1));
    Trace first = Trace.raw().add(segment(7, 1, 0, (byte) 1)).add(segment(9, 1, 0, (byte) 1));
    CaptureDiff.Result result = diff(cut(another, 40), first.reader(), StreamPairs.MOST_BYTES);
    assertThat(result.counts()).isEmpty();
    assertThat(result.undecided()).isOne();
  }

  @Test
  void whatTheWholeCaptureLacksIsMissingThere() throws IOException {
    Trace shorter = Trace.raw().add(syn(9), part(9, 0, 1_000));
    CaptureDiff.Result result =
        diff(cut(whole(9, 1_000), 40), shorter.reader(), StreamPairs.MOST_BYTES);
    assertThat(only(result).text()).isEqualTo("the stream from byte 1000 on");
    assertThat(result.undecided()).isZero();
  }

  @Test
  void whatNeitherHasIsNoDifference() throws IOException {
    Trace a = Trace.raw().add(syn(9), part(9, 0, 1_000), part(9, 2_000, 5_000));
    Trace b = Trace.raw().add(syn(9), part(9, 0, 500), part(9, 500, 1_000), part(9, 2_000, 5_000));
    assertThat(diff(a, b).isSame()).isTrue();
  }

  @Test
  void howAStreamEndsCounts() throws IOException {
    Trace b = Trace.raw().add(syn(9), part(9, 0, 5_000));
    Difference difference = only(diff(whole(9, 500), b));
    assertThat(difference.fields())
        .containsExactly(new Difference.Field("tcp.flags", "FIN", "nothing", -1));
    b.add(segment(40_000, 9 + 5_001, PacketView.RST));
    assertThat(only(diff(whole(9, 500), b)).fields().getFirst().b()).isEqualTo("a reset");
  }

  @Test
  void aStreamThatIsInOneCaptureAloneIsTold() throws IOException {
    assertThat(only(diff(whole(9, 500), Trace.raw())).text()).isEqualTo("the whole stream");
    assertThat(only(diff(whole(9, 500), Trace.raw())).kind()).isEqualTo(Kind.MISSING);
    assertThat(only(diff(Trace.raw(), whole(9, 500))).kind()).isEqualTo(Kind.EXTRA);
  }

  @Test
  void aBeginThatNeitherHasIsCountedByNumbers() throws IOException {
    Trace a = Trace.raw().add(part(9, 1_000, 3_000), part(9, 3_000, 5_000));
    Trace b = Trace.raw().add(part(9, 1_000, 5_000));
    assertThat(diff(a, b).isSame()).isTrue();
    Trace later = Trace.raw().add(part(9, 1_100, 5_000));
    assertThat(only(diff(a, later)).text()).isEqualTo("the stream from byte 0 to 99");
    Trace withSyn = whole(9, 500);
    assertThat(only(diff(a, withSyn)).kind()).isNotEqualTo(Kind.CHANGED);
  }

  @Test
  void portsThatAreUsedAgainMakeAnotherStream() throws IOException {
    Trace a = whole(9, 500);
    a.add(syn(700_000), segment(40_000, 700_001, 0, (byte) 1, (byte) 2));
    Trace b = whole(9, 1_000);
    b.add(syn(800_000), segment(40_000, 800_001, 0, (byte) 1, (byte) 2));
    CaptureDiff.Result result = diff(a, b);
    assertThat(result.isSame()).isTrue();
    assertThat(result.sameStreams()).isEqualTo(2);
    Trace c = whole(9, 1_000);
    c.add(syn(800_000), segment(40_000, 800_001, 0, (byte) 1, (byte) 3));
    assertThat(only(diff(a, c)).text()).isEqualTo("byte 1 of the stream");
  }

  @Test
  void otherPacketsAreComparedAsTheyAre() throws IOException {
    PacketBuilder datagram = PacketBuilder.of("10.9.0.2", "10.1.0.10").udp(1, 2);
    CaptureDiff.Result result =
        diff(whole(9, 500).add(datagram.payload(4)), whole(9, 600).add(datagram.payload(5)));
    assertThat(result.counts()).isEqualTo(Map.of("changed", 1L));
    assertThat(only(result).flow()).isEqualTo("udp 10.9.0.2:1 > 10.1.0.10:2");
  }

  @Test
  void whatWaitsIsBounded() throws IOException {
    Trace a = Trace.raw();
    Trace b = Trace.raw();
    for (int port = 1; port <= 50; port++) {
      a.add(segment(port, 1, 0, new byte[1_000]));
    }
    for (int port = 1; port <= 50; port++) {
      b.add(segment(100 + port, 1, 0, new byte[1_000]));
    }
    a.add(segment(77, 1, 0, (byte) 1));
    b.add(segment(77, 1, 0, (byte) 1));
    CaptureDiff.Result result = diff(a, b, 10_000);
    assertThat(result.counts()).isEqualTo(Map.of("missing", 50L, "extra", 50L));
    assertThat(result.beyond()).isGreaterThan(50);
    assertThat(result.sameStreams()).isOne();
  }
}
