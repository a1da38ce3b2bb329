package dev.holdfast.redirector.capturefile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CaptureReaderTest {
  private static final long SECOND = 1_000_000_000L;

  @TempDir private Path folder;

  private record Read(long epochNanos, int linkType, int interfaceNumber, List<Byte> bytes) {}

  private static List<Byte> list(byte... bytes) {
    List<Byte> list = new ArrayList<>();
    for (byte each : bytes) {
      list.add(each);
    }
    return list;
  }

  private static List<Read> all(CaptureReader reader) throws IOException {
    List<Read> all = new ArrayList<>();
    while (reader.next()) {
      Frame frame = reader.frame();
      byte[] bytes =
          Arrays.copyOfRange(frame.array(), frame.offset(), frame.offset() + frame.length());
      all.add(new Read(frame.epochNanos(), frame.linkType(), frame.interfaceNumber(), list(bytes)));
    }
    return all;
  }

  private static CaptureReader reader(byte[] bytes) throws IOException {
    return CaptureReader.of(new ByteArrayInputStream(bytes), "a.pcap");
  }

  private static CaptureReader reader(CaptureBytes bytes) throws IOException {
    return reader(bytes.toBytes());
  }

  // ---- pcap ----

  @ParameterizedTest
  @CsvSource({
    "a1b2c3d4, true,  1500, 'pcap, microseconds, big-endian'",
    "a1b2c3d4, false, 1500, 'pcap, microseconds, little-endian'",
    "a1b23c4d, true,  1500000, 'pcap, nanoseconds, big-endian'",
    "a1b23c4d, false, 1500000, 'pcap, nanoseconds, little-endian'",
  })
  void pcapIsReadInBothOrdersAndResolutions(
      String magic, boolean bigEndian, long fraction, String description) throws IOException {
    CaptureBytes file =
        new CaptureBytes(bigEndian)
            .pcap((int) Long.parseLong(magic, 16), 101)
            .record(7, fraction, (byte) 1, (byte) 2)
            .record(8, 0, (byte) 3);
    try (CaptureReader reader = reader(file)) {
      assertThat(all(reader))
          .containsExactly(
              new Read(7 * SECOND + 1_500_000, 101, 0, list((byte) 1, (byte) 2)),
              new Read(8 * SECOND, 101, 0, list((byte) 3)));
      assertThat(reader.problem()).isNull();
      assertThat(reader.description()).isEqualTo(description);
      assertThat(reader.frames()).isEqualTo(2);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void theLinkTypeIsInTheLowerHalf(boolean bigEndian) throws IOException {
    CaptureBytes file = new CaptureBytes(bigEndian).pcap(0xa1b2c3d4, 0x5400_0001).record(1, 0);
    assertThat(all(reader(file))).containsExactly(new Read(SECOND, 1, 0, List.of()));
  }

  @Test
  void kuznetzovsRecordsAreLonger() throws IOException {
    CaptureBytes file =
        new CaptureBytes(false)
            .pcap(0xa1b2cd34, 1)
            .u32(7, 5, 1, 1, 0, 0)
            .bytes((byte) 9)
            .u32(8, 0, 0, 0, 0, 0);
    assertThat(all(reader(file)))
        .containsExactly(
            new Read(7 * SECOND + 5_000, 1, 0, list((byte) 9)),
            new Read(8 * SECOND, 1, 0, List.of()));
  }

  @Test
  void whatWasNotCapturedIsToldOfByTheOriginalLength() throws IOException {
    CaptureBytes file =
        new CaptureBytes(true).pcap(0xa1b2c3d4, 1).u32(1, 0, 1, 1500).bytes((byte) 1);
    try (CaptureReader reader = reader(file)) {
      assertThat(reader.next()).isTrue();
      assertThat(reader.frame().length()).isOne();
      assertThat(reader.frame().originalLength()).isEqualTo(1500);
    }
  }

  @Test
  void timeThatRunsBackwardsIsCounted() throws IOException {
    CaptureBytes file =
        new CaptureBytes(true).pcap(0xa1b2c3d4, 1).record(5, 0).record(4, 0).record(5, 1);
    try (CaptureReader reader = reader(file)) {
      assertThat(all(reader)).hasSize(3);
      assertThat(reader.backwards()).isOne();
    }
  }

  // ---- pcapng ----

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void pcapngHasInterfacesWithTheirOwnTimes(boolean bigEndian) throws IOException {
    var file = new CaptureBytes(bigEndian).section();
    file.describe(1, 0, file.body().option(2, "eth0".getBytes(StandardCharsets.UTF_8)).toBytes())
        .describe(101, 0, file.body().option(9, (byte) 9).toBytes())
        .describe(113, 0, file.body().option(9, (byte) 0x8a).toBytes()) // 2^-10 s
        .block(4, new byte[8]) // names
        .describe(276, 0, file.body().option(14, file.body().u64(1_000_000).toBytes()).toBytes())
        .enhanced(0, 7_000_001, (byte) 1, (byte) 2, (byte) 3)
        .block(0x0bad, new byte[64])
        .enhanced(1, 7 * SECOND + 1)
        .enhanced(2, 7 * 1024 + 512)
        .enhanced(3, 7_000_000);
    try (CaptureReader reader = reader(file)) {
      assertThat(reader.next()).isTrue();
      assertThat(reader.interfaceName()).isEqualTo("eth0");
      assertThat(all(reader))
          .containsExactly(
              new Read(7 * SECOND + 1, 101, 1, List.of()),
              new Read(7 * SECOND + SECOND / 2, 113, 2, List.of()),
              new Read(1_000_007 * SECOND, 276, 3, List.of()));
      assertThat(reader.problem()).isNull();
    }
    assertThat(all(reader(file)).getFirst())
        .isEqualTo(new Read(7 * SECOND + 1_000, 1, 0, list((byte) 1, (byte) 2, (byte) 3)));
  }

  @Test
  void aSectionHasAByteOrderAndInterfacesOfItsOwn() throws IOException {
    byte[] first = new CaptureBytes(true).section().describe(1, 0).enhanced(0, 1).toBytes();
    byte[] second = new CaptureBytes(false).section().describe(101, 0).enhanced(0, 2).toBytes();
    byte[] both = Arrays.copyOf(first, first.length + second.length);
    System.arraycopy(second, 0, both, first.length, second.length);
    assertThat(all(reader(both)))
        .containsExactly(new Read(1_000, 1, 0, List.of()), new Read(2_000, 101, 0, List.of()));
  }

  @Test
  void simplePacketsHaveTheTimeBeforeThemAndAreCutByTheSnapLength() throws IOException {
    var file = new CaptureBytes(false).section().describe(1, 2);
    file.enhanced(0, 5).block(3, file.body().u32(60).bytes((byte) 1, (byte) 2).toBytes());
    try (CaptureReader reader = reader(file)) {
      assertThat(all(reader).getLast()).isEqualTo(new Read(5_000, 1, 0, list((byte) 1, (byte) 2)));
      assertThat(reader.frame().originalLength()).isEqualTo(60);
    }
  }

  @Test
  void theObsoletePacketBlockIsRead() throws IOException {
    var file = new CaptureBytes(true).section().describe(1, 0);
    file.block(2, file.body().u16(0, 3).u32(0, 5, 1, 1).bytes((byte) 7).toBytes());
    assertThat(all(reader(file))).containsExactly(new Read(5_000, 1, 0, list((byte) 7)));
  }

  // ---- packed ----

  @Test
  void packedFilesAreUnpacked() throws IOException {
    byte[] plain = new CaptureBytes(true).pcap(0xa1b2c3d4, 1).record(1, 0, (byte) 1).toBytes();
    Path file = Files.write(folder.resolve("a.pcap.gz"), CaptureBytes.packed(plain));
    try (CaptureReader reader = CaptureReader.open(file)) {
      assertThat(reader.description()).startsWith("gzip, pcap, ");
      assertThat(all(reader)).hasSize(1);
      assertThat(reader.problem()).isNull();
    }
  }

  @Test
  void aPackedFileThatIsCutOffIsReadAsFarAsItGoes() throws IOException {
    var file = new CaptureBytes(true).pcap(0xa1b2c3d4, 1);
    for (int i = 0; i < 2_000; i++) {
      file.record(i, i * 7 % 1_000_000, (byte) i, (byte) (i * 31));
    }
    byte[] packed = CaptureBytes.packed(file.toBytes());
    try (CaptureReader reader = reader(Arrays.copyOf(packed, packed.length / 2))) {
      assertThat(all(reader)).hasSizeBetween(100, 1_999);
      assertThat(problem(reader).text()).contains("gzip stream is cut off", "(unpacked)");
    }
  }

  @Test
  void aPackedFileThatIsCorruptIsReadUpToTheDamage() throws IOException {
    var file = new CaptureBytes(true).pcap(0xa1b2c3d4, 1);
    for (int i = 0; i < 2_000; i++) {
      file.record(i, i * 7 % 1_000_000, (byte) i, (byte) (i * 31));
    }
    byte[] packed = CaptureBytes.packed(file.toBytes());
    int unlike = 0;
    for (int at = packed.length / 2; at < packed.length / 2 + 60; at++) {
      byte[] corrupt = packed.clone();
      corrupt[at] ^= 0x55;
      try (CaptureReader reader = reader(corrupt)) {
        // Half of it is sound, however much is asked of it at once.
        assertThat(all(reader)).hasSizeGreaterThan(500);
        unlike += problem(reader).text().contains("gzip stream is corrupt") ? 1 : 0;
      }
    }
    assertThat(unlike).isPositive();
  }

  // ---- what cannot be right ----

  private static CaptureReader.Problem problem(CaptureReader reader) {
    return Objects.requireNonNull(reader.problem());
  }

  private static void endsAt(CaptureBytes file, int frames, long offset, String... words)
      throws IOException {
    try (CaptureReader reader = reader(file)) {
      assertThat(all(reader)).hasSize(frames);
      assertThat(problem(reader).offset()).isEqualTo(offset);
      assertThat(problem(reader).text())
          .startsWith(
              "a.pcap is damaged at byte " + offset + " (packets before it: " + frames + "): ")
          .endsWith(".")
          .contains(words);
      assertThat(reader.next()).isFalse();
    }
  }

  @Test
  void everythingBeforeATruncationIsUsed() throws IOException {
    byte[] whole =
        new CaptureBytes(true)
            .pcap(0xa1b2c3d4, 1)
            .record(1, 0, (byte) 1)
            .record(2, 0, (byte) 1, (byte) 2)
            .toBytes();
    for (int length = 24; length < whole.length; length++) {
      try (CaptureReader reader = reader(Arrays.copyOf(whole, length))) {
        assertThat(all(reader)).hasSize(length < 41 ? 0 : 1);
        assertThat(reader.problem() == null).isEqualTo(length == 24 || length == 41);
      }
    }
  }

  @Test
  void everythingBeforeATruncationIsUsedInPcapngToo() throws IOException {
    var file = new CaptureBytes(true).section().describe(1, 0);
    int first = file.toBytes().length;
    byte[] whole = file.enhanced(0, 1, (byte) 1).enhanced(0, 2, (byte) 2).toBytes();
    for (int length = 28; length < whole.length; length++) {
      try (CaptureReader reader = reader(Arrays.copyOf(whole, length))) {
        int frames = all(reader).size();
        assertThat(frames).isEqualTo(length < first + 29 ? 0 : length < first + 36 + 29 ? 1 : 2);
        boolean atABlocksEnd = length == 28 || length == first || length == first + 36;
        assertThat(reader.problem() == null).as("%d", length).isEqualTo(atABlocksEnd);
      }
    }
  }

  @Test
  void aLengthThatLiesTakesNoMemory() throws IOException {
    endsAt(
        new CaptureBytes(true).pcap(0xa1b2c3d4, 1).record(1, 0).u32(2, 0, 0xffff_fff0L, 60),
        1,
        40,
        "4294967280 bytes");
    var file = new CaptureBytes(true).section().describe(1, 0xffff_ffffL).enhanced(0, 1);
    int end = file.toBytes().length;
    byte[] so = file.toBytes();
    endsAt(of(so).block(6, file.body().u32(0, 0, 0, 70_000, 70_000).toBytes()), 1, end, "70000");
    endsAt(of(so).u32(1, 0xffff_fffcL, 0, 0), 1, end, "4294967292 bytes");
    endsAt(of(so).u32(6, 0xffff_fffcL, 0, 0, 0, 300_000, 300_000), 1, end, "300000 bytes");
    endsAt(of(so).u32(0x99, 0x7fff_fffcL, 0, 0), 1, end, "ends within a block of 2147483644");
  }

  private static CaptureBytes of(byte[] bytes) {
    return new CaptureBytes(true).bytes(bytes);
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 4, 8, 11, 13, 14})
  void aBlockLengthThatCannotBeIsNamed(long length) throws IOException {
    endsAt(
        new CaptureBytes(true).section().u32(5, length, 0, 0, 0),
        0,
        28,
        "its next block is said to have " + length + " bytes");
  }

  @Test
  void aBlockMustSayItsLengthTwice() throws IOException {
    endsAt(new CaptureBytes(true).section().u32(5, 16, 0, 20), 0, 28, "16 bytes", "20 at its end");
  }

  @Test
  void aPacketOfNobodysInterfaceIsNamed() throws IOException {
    endsAt(
        new CaptureBytes(true).section().describe(1, 0).enhanced(1, 1),
        0,
        52,
        "of interface 1, which is not described");
  }

  @Test
  void optionsThatDoNotFitAreNamed() throws IOException {
    var file = new CaptureBytes(true).section();
    endsAt(
        file.block(1, file.body().u16(1, 0).u32(0).u16(2, 60_000).u32(0).toBytes()),
        0,
        28 + 16,
        "an option of an interface does not fit");
  }

  @Test
  void impossibleTimesAreNamed() throws IOException {
    var file = new CaptureBytes(true).section();
    endsAt(file.describe(1, 0, file.body().option(9, (byte) 19).toBytes()), 0, 28, "unknown unit");
    var other = new CaptureBytes(true).section();
    endsAt(
        other.describe(
            1, 0, other.body().option(14, other.body().u64(Long.MAX_VALUE).toBytes()).toBytes()),
        0,
        28,
        "impossible year");
  }

  @Test
  void interfacesWithoutEndAreNotKept() throws IOException {
    var file = new CaptureBytes(true).section();
    for (int i = 0; i <= 4_096; i++) {
      file.describe(1, 0);
    }
    endsAt(file, 0, 28 + 4_096 * 24, "more than 4096 interfaces");
  }

  @ParameterizedTest
  @CsvSource({
    "'', is empty",
    "a1b2, has 2 bytes",
    "00000000, neither pcap nor pcapng (it begins with 00000000)",
    "a1b2c3d4, ends within its header",
    "a1b2c3d40007000000000000000000000000000000000000, version 7",
    "1f8b0000, gzip stream is corrupt"
  })
  void whatIsNoCaptureIsNamed(String hex, String words) {
    byte[] bytes = java.util.HexFormat.of().parseHex(hex);
    assertThatThrownBy(() -> reader(bytes))
        .isInstanceOf(IOException.class)
        .hasMessageContaining(words)
        .hasMessageStartingWith("a.pcap");
  }

  @Test
  void whatIsNotThereIsNamed() {
    assertThatThrownBy(() -> CaptureReader.open(folder.resolve("none")))
        .hasMessageStartingWith("There is no file ");
    assertThatThrownBy(() -> CaptureReader.open(folder)).hasMessageContaining("is a directory");
  }
}
