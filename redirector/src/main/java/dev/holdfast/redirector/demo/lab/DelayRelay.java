package dev.holdfast.redirector.demo.lab;

import dev.holdfast.tunnel.device.PacketDevice;
import dev.holdfast.tunnel.device.TunDevice;
import dev.holdfast.tunnel.time.SystemClock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A path between two namespaces on which everything takes a fixed time, each way: two TUNs and a
 * queue for each direction.
 *
 * <p>Packets stay whole as the kernel gives them, super-packets too, and in order. One thread polls
 * every {@link #POLL_NANOS}, so a packet is late by 0.1 to 0.2 ms and never early. (The kernel's
 * own netem would be the tool, where it is built in.)
 */
public final class DelayRelay implements AutoCloseable {
  private static final long POLL_NANOS = 60_000;

  /** What a path of 1 Gbit/s holds in half a second; beyond it a router would drop as well. */
  private static final long MOST_QUEUED_BYTES = 64L << 20;

  /** One way through the relay; confined to the relay's thread. */
  private static final class Direction {
    private final PacketDevice from;
    private final PacketDevice to;
    private final Deque<Waiting> queue = new ArrayDeque<>();
    private long queuedBytes;

    Direction(PacketDevice from, PacketDevice to) {
      this.from = from;
      this.to = to;
    }

    private record Waiting(ByteBuf packet, long due) {}

    void readAll(ByteBuf scratch, long now, long delay) throws IOException {
      while (true) {
        scratch.clear();
        int length = from.read(scratch);
        if (length == 0) {
          return;
        }
        if (queuedBytes + length > MOST_QUEUED_BYTES) {
          continue;
        }
        ByteBuf copy = PooledByteBufAllocator.DEFAULT.directBuffer(length).writeBytes(scratch);
        queue.add(new Waiting(copy, now + delay));
        queuedBytes += length;
      }
    }

    void writeDue(long now) throws IOException {
      for (Waiting head = queue.peek();
          head != null && head.due() - now <= 0;
          head = queue.peek()) {
        queue.remove();
        queuedBytes -= head.packet().readableBytes();
        try {
          var _ = to.write(head.packet()); // false: the interface is down, as in life
        } finally {
          head.packet().release();
        }
      }
    }

    void clear() {
      queue.forEach(each -> each.packet().release());
      queue.clear();
    }
  }

  private final TunDevice left;
  private final TunDevice right;
  private final Thread thread;
  private volatile boolean stopping;
  private volatile @Nullable IOException failure;

  private DelayRelay(TunDevice left, TunDevice right, Duration delay) {
    this.left = left;
    this.right = right;
    thread =
        Thread.ofPlatform()
            .name("delay between the sites")
            .daemon()
            .unstarted(() -> relay(delay.toNanos()));
  }

  /**
   * Makes a TUN named {@code device} in both namespaces, down and without addresses, and begins to
   * relay between them.
   */
  public static DelayRelay start(Namespace left, Namespace right, String device, Duration delay)
      throws Exception {
    TunDevice first = left.call(() -> TunDevice.open(device));
    TunDevice second;
    try {
      second = right.call(() -> TunDevice.open(device));
    } catch (Exception e) {
      first.close();
      throw e;
    }
    var relay = new DelayRelay(first, second, delay);
    relay.thread.start();
    return relay;
  }

  private void relay(long delay) {
    var there = new Direction(left, right);
    var back = new Direction(right, left);
    ByteBuf scratch = PooledByteBufAllocator.DEFAULT.directBuffer(PacketDevice.READ_SIZE);
    try {
      while (!stopping) {
        long now = SystemClock.INSTANCE.nanoTime();
        there.readAll(scratch, now, delay);
        back.readAll(scratch, now, delay);
        now = SystemClock.INSTANCE.nanoTime();
        there.writeDue(now);
        back.writeDue(now);
        LockSupport.parkNanos(POLL_NANOS);
      }
    } catch (IOException e) {
      failure = e;
    } finally {
      there.clear();
      back.clear();
      scratch.release();
    }
  }

  /** Stops relaying and removes both devices. */
  @Override
  public void close() throws IOException, InterruptedException {
    stopping = true;
    thread.join();
    left.close();
    right.close();
    IOException why = failure;
    if (why != null) {
      throw new IOException("the delay between the sites had stopped: " + why.getMessage(), why);
    }
  }
}
