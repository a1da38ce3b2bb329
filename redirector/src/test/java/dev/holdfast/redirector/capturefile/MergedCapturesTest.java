package dev.holdfast.redirector.capturefile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.tunnel.packet.PacketBuilder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Several captures as one; points and flows in a capture. */
class MergedCapturesTest {
  private static final PacketBuilder PACKET =
      PacketBuilder.of("10.9.0.2", "10.1.0.10").udp(5_000, 53);

  @TempDir private Path folder;

  @Test
  void theEarliestFrameIsNext() throws IOException {
    Path a = Trace.raw().add(PACKET).later(5_000_000).add(PACKET).write(folder.resolve("a"));
    Path b = Trace.raw().later(500_000).add(PACKET, PACKET).write(folder.resolve("b"));
    List<String> order = new ArrayList<>();
    try (MergedCaptures merged = MergedCaptures.open(List.of(a, b))) {
      while (merged.next()) {
        order.add(merged.file() + "@" + (merged.frame().epochNanos() - Trace.NOON) / 100_000 + "");
      }
      assertThat(order).containsExactly("0@0", "1@5", "1@15", "0@60");
      assertThat(merged.frames()).isEqualTo(4);
      assertThat(merged.problems()).isEmpty();
    }
  }

  @Test
  void aFileKeepsItsOrderAndTellsItsProblem() throws IOException {
    Path a = Trace.raw().add(PACKET).later(-9_000_000).add(PACKET).write(folder.resolve("a"));
    byte[] whole = Trace.raw().add(PACKET, PACKET).toBytes();
    Path b = Files.write(folder.resolve("b"), Arrays.copyOf(whole, whole.length - 1));
    try (MergedCaptures merged = MergedCaptures.open(List.of(a, b))) {
      int count = 0;
      while (merged.next()) {
        count++;
      }
      assertThat(count).isEqualTo(4); // of the last packet only its block's end is missing
      assertThat(merged.backwards()).isOne();
      assertThat(merged.problems()).hasSize(1).first().asString().contains("damaged at byte");
    }
  }

  @Test
  void whatIsNoCaptureIsTold() throws IOException {
    Path a = Trace.raw().add(PACKET).write(folder.resolve("a"));
    assertThatThrownBy(() -> MergedCaptures.open(List.of(a, folder.resolve("none"))))
        .hasMessageStartingWith("There is no file");
    assertThatThrownBy(() -> MergedCaptures.open(Collections.nCopies(65, a)))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @ParameterizedTest
  @CsvSource({
    "packet:340, 340, 0, packet:340",
    "12.5s, 0, 12500000000, 12.5s",
    "250ms, 0, 250000000, 0.25s",
    "0s, 0, 0, 0s",
    "2m, 0, 120000000000, 120s"
  })
  void pointsAreRead(String text, long packet, long nanos, String again) {
    CapturePoint point = CapturePoint.parse(text);
    assertThat(point).isEqualTo(new CapturePoint(packet, nanos));
    assertThat(point).hasToString(again);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "12", "packet:0", "packet:-1", "-1s", "1.5", "packet:x", "1d"})
  void otherPointsAreNot(String text) {
    assertThatThrownBy(() -> CapturePoint.parse(text)).isInstanceOf(IllegalArgumentException.class);
  }

  private static boolean has(String choice, PacketBuilder builder) {
    byte[] bytes = Trace.bytes(builder);
    var packet = new CapturedPacket();
    assertThat(packet.lay(bytes, 0, bytes.length, bytes.length))
        .isEqualTo(CapturedPacket.Shape.SOUND);
    return FlowChoice.parse(choice).has(packet);
  }

  @ParameterizedTest
  @CsvSource({
    "udp 10.9.0.2:5000 10.1.0.10:53, true",
    "'udp,10.1.0.10:53,10.9.0.2:5000', true",
    "10.1.0.10, true",
    "10.1.0.10:53, true",
    "10.1.0.10:5000, false",
    "tcp 10.1.0.10, false",
    "10.1.0.10:53 10.9.0.3, false",
    "10.9.0.2 10.9.0.2, false",
    "fd00::1, false"
  })
  void flowsAreChosen(String choice, boolean isOne) {
    assertThat(has(choice, PACKET)).isEqualTo(isOne);
  }

  @Test
  void anErrorIsAboutTheFlowThatItQuotes() {
    byte[] quoted = Trace.bytes(PACKET);
    PacketBuilder error = PacketBuilder.of("10.7.0.1", "10.9.0.2").icmp(3, 4, 1400).payload(quoted);
    assertThat(has("udp 10.1.0.10:53", error)).isTrue();
    assertThat(has("udp 10.1.0.11", error)).isFalse();
    PacketBuilder tunnel = PacketBuilder.of("10.7.0.1", "10.7.0.2").raw(4).payload(quoted);
    assertThat(has("10.1.0.10:53", tunnel)).isTrue();
    PacketBuilder later =
        PacketBuilder.of("10.9.0.2", "10.1.0.10").raw(17).payload(8).fragment(1480, false);
    assertThat(has("udp 10.1.0.10:53", later)).isTrue();
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "tcp", "a b c", "10.1.0.10:70000", "10.1.0.300", "tcp 1.2.3.4 x"})
  void whatIsNoFlowIsTold(String text) {
    assertThatThrownBy(() -> FlowChoice.parse(text)).hasMessageContaining("is no flow; write");
  }
}
