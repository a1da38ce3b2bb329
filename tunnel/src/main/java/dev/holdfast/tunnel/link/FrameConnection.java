package dev.holdfast.tunnel.link;

import dev.holdfast.tunnel.observe.DropReason;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelException;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOption;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.handler.ssl.SslCloseCompletionEvent;
import io.netty.util.NetUtil;
import io.netty.util.ReferenceCountUtil;
import java.net.InetSocketAddress;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One TLS connection as two streams of frames. It is the last handler of the connection's pipeline,
 * behind the TLS handler, and belongs to the event loop's thread.
 *
 * <p>Who listens may change between two frames: first whoever finds out what the connection is for,
 * then a link or a control channel.
 */
public final class FrameConnection extends ChannelInboundHandlerAdapter
    implements FrameReader.Sink {
  private static final Logger log = LoggerFactory.getLogger(FrameConnection.class);

  /** Takes what comes in on the connection. */
  public interface Listener {
    /** As {@link LinkReceiver#onFrame}; any known type. */
    void onFrame(FrameType type, ByteBuf payload);

    /** A read batch has ended in which there was at least one frame. */
    default void onBatchEnd() {}

    /** The queue towards the network has fallen below the channel's low water mark. */
    default void onWritable() {}

    /** Said once, at the end, whoever ended it. */
    void onClosed(String reason);
  }

  private final FrameReader reader = new FrameReader(this);
  private final Function<Throwable, String> explain;
  private final Consumer<DropReason> dropped;
  private Listener listener;
  private @Nullable ChannelHandlerContext context;
  private @Nullable FrameWriter writer;
  private @Nullable String reason;
  private boolean closed;
  private boolean framesInBatch;

  /**
   * @param explain turns what the transport or the TLS engine throws into one sentence
   * @param dropped counts the frame that broke the connection, if it was one
   */
  public FrameConnection(
      Listener listener, Function<Throwable, String> explain, Consumer<DropReason> dropped) {
    this.listener = listener;
    this.explain = explain;
    this.dropped = dropped;
  }

  /** From the next frame on, {@code next} takes what comes. */
  public void listener(Listener next) {
    this.listener = next;
  }

  /** Appends a frame; it goes out at the next flush. Takes over the reference to the payload. */
  public void write(FrameType type, ByteBuf payload) {
    FrameWriter open = writer;
    if (open == null) {
      payload.release();
      return;
    }
    open.write(type, payload);
  }

  public void flush() {
    FrameWriter open = writer;
    if (open != null) {
      open.flush();
    }
  }

  /** The far end's address as this host sees it; null before and after the connection. */
  public @Nullable InetSocketAddress remoteAddress() {
    ChannelHandlerContext ctx = context;
    return ctx != null && ctx.channel().remoteAddress() instanceof InetSocketAddress address
        ? address
        : null;
  }

  /**
   * What the connection's own packets carry from now on. Its two ECN bits stay TCP's.
   *
   * @param dscp 0 to 63; another leaves it as it is
   */
  public void mark(int dscp) {
    ChannelHandlerContext ctx = context;
    if (ctx == null || dscp < 0) {
      return;
    }
    try {
      ctx.channel().config().setOption(ChannelOption.IP_TOS, dscp << 2); // or IPV6_TCLASS
    } catch (ChannelException e) {
      log.warn("the DSCP {} cannot be set: {}", dscp, e.getMessage());
    }
  }

  /** The DSCP of the connection's own packets, 0 to 63; -1 before and after the connection. */
  int dscp() {
    ChannelHandlerContext ctx = context;
    return ctx == null ? -1 : ctx.channel().config().getOption(ChannelOption.IP_TOS) >> 2;
  }

  /** Whether frames can be written. */
  public boolean isOpen() {
    return writer != null && reason == null;
  }

  /** Bytes that were written and that the kernel has not taken yet. */
  public long queuedBytes() {
    FrameWriter open = writer;
    ChannelHandlerContext ctx = context;
    if (open == null || ctx == null) {
      return 0;
    }
    ChannelOutboundBuffer buffer = ctx.channel().unsafe().outboundBuffer();
    return open.unflushed() + (buffer == null ? 0 : buffer.totalPendingWriteBytes());
  }

  /** As {@link Link#ends}. */
  String ends() {
    ChannelHandlerContext ctx = context;
    return ctx != null
            && ctx.channel().localAddress() instanceof InetSocketAddress local
            && ctx.channel().remoteAddress() instanceof InetSocketAddress remote
        ? NetUtil.toSocketAddressString(local) + " - " + NetUtil.toSocketAddressString(remote)
        : "";
  }

  /** Sends what is written, then ends the connection; the listener is told {@code why}. */
  public void close(String why) {
    if (reason != null) {
      return;
    }
    reason = why;
    ChannelHandlerContext ctx = context;
    if (ctx != null) {
      flush();
      ctx.close();
    }
  }

  @Override
  public void handlerAdded(ChannelHandlerContext ctx) {
    context = ctx;
    writer = new FrameWriter(ctx);
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object message) {
    if (reason != null) {
      ReferenceCountUtil.release(message);
      return;
    }
    reader.read(ctx.alloc(), (ByteBuf) message);
  }

  @Override
  public boolean frame(FrameType type, ByteBuf payload) {
    framesInBatch = true;
    listener.onFrame(type, payload);
    return reason == null;
  }

  @Override
  public void broken(DropReason why, String sentence) {
    dropped.accept(why);
    close("the other host " + sentence);
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext ctx) {
    if (framesInBatch) {
      framesInBatch = false;
      listener.onBatchEnd();
    }
  }

  @Override
  public void channelWritabilityChanged(ChannelHandlerContext ctx) {
    if (ctx.channel().isWritable()) {
      listener.onWritable();
    }
  }

  /** The other end has said that nothing more comes: it waits for us to say the same. */
  @Override
  public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
    if (event instanceof SslCloseCompletionEvent) {
      if (reason == null) {
        close("the other host closed the connection");
      } else {
        ctx.close();
      }
    }
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    close(explain.apply(cause));
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    end();
  }

  @Override
  public void handlerRemoved(ChannelHandlerContext ctx) {
    end();
  }

  private void end() {
    if (closed) {
      return;
    }
    closed = true;
    reader.close();
    FrameWriter open = writer;
    if (open != null) {
      writer = null;
      open.close();
    }
    if (reason == null) {
      reason = "the other host closed the connection";
    }
    listener.onClosed(reason);
  }
}
