package dev.holdfast.redirector.demo.lab;

import dev.holdfast.tunnel.device.PacketDevice;
import dev.holdfast.tunnel.device.TunDevice;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import dev.holdfast.tunnel.time.SystemClock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import java.io.IOException;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A path between two namespaces on which everything takes its time, and some of it is lost: two
 * TUNs and a queue for each direction ({@link Wan}).
 *
 * <p>Packets stay whole as the kernel gives them, super-packets too, and in order; who wants
 * packets lost one by one keeps the kernel from making super-packets. One thread polls every {@link
 * #POLL_NANOS}, so a packet is late by 0.1 to 0.2 ms and never early. (The kernel's own netem would
 * be the tool, where it is built in.)
 */
public final class DelayRelay implements AutoCloseable {
  private static final long POLL_NANOS = 60_000;

  /** One way through the relay; confined to the relay's thread. */
  private static final class Direction {
    private final PacketDevice from;
    private final PacketDevice to;
    private final WanDirection<ByteBuf> way;

    Direction(PacketDevice from, PacketDevice to, WanDirection<ByteBuf> way) {
      this.from = from;
      this.to = to;
      this.way = way;
    }

    void readAll(ByteBuf scratch) throws IOException {
      while (true) {
        scratch.clear();
        int length = from.read(scratch);
        if (length == 0) {
          return;
        }
        ByteBuf copy = PooledByteBufAllocator.DEFAULT.directBuffer(length).writeBytes(scratch);
        if (!way.offer(copy, length - VirtioNetHeader.LENGTH, SystemClock.INSTANCE.nanoTime())) {
          copy.release();
        }
      }
    }

    void writeDue(long now) throws IOException {
      for (ByteBuf packet = way.poll(now); packet != null; packet = way.poll(now)) {
        try {
          var _ = to.write(packet); // false: the interface is down, as in life
        } finally {
          packet.release();
        }
      }
    }

    void clear() {
      for (ByteBuf packet = way.drain(); packet != null; packet = way.drain()) {
        packet.release();
      }
    }
  }

  private final TunDevice left;
  private final TunDevice right;
  private final Thread thread;
  private volatile boolean stopping;
  private volatile @Nullable IOException failure;

  private DelayRelay(TunDevice left, TunDevice right, Wan wan) {
    this.left = left;
    this.right = right;
    thread =
        Thread.ofPlatform().name("delay between the sites").daemon().unstarted(() -> relay(wan));
  }

  /**
   * Makes a TUN named {@code device} in both namespaces, down and without addresses, and begins to
   * relay between them.
   */
  public static DelayRelay start(Namespace left, Namespace right, String device, Wan wan)
      throws Exception {
    TunDevice first = left.call(() -> TunDevice.open(device));
    TunDevice second;
    try {
      second = right.call(() -> TunDevice.open(device));
    } catch (Exception e) {
      first.close();
      throw e;
    }
    var relay = new DelayRelay(first, second, wan);
    relay.thread.start();
    return relay;
  }

  private void relay(Wan wan) {
    var there = new Direction(left, right, new WanDirection<>(wan, wan.seed()));
    var back = new Direction(right, left, new WanDirection<>(wan, ~wan.seed()));
    ByteBuf scratch = PooledByteBufAllocator.DEFAULT.directBuffer(PacketDevice.READ_SIZE);
    try {
      while (!stopping) {
        there.readAll(scratch);
        back.readAll(scratch);
        long now = SystemClock.INSTANCE.nanoTime();
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
