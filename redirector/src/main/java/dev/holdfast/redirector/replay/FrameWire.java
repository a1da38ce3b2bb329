package dev.holdfast.redirector.replay;

import dev.holdfast.tunnel.link.FrameConnection;
import dev.holdfast.tunnel.link.FrameType;
import dev.holdfast.tunnel.link.LinkReceiver;
import dev.holdfast.tunnel.link.TlsLink;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.embedded.EmbeddedChannel;
import java.util.function.Consumer;

/**
 * One data connection between the two hosts: the frames as they are inside of TLS, written and read
 * by the same code, on a stream of the {@link Wan} each way.
 */
final class FrameWire {
  private final End old;
  private final End fresh;

  /**
   * @param sent is shown what each host writes: true for the old one; keeps no reference
   */
  FrameWire(LinkReceiver atOld, LinkReceiver atFresh, Wan there, Wan back, Sent sent) {
    old = new End(atOld, there.stream(), bytes -> sent.bytes(true, bytes));
    fresh = new End(atFresh, back.stream(), bytes -> sent.bytes(false, bytes));
    old.other = fresh;
    fresh.other = old;
  }

  /** Is shown the bytes of a stream. */
  interface Sent {
    void bytes(boolean byOldHost, ByteBuf bytes);
  }

  TlsLink atOld() {
    return old.link;
  }

  TlsLink atFresh() {
    return fresh.link;
  }

  void close() {
    old.close();
    fresh.close();
  }

  private static final class End extends ChannelOutboundHandlerAdapter {
    private final EmbeddedChannel channel;
    private final TlsLink link;
    private final Wan.Stream stream;
    private final Consumer<ByteBuf> shown;
    private End other = this;

    End(LinkReceiver receiver, Wan.Stream stream, Consumer<ByteBuf> shown) {
      this.stream = stream;
      this.shown = shown;
      var connection = new FrameConnection(new Unused(), String::valueOf, reason -> {});
      channel = new EmbeddedChannel();
      channel.config().setAllocator(PooledByteBufAllocator.DEFAULT);
      channel.pipeline().addLast(this, connection);
      link = new TlsLink(connection, receiver, TlsLink.Limits.DEFAULT);
    }

    @Override
    public void flush(ChannelHandlerContext context) {
      context.flush();
      for (ByteBuf bytes = channel.readOutbound(); bytes != null; bytes = channel.readOutbound()) {
        ByteBuf sent = bytes;
        shown.accept(sent);
        stream.send(sent.readableBytes(), () -> other.arrived(sent), sent::release);
      }
    }

    private void arrived(ByteBuf bytes) {
      if (channel.isOpen()) {
        // as an event loop does, without the queue and the checks that a test of a handler needs
        channel.pipeline().fireChannelRead(bytes).fireChannelReadComplete();
      } else {
        bytes.release();
      }
    }

    void close() {
      channel.close();
    }
  }

  /** Until the link listens. */
  private static final class Unused implements FrameConnection.Listener {
    @Override
    public void onFrame(FrameType type, ByteBuf payload) {}

    @Override
    public void onClosed(String reason) {}
  }
}
