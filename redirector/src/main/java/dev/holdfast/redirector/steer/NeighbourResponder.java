package dev.holdfast.redirector.steer;

import dev.holdfast.tunnel.device.FdReadiness;
import dev.holdfast.tunnel.device.FrameFilter;
import dev.holdfast.tunnel.device.PacketSocket;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.IoEventLoop;
import java.io.IOException;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Answers ARP requests and neighbour solicitations on one interface, as {@link NeighbourAnswers}
 * says.
 *
 * <p>The kernel's own proxies wait before they answer, and its NDP proxy sends no Override, so that
 * a neighbour who remembers the guest's MAC would not take the answer (RFC 4861 section 7.2.5).
 *
 * <p>Works on the event loop's thread. When the interface goes, answering ends with a warning.
 */
public final class NeighbourResponder implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(NeighbourResponder.class);
  private static final int LONGEST_FRAME = 2048;
  private static final int BATCH = 64;

  private final PacketSocket socket;
  private final AnswerTable table;
  private final NeighbourAnswers answers;
  private final ByteBuf in = Unpooled.directBuffer(LONGEST_FRAME, LONGEST_FRAME);
  private final LongAdder answered = new LongAdder();
  private final FdReadiness readiness;
  private volatile boolean closed;

  private NeighbourResponder(
      IoEventLoop loop, PacketSocket socket, AnswerTable table, @Nullable AddressClaims claims)
      throws IOException {
    this.socket = socket;
    this.table = table;
    this.answers = new NeighbourAnswers(table, claims, socket.macAddress());
    this.readiness = FdReadiness.register(loop, socket.fd(), this::answerAll);
  }

  /**
   * Starts to answer, in the calling thread's network namespace.
   *
   * @throws IOException when there is no such interface, or privilege is missing
   */
  public static NeighbourResponder start(IoEventLoop loop, String device, AnswerTable table)
      throws IOException {
    return start(loop, device, table, null);
  }

  /**
   * The same, with somebody who looks at every frame first.
   *
   * @throws IOException when there is no such interface, or privilege is missing
   */
  public static NeighbourResponder start(
      IoEventLoop loop, String device, AnswerTable table, @Nullable AddressClaims claims)
      throws IOException {
    PacketSocket socket =
        PacketSocket.open(
            device,
            claims == null ? FrameFilter.ARP_AND_NEIGHBOR_SOLICITATION : FrameFilter.ADDRESS_USE);
    try {
      socket.ignoreOutgoing();
      socket.joinAllMulticast(); // solicitations go to groups that this host is not in
      return new NeighbourResponder(loop, socket, table, claims);
    } catch (IOException | RuntimeException e) {
      socket.close();
      throw e;
    }
  }

  /** The table in use; changes to it take effect with the next question. */
  public AnswerTable table() {
    return table;
  }

  /** Answers sent so far. */
  public long answered() {
    return answered.sum();
  }

  /**
   * Answers what has been asked by now, for who keeps the loop busy meanwhile: a guest to which
   * packets are given cannot answer them before it knows its neighbours. On the loop only.
   */
  public void answerNow() {
    if (!closed) {
      answerAll();
    }
  }

  /** Takes a batch at most, so that others on the loop have their turn. */
  private void answerAll() {
    try {
      for (int i = 0; i < BATCH; i++) {
        int length = socket.receive(in.clear());
        if (length == 0) {
          return;
        }
        answered.add(answers.take(in, length, socket::send));
      }
    } catch (IOException e) {
      LOG.warn("no more answers to ARP and neighbour solicitations: {}", e.getMessage());
      readiness.close();
    }
  }

  /** Stops answering; may be called from any thread, and twice. */
  @Override
  public void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
    }
    readiness.close();
    socket.close();
    in.release();
    answers.close();
  }
}
