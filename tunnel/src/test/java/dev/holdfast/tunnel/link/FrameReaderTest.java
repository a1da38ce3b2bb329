package dev.holdfast.tunnel.link;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.tunnel.encap.TlsFrame;
import dev.holdfast.tunnel.observe.DropReason;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FrameReaderTest {
  private final UnpooledByteBufAllocator allocator = new UnpooledByteBufAllocator(true);
  private final Collector collector = new Collector();
  private final FrameReader reader = new FrameReader(collector);

  private record Seen(FrameType type, byte[] payload) {}

  private static final class Collector implements FrameReader.Sink {
    final List<Seen> seen = new ArrayList<>();
    final List<DropReason> broken = new ArrayList<>();
    final List<String> sentences = new ArrayList<>();
    int stopAfter = Integer.MAX_VALUE;

    @Override
    public boolean frame(FrameType type, ByteBuf payload) {
      seen.add(new Seen(type, ByteBufUtil.getBytes(payload)));
      return seen.size() < stopAfter;
    }

    @Override
    public void broken(DropReason reason, String sentence) {
      broken.add(reason);
      sentences.add(sentence);
    }
  }

  private static byte[] random(Random random, int length) {
    byte[] bytes = new byte[length];
    random.nextBytes(bytes);
    return bytes;
  }

  private static void append(ByteBuf stream, FrameType type, byte[] payload) {
    TlsFrame.writeHeader(stream, type.code(), payload.length);
    stream.writeBytes(payload);
  }

  @Test
  void framesAreFoundHoweverTheStreamIsCut() {
    Random random = new Random(7);
    List<Seen> sent = new ArrayList<>();
    ByteBuf stream = allocator.buffer();
    for (int i = 0; i < 400; i++) {
      FrameType type =
          switch (random.nextInt(5)) {
            case 0 -> FrameType.STAGE;
            case 1 -> FrameType.MARKER;
            case 2 -> FrameType.CONTROL;
            default -> FrameType.PACKET;
          };
      int longest = random.nextInt(8) == 0 ? FrameLengths.longest(type) : 1500;
      int length =
          FrameLengths.shortest(type)
              + (type == FrameType.MARKER
                  ? 0
                  : random.nextInt(
                      Math.max(1, Math.min(longest, 300_000) - FrameLengths.shortest(type) + 1)));
      byte[] payload = random(random, length);
      sent.add(new Seen(type, payload));
      append(stream, type, payload);
    }
    while (stream.isReadable()) {
      int cut =
          switch (random.nextInt(3)) {
            case 0 -> 1 + random.nextInt(8);
            case 1 -> 1 + random.nextInt(2000);
            default -> 1 + random.nextInt(40_000);
          };
      reader.read(allocator, stream.readRetainedSlice(Math.min(cut, stream.readableBytes())));
    }
    assertThat(collector.broken).isEmpty();
    assertThat(collector.seen).hasSameSizeAs(sent);
    for (int i = 0; i < sent.size(); i++) {
      assertThat(collector.seen.get(i).type()).isEqualTo(sent.get(i).type());
      assertThat(Arrays.equals(collector.seen.get(i).payload(), sent.get(i).payload())).isTrue();
    }
    stream.release();
    assertThat(allocator.metric().usedHeapMemory() + allocator.metric().usedDirectMemory())
        .isZero();
  }

  @Test
  void theStreamByteByByte() {
    ByteBuf stream = Unpooled.buffer();
    byte[] packet = random(new Random(1), 70);
    append(stream, FrameType.PACKET, packet);
    append(stream, FrameType.MARKER, new byte[8]);
    append(stream, FrameType.BOUND, new byte[] {0});
    while (stream.isReadable()) {
      reader.read(allocator, stream.readRetainedSlice(1));
    }
    assertThat(collector.seen)
        .extracting(Seen::type)
        .containsExactly(FrameType.PACKET, FrameType.MARKER, FrameType.BOUND);
    assertThat(collector.seen.getFirst().payload()).isEqualTo(packet);
  }

  @ParameterizedTest
  @CsvSource({
    "FFFFFFFF04,FRAME_TOO_LONG",
    "80000000,FRAME_TOO_LONG",
    "0040000101,FRAME_TOO_LONG", // one more than a control frame may have
    "0001003E04,FRAME_TOO_LONG", // a packet longer than any
    "0000000004,FRAME_TOO_SHORT",
    "0000000104,FRAME_TOO_SHORT", // PACKET without a byte of packet
    "00000008070000000000000000,FRAME_TOO_SHORT", // MARKER with 7 bytes
    "0000000A07000000000000000000,FRAME_TOO_LONG", // MARKER with 9 bytes
    "0000000100,FRAME_UNKNOWN",
    "000000010A,FRAME_UNKNOWN",
    "0000000109,FRAME_TOO_SHORT",
    "00000001FF,FRAME_UNKNOWN",
  })
  void aLyingFrameEndsTheStream(String hex, DropReason reason) {
    ByteBuf good = Unpooled.buffer();
    append(good, FrameType.MARKER, new byte[8]);
    ByteBuf stream =
        Unpooled.buffer().writeBytes(good.duplicate()).writeBytes(ByteBufUtil.decodeHexDump(hex));
    stream.writeBytes(good);
    reader.read(allocator, stream);
    assertThat(collector.seen).hasSize(1);
    assertThat(collector.broken).containsExactly(reason);
    assertThat(collector.sentences.getFirst()).startsWith("sent a frame");
  }

  @ParameterizedTest
  @CsvSource({
    "FFFFFFFF04,FRAME_TOO_LONG",
    "7FFFFFFF01,FRAME_TOO_LONG",
    "0040000101,FRAME_TOO_LONG",
    "0001003E04,FRAME_TOO_LONG",
    "0040000004,FRAME_TOO_LONG",
    "0000000004,FRAME_TOO_SHORT",
  })
  void aLyingLengthEndsTheStreamHoweverItIsCut(String hex, DropReason reason) {
    byte[] stream = ByteBufUtil.decodeHexDump(hex);
    for (byte each : stream) {
      reader.read(allocator, allocator.directBuffer(1, 1).writeByte(each));
    }
    assertThat(collector.broken).containsExactly(reason);
    assertThat(allocator.metric().usedDirectMemory()).isZero();
  }

  @Test
  void aLengthAloneCostsNoMemory() {
    ByteBuf claim = Unpooled.buffer().writeInt(TlsFrame.MAX_CONTROL_FRAME).writeByte(1);
    reader.read(allocator, claim);
    assertThat(allocator.metric().usedDirectMemory()).isLessThanOrEqualTo(256 << 10);
    reader.close();
    assertThat(allocator.metric().usedDirectMemory()).isZero();
  }

  @Test
  void theLargestControlFramePasses() {
    byte[] payload = random(new Random(3), FrameLengths.longest(FrameType.CONTROL));
    ByteBuf stream = Unpooled.buffer();
    append(stream, FrameType.CONTROL, payload);
    while (stream.isReadable()) {
      reader.read(allocator, stream.readRetainedSlice(Math.min(16_384, stream.readableBytes())));
    }
    assertThat(collector.seen).hasSize(1);
    assertThat(collector.seen.getFirst().payload()).isEqualTo(payload);
    assertThat(allocator.metric().usedDirectMemory()).isZero();
  }

  @Test
  void nothingIsDeliveredAfterTheSinkSaidStop() {
    collector.stopAfter = 1;
    ByteBuf stream = Unpooled.buffer();
    append(stream, FrameType.MARKER, new byte[8]);
    append(stream, FrameType.MARKER, new byte[8]);
    reader.read(allocator, stream.retainedDuplicate());
    reader.read(allocator, stream);
    assertThat(collector.seen).hasSize(1);
  }

  @Test
  void whatTheReceiverRetainsOutlivesTheBuffer() {
    List<ByteBuf> kept = new ArrayList<>();
    FrameReader keeping =
        new FrameReader(
            new FrameReader.Sink() {
              @Override
              public boolean frame(FrameType type, ByteBuf payload) {
                kept.add(payload.retain());
                return true;
              }

              @Override
              public void broken(DropReason reason, String sentence) {
                throw new AssertionError(sentence);
              }
            });
    byte[] a = random(new Random(4), 100);
    byte[] b = random(new Random(5), 200);
    ByteBuf stream = ByteBufAllocator.DEFAULT.buffer();
    append(stream, FrameType.PACKET, a);
    append(stream, FrameType.PACKET, b);
    keeping.read(ByteBufAllocator.DEFAULT, stream);
    assertThat(ByteBufUtil.getBytes(kept.get(0))).isEqualTo(a);
    assertThat(ByteBufUtil.getBytes(kept.get(1))).isEqualTo(b);
    assertThat(stream.refCnt()).isPositive();
    kept.forEach(ByteBuf::release);
    assertThat(stream.refCnt()).isZero();
  }
}
