package dev.holdfast.tunnel.encap;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.tunnel.encap.FrameSplitter.Result;
import dev.holdfast.tunnel.packet.Bytes;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class FrameSplitterTest {
  private static final int CONTROL = 1;
  private static final int PACKET = 4;

  private final FrameSplitter splitter = new FrameSplitter(CONTROL);

  @Test
  void theBytesOnTheWire() {
    ByteBuf out = Bytes.empty(16);
    TlsFrame.writeHeader(out, PACKET, 3);
    assertThat(Bytes.hexOf(out)).isEqualTo("0000000404");
    ByteBuf headroom = Bytes.empty(16);
    TlsFrame.setHeader(headroom, 2, 0xfe, 0x10000);
    assertThat(Bytes.hexOf(headroom.slice(0, 8))).isEqualTo("a5a500010001fea5");
  }

  @Test
  void aFrameIsFoundWhereItLies() {
    ByteBuf in = Bytes.hex("a5a5 00000004 04 010203 00000001 07 00");
    in.readerIndex(2);
    assertThat(splitter.next(in)).isEqualTo(Result.FRAME);
    assertThat(splitter.type()).isEqualTo(PACKET);
    assertThat(splitter.payloadIndex()).isEqualTo(7);
    assertThat(splitter.payloadLength()).isEqualTo(3);
    assertThat(splitter.next(in)).isEqualTo(Result.FRAME);
    assertThat(splitter.type()).isEqualTo(7);
    assertThat(splitter.payloadLength()).isZero();
    assertThat(splitter.next(in)).isEqualTo(Result.NEED_MORE);
    assertThat(in.readableBytes()).isEqualTo(1);
  }

  @Test
  void whatIsMissingIsSaid() {
    ByteBuf whole = Bytes.hex("00000004 04 010203");
    int[] expected = {4, 3, 2, 1, 1, 3, 2, 1}; // to the length, the type, the end
    for (int have = 0; have < 8; have++) {
      ByteBuf in = whole.slice(0, have);
      assertThat(splitter.next(in)).isEqualTo(Result.NEED_MORE);
      assertThat(splitter.missing(in)).as("with %d bytes", have).isEqualTo(expected[have]);
    }
  }

  @Test
  void aLengthOfZeroIsRefusedFromFourBytes() {
    assertThat(splitter.next(Bytes.hex("00000000"))).isEqualTo(Result.TOO_SHORT);
  }

  @Test
  void lengthsOverTheLimitAreRefusedFromTheHeaderAlone() {
    assertThat(splitter.next(header(TlsFrame.MAX_PACKET_FRAME, PACKET)))
        .isEqualTo(Result.NEED_MORE);
    assertThat(splitter.next(header(TlsFrame.MAX_PACKET_FRAME + 1, PACKET)))
        .isEqualTo(Result.TOO_LONG);
    assertThat(splitter.next(header(TlsFrame.MAX_CONTROL_FRAME, CONTROL)))
        .isEqualTo(Result.NEED_MORE);
    assertThat(splitter.next(header(TlsFrame.MAX_CONTROL_FRAME + 1, CONTROL)))
        .isEqualTo(Result.TOO_LONG);
    assertThat(splitter.next(Bytes.hex("ffffffff"))).isEqualTo(Result.TOO_LONG);
    assertThat(splitter.next(Bytes.hex("80000000"))).isEqualTo(Result.TOO_LONG);
  }

  @Test
  void withoutControlFramesTheTypeIsNotWaitedFor() {
    var data = new FrameSplitter(FrameSplitter.NO_CONTROL);
    ByteBuf length = header(TlsFrame.MAX_PACKET_FRAME + 1, CONTROL);
    assertThat(data.next(length.slice(0, 4))).isEqualTo(Result.TOO_LONG);
    assertThat(splitter.next(length.slice(0, 4))).isEqualTo(Result.NEED_MORE);
    assertThat(splitter.next(length)).isEqualTo(Result.NEED_MORE);
  }

  @Test
  void aStreamInPiecesOfAnySizeGivesTheSameFrames() {
    var random = new Random(4);
    for (int round = 0; round < 50; round++) {
      ByteBuf stream = Unpooled.buffer();
      List<String> sent = new ArrayList<>();
      for (int i = 0; i < 40; i++) {
        byte[] payload = new byte[random.nextInt(8) == 0 ? random.nextInt(70_000) : i];
        random.nextBytes(payload);
        int type = random.nextInt(256);
        if (TlsFrame.MAX_PACKET_FRAME <= payload.length) {
          continue;
        }
        TlsFrame.writeHeader(stream, type, payload.length);
        stream.writeBytes(payload);
        sent.add(type + ":" + Bytes.hexOf(Unpooled.wrappedBuffer(payload)));
      }
      List<String> received = new ArrayList<>();
      ByteBuf in = Unpooled.buffer();
      while (stream.isReadable()) {
        in.writeBytes(stream, Math.min(stream.readableBytes(), 1 + random.nextInt(5000)));
        while (splitter.next(in) == Result.FRAME) {
          ByteBuf payload = in.slice(splitter.payloadIndex(), splitter.payloadLength());
          received.add(splitter.type() + ":" + Bytes.hexOf(payload));
        }
        in.discardReadBytes();
      }
      assertThat(received).isEqualTo(sent);
      assertThat(in.isReadable()).isFalse();
    }
  }

  @Test
  void noiseNeverThrowsNorRunsPastItsEnd() {
    var random = new Random(5);
    for (int i = 0; i < 20_000; i++) {
      byte[] noise = new byte[random.nextInt(64)];
      random.nextBytes(noise);
      for (int zero = 0; zero < Math.min(3, noise.length); zero++) {
        noise[zero] = 0; // or every length is too long
      }
      ByteBuf in = Unpooled.wrappedBuffer(noise);
      int before = in.readerIndex();
      for (Result result; (result = splitter.next(in)) == Result.FRAME; ) {
        assertThat(splitter.payloadIndex() + splitter.payloadLength()).isEqualTo(in.readerIndex());
        assertThat(in.readerIndex()).isGreaterThan(before);
        before = in.readerIndex();
      }
      assertThat(in.readerIndex()).isEqualTo(before);
    }
  }

  private static ByteBuf header(int length, int type) {
    return Unpooled.buffer().writeInt(length).writeByte(type);
  }
}
