package dev.holdfast.tunnel.link;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.tunnel.observe.DropReason;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.embedded.EmbeddedChannel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class FrameWriterTest {
  private static final class Holder extends ChannelInboundHandlerAdapter {
    @Nullable ChannelHandlerContext context;

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
      context = ctx;
    }
  }

  private final Holder holder = new Holder();
  private final EmbeddedChannel channel = new EmbeddedChannel(holder);

  private FrameWriter writer() {
    ChannelHandlerContext context = holder.context;
    if (context == null) {
      throw new AssertionError("the channel is registered");
    }
    return new FrameWriter(context);
  }

  private List<ByteBuf> pieces() {
    List<ByteBuf> pieces = new ArrayList<>();
    for (ByteBuf piece = channel.readOutbound(); piece != null; piece = channel.readOutbound()) {
      pieces.add(piece);
    }
    return pieces;
  }

  @Test
  void aBatchOfSmallFramesLeavesAsOnePiece() {
    FrameWriter writer = writer();
    for (int i = 0; i < 100; i++) {
      writer.write(FrameType.PACKET, Unpooled.wrappedBuffer(new byte[80]));
    }
    assertThat(pieces()).isEmpty();
    assertThat(writer.unflushed()).isEqualTo(100 * 85);
    writer.flush();
    List<ByteBuf> pieces = pieces();
    assertThat(pieces).hasSize(1);
    assertThat(pieces.getFirst().readableBytes()).isEqualTo(100 * 85);
    assertThat(writer.unflushed()).isZero();
    pieces.forEach(ByteBuf::release);
  }

  @Test
  void anEmptyFlushWritesNothing() {
    writer().flush();
    assertThat(pieces()).isEmpty();
  }

  @Test
  void everyPieceButTheLastIsWholeRecords() {
    FrameWriter writer = writer();
    Random random = new Random(11);
    List<byte[]> sent = new ArrayList<>();
    for (int i = 0; i < 300; i++) {
      int length = 30 + (random.nextInt(4) == 0 ? random.nextInt(65_000) : random.nextInt(1500));
      byte[] payload = new byte[length];
      random.nextBytes(payload);
      sent.add(payload);
      ByteBuf buffer = ByteBufAllocator.DEFAULT.directBuffer(length).writeBytes(payload);
      writer.write(FrameType.PACKET, buffer);
    }
    writer.flush();

    List<ByteBuf> pieces = pieces();
    List<byte[]> received = new ArrayList<>();
    FrameReader reader =
        new FrameReader(
            new FrameReader.Sink() {
              @Override
              public boolean frame(FrameType type, ByteBuf payload) {
                received.add(ByteBufUtil.getBytes(payload));
                return true;
              }

              @Override
              public void broken(DropReason reason, String sentence) {
                throw new AssertionError(sentence);
              }
            });
    for (int i = 0; i < pieces.size(); i++) {
      if (i < pieces.size() - 1) {
        int over = pieces.get(i).readableBytes() % FrameWriter.RECORD;
        // A header is not torn: it may leave up to four bytes of a record unused.
        assertThat(over == 0 || over > FrameWriter.RECORD - 5).as("piece %s: %s", i, over).isTrue();
      }
      reader.read(ByteBufAllocator.DEFAULT, pieces.get(i));
    }
    assertThat(received).hasSameSizeAs(sent);
    for (int i = 0; i < sent.size(); i++) {
      assertThat(Arrays.equals(received.get(i), sent.get(i))).as("frame %s", i).isTrue();
    }
  }

  @Test
  void theMiddleOfALargePayloadIsNotCopied() {
    ByteBuf payload = ByteBufAllocator.DEFAULT.directBuffer(65_000).writeZero(65_000);
    writer().write(FrameType.PACKET, payload);
    channel.flushOutbound();
    List<ByteBuf> pieces = pieces();
    assertThat(pieces)
        .extracting(ByteBuf::readableBytes)
        .containsExactly(FrameWriter.RECORD, 2 * FrameWriter.RECORD);
    assertThat(pieces.get(1).unwrap()).isNotNull();
    assertThat(payload.refCnt()).isPositive();
    pieces.forEach(ByteBuf::release);
    assertThat(payload.refCnt()).isZero();
  }
}
