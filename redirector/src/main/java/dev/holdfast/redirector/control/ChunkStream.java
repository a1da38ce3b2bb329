package dev.holdfast.redirector.control;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.handler.codec.http.DefaultHttpContent;
import java.io.IOException;
import java.io.OutputStream;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * What is written goes to a client, in chunks of an answer whose head he has. Whoever writes waits
 * while the client is behind; one thread writes.
 */
final class ChunkStream extends OutputStream {
  private static final int CHUNK = 64 << 10;

  /** Bytes that may wait for the client. */
  private static final long AHEAD = 1 << 20;

  private static final long LOOK_NANOS = 100_000_000L;

  private final Channel channel;
  private final AtomicLong waiting = new AtomicLong();
  private volatile @Nullable Thread writer;
  private ByteBuf chunk = Unpooled.buffer(CHUNK);

  ChunkStream(Channel channel) {
    this.channel = channel;
  }

  @Override
  public void write(int b) throws IOException {
    write(new byte[] {(byte) b}, 0, 1);
  }

  @Override
  public void write(byte[] bytes, int offset, int length) throws IOException {
    chunk.writeBytes(bytes, offset, length);
    if (chunk.readableBytes() >= CHUNK) {
      send();
    }
  }

  /**
   * Sends what there is.
   *
   * @throws IOException where the client has gone, even if there is nothing to send
   */
  @Override
  public void flush() throws IOException {
    if (chunk.isReadable()) {
      send();
    } else if (!channel.isActive()) {
      throw gone();
    }
  }

  private void send() throws IOException {
    awaitRoom();
    int length = chunk.readableBytes();
    waiting.addAndGet(length);
    ChannelFuture sent = channel.writeAndFlush(new DefaultHttpContent(chunk));
    sent.addListener(done -> {
      waiting.addAndGet(-length);
      LockSupport.unpark(writer);
    });
    chunk = Unpooled.buffer(CHUNK);
  }

  private void awaitRoom() throws IOException {
    writer = Thread.currentThread();
    while (channel.isActive() && waiting.get() > AHEAD) {
      LockSupport.parkNanos(this, LOOK_NANOS);
    }
    writer = null;
    if (!channel.isActive()) {
      throw gone();
    }
  }

  private static IOException gone() {
    return new IOException("the client has gone");
  }
}
