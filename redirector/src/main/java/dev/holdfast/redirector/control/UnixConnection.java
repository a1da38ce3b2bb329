package dev.holdfast.redirector.control;

import dev.holdfast.tunnel.time.SystemClock;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.SocketTimeoutException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;

/** A client's stream socket whose reads and writes end at a deadline. */
final class UnixConnection implements AutoCloseable {
  private static final int LONGEST_LINE = 1 << 20;

  private final SocketChannel channel;
  private final Selector selector;
  private final ByteBuffer in = ByteBuffer.allocate(16 << 10).flip();
  private long deadline;
  private boolean limited;

  private UnixConnection(SocketChannel channel, Selector selector) {
    this.channel = channel;
    this.selector = selector;
  }

  static UnixConnection open(Path socket) throws IOException {
    SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX);
    try {
      channel.connect(UnixDomainSocketAddress.of(socket));
      channel.configureBlocking(false);
      Selector selector = Selector.open();
      channel.register(selector, SelectionKey.OP_READ);
      return new UnixConnection(channel, selector);
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }

  /** From now on everything together may take this long. */
  void within(Duration time) {
    limited = true;
    deadline = SystemClock.INSTANCE.nanoTime() + time.toNanos();
  }

  void write(byte[] bytes) throws IOException {
    ByteBuffer out = ByteBuffer.wrap(bytes);
    while (out.hasRemaining()) {
      if (channel.write(out) == 0) {
        await(SelectionKey.OP_WRITE);
      }
    }
  }

  /** The next line, without CR and LF. */
  String readLine() throws IOException {
    var line = new ByteArrayOutputStream();
    while (true) {
      int next = read();
      if (next < 0) {
        throw new EOFException("the connection ended within a line");
      }
      if (next == '\n') {
        return line.toString(StandardCharsets.UTF_8).stripTrailing();
      }
      if (line.size() >= LONGEST_LINE) {
        throw new IOException("a line is longer than " + LONGEST_LINE + " bytes");
      }
      line.write(next);
    }
  }

  byte[] readFully(int length) throws IOException {
    byte[] bytes = new byte[length];
    for (int i = 0; i < length; ) {
      if (!in.hasRemaining() && !fill()) {
        throw new EOFException("the connection ended before the answer did");
      }
      int count = Math.min(length - i, in.remaining());
      in.get(bytes, i, count);
      i += count;
    }
    return bytes;
  }

  /** One byte, or -1 at the end. */
  private int read() throws IOException {
    return in.hasRemaining() || fill() ? in.get() & 0xff : -1;
  }

  private boolean fill() throws IOException {
    while (true) {
      in.clear();
      int count = channel.read(in);
      in.flip();
      if (count != 0) {
        return count > 0;
      }
      await(SelectionKey.OP_READ);
    }
  }

  private void await(int operation) throws IOException {
    channel.keyFor(selector).interestOps(operation);
    long left = 0;
    if (limited) {
      left = (deadline - SystemClock.INSTANCE.nanoTime()) / 1_000_000;
      if (left <= 0) {
        throw new SocketTimeoutException("no answer in time");
      }
    }
    selector.select(left);
    selector.selectedKeys().clear();
    if (Thread.interrupted()) {
      throw new InterruptedIOException("interrupted");
    }
  }

  @Override
  public void close() throws IOException {
    selector.close();
    channel.close();
  }
}
