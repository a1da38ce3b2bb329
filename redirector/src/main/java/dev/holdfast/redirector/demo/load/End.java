package dev.holdfast.redirector.demo.load;

import java.io.IOException;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;

/** One end of a connection: its socket, and the accounts of what it sent and received. */
final class End {
  private static final int READ_SIZE = 64 << 10;

  private final SocketChannel channel;
  private final Course course;
  private final StreamLedger sent;
  private final StreamLedger received;

  /** An end that sends the stream of one seed and expects that of the other. */
  End(SocketChannel channel, Course course, long ownSeed, long otherSeed) {
    this.channel = channel;
    this.course = course;
    this.sent = StreamLedger.ofSender(new SeededBytes(ownSeed));
    this.received = StreamLedger.ofReceiver(new SeededBytes(otherSeed));
  }

  /** Bounds what waits in the kernel to be sent. */
  void sendBuffer(int bytes) throws IOException {
    channel.setOption(StandardSocketOptions.SO_SNDBUF, bytes);
  }

  Course course() {
    return course;
  }

  StreamLedger sent() {
    return sent;
  }

  StreamLedger received() {
    return received;
  }

  /** Sends the next {@code length} bytes of the stream. */
  void send(int length) throws IOException {
    byte[] bytes = sent.next(length);
    ByteBuffer buffer = ByteBuffer.wrap(bytes);
    while (buffer.hasRemaining()) {
      int from = buffer.position();
      int written = channel.write(buffer);
      sent.add(course.phase(), bytes, from, written);
    }
  }

  /** Sends the last bytes and says that no more will come. */
  void sendLast(int length) throws IOException {
    send(length);
    sent.end(); // before the other end can answer with its own last
    channel.shutdownOutput();
  }

  /** Receives until the other end has said its last; the account is ended even on failure. */
  void receiveAll() throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(READ_SIZE);
    try {
      while (channel.read(buffer) >= 0) {
        received.add(course.phase(), buffer.array(), 0, buffer.position());
        buffer.clear();
      }
    } finally {
      received.end();
    }
  }

  /** Closes the socket; what still waits on it fails. */
  void close() {
    try {
      channel.close();
    } catch (IOException e) {
      // A socket that cannot be closed is closed.
    }
  }
}
