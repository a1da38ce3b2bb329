package dev.holdfast.redirector.control;

import dev.holdfast.redirector.capturefile.PcapNgWriter;
import dev.holdfast.redirector.migration.CaptureRequest;
import dev.holdfast.redirector.migration.RequestRefused;
import dev.holdfast.redirector.migration.RequestRefused.Kind;
import dev.holdfast.redirector.tap.Feed;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** Captures of packets that nobody has sent. */
public final class FakeCaptures {
  /** Bytes of each packet. */
  public static final int LENGTH = 1000;

  private final Map<String, FakeFeed> running = new ConcurrentHashMap<>();
  private final AtomicInteger begun = new AtomicInteger();
  private volatile int packets = 10;
  private volatile int lost;
  private volatile boolean endless;
  private volatile boolean breaks;
  private volatile @Nullable CaptureRequest last;

  /** What each capture from now on has; one that is endless goes on until it is ended. */
  public void have(int count, int lostCount, boolean isEndless) {
    packets = count;
    lost = lostCount;
    endless = isEndless;
  }

  /** From now on the daemon fails in the middle of a capture. */
  public void fail() {
    breaks = true;
  }

  /** What was asked for last. */
  public @Nullable CaptureRequest last() {
    return last;
  }

  /** How many run. */
  public int running() {
    return running.size();
  }

  Feed begin(CaptureRequest request) throws RequestRefused {
    if (Objects.equals(request.filter(), "port 7")) {
      throw new RequestRefused(Kind.INVALID, "The filter 'port 7' is not understood.");
    }
    last = request;
    FakeFeed feed = new FakeFeed(String.valueOf(begun.incrementAndGet()));
    running.put(feed.id, feed);
    return feed;
  }

  void end(String id) throws RequestRefused {
    FakeFeed feed = running.get(id);
    if (feed == null) {
      throw new RequestRefused(Kind.UNKNOWN, "no capture '" + id + "' runs");
    }
    feed.end();
  }

  private final class FakeFeed implements Feed {
    private final String id;
    private volatile boolean ended;

    FakeFeed(String id) {
      this.id = id;
    }

    @Override
    public String id() {
      return id;
    }

    @Override
    public void end() {
      ended = true;
    }

    @Override
    public void writeTo(OutputStream out) throws IOException {
      try {
        PcapNgWriter writer = new PcapNgWriter(out, "holdfast test");
        int inner = writer.describe("inner-in", "packets that nobody has sent", 101, 0);
        int held = writer.describe("held-in", "no packets", 101, 0);
        int written = 0;
        while (written < packets || (endless && !ended)) {
          if (written < packets) {
            ByteBuffer packet = ByteBuffer.allocate(LENGTH).put(0, (byte) 0x45);
            writer.packet(inner, FakeService.NOON + written++, packet, LENGTH, "verdict: held");
          } else {
            writer.flush();
            sleep();
          }
          if (breaks && written == packets / 2) {
            writer.flush();
            throw new IllegalStateException("a fault that the test wants");
          }
        }
        writer.statistics(inner, FakeService.NOON, written + lost, lost);
        writer.statistics(held, FakeService.NOON, 0, 0);
        writer.flush();
      } finally {
        running.remove(id);
      }
    }

    private void sleep() {
      try {
        Thread.sleep(5);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        ended = true;
      }
    }
  }
}
