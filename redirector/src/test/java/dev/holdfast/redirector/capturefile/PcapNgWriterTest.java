package dev.holdfast.redirector.capturefile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;

class PcapNgWriterTest {
  private static final long NOW = 1_795_386_899_123_456_789L;

  private final ByteArrayOutputStream file = new ByteArrayOutputStream();

  private CaptureReader read() throws IOException {
    return CaptureReader.of(new ByteArrayInputStream(file.toByteArray()), "a.pcapng");
  }

  @Test
  void whatIsWrittenIsReadAgain() throws IOException {
    try (var writer = new PcapNgWriter(file, "holdfast test")) {
      int outer = writer.describe("outer", "towards host-b", 101, 0);
      int inner = writer.describe("inner", "", 1, 0);
      writer.packet(outer, NOW, ByteBuffer.wrap(new byte[] {1, 2, 3}), 60, "held: flow 7");
      writer.packet(inner, NOW + 1, ByteBuffer.wrap(new byte[0]), 0, "");
      writer.packet(inner, NOW + 2, ByteBuffer.wrap(new byte[262_144]), 262_144, "é".repeat(3_000));
      writer.statistics(inner, NOW + 3, 10, 8);
      assertThat(writer.written()).isEqualTo(file.size());
    }
    try (CaptureReader reader = read()) {
      assertThat(reader.next()).isTrue();
      assertThat(reader.interfaceName()).isEqualTo("outer");
      assertThat(reader.frame().epochNanos()).isEqualTo(NOW);
      assertThat(reader.frame().linkType()).isEqualTo(101);
      assertThat(reader.frame().length()).isEqualTo(3);
      assertThat(reader.frame().originalLength()).isEqualTo(60);
      assertThat(reader.next()).isTrue();
      assertThat(reader.interfaceName()).isEqualTo("inner");
      assertThat(reader.frame().epochNanos()).isEqualTo(NOW + 1);
      assertThat(reader.next()).isTrue();
      assertThat(reader.frame().length()).isEqualTo(262_144);
      assertThat(reader.next()).isFalse();
      assertThat(reader.problem()).isNull();
    }
  }

  @Test
  void aPacketThatNobodyCouldReadIsRefused() throws IOException {
    try (var writer = new PcapNgWriter(file, "")) {
      int only = writer.describe("a", "", 1, 0);
      assertThatThrownBy(() -> writer.packet(only, 0, ByteBuffer.allocate(262_145), 0, ""))
          .hasMessageContaining("262145 bytes");
    }
  }
}
