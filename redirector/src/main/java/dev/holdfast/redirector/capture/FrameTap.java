package dev.holdfast.redirector.capture;

import dev.holdfast.tunnel.time.Clock;
import java.io.IOException;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.pcap4j.core.BpfProgram.BpfCompileMode;
import org.pcap4j.core.NotOpenException;
import org.pcap4j.core.PcapHandle;
import org.pcap4j.core.PcapHandle.PcapDirection;
import org.pcap4j.core.PcapNativeException;
import org.pcap4j.core.PcapNetworkInterface.PromiscuousMode;
import org.pcap4j.core.RawPacketListener;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Copies of the frames that come in by one interface, whatever their destination MAC, as libpcap
 * gives them.
 *
 * <p>A thread of its own reads, since libpcap can only wait by itself; it hands over in a queue of
 * {@link #QUEUED} frames, and where that is full it waits, so that what is too much stays in
 * libpcap's buffer and is counted there. A handle is not safe for two threads, so this thread sets
 * the filter as well. When the interface goes away the thread waits until it is back.
 */
final class FrameTap implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(FrameTap.class);

  /** A filter that no frame passes. */
  static final String NOTHING = "less 1";

  /** The longest IP packet behind an Ethernet header with two tags. */
  private static final int LONGEST = 65_535 + 14 + 8;

  /**
   * libpcap's buffer. Where frames are given at once (immediate mode) each has a place for the
   * longest of all, with the interface's offloads on 128 KiB: so this is 512 frames.
   */
  private static final int BUFFER_BYTES = 64 << 20;

  private static final int QUEUED = 256;
  private static final int BATCH = 256;
  private static final int WAIT_MILLIS = 500;
  private static final long STATS_NANOS = 200_000_000L;
  private static final long FILTER_SECONDS = 5;

  private record Wanted(String filter, CompletableFuture<Void> done) {}

  private final String interfaceName;
  private final int bufferBytes;
  private final Clock clock;
  private final Executor reader;
  private final Runnable onFrames;
  private final Thread thread;
  private final ArrayBlockingQueue<byte[]> queue = new ArrayBlockingQueue<>(QUEUED);
  private final AtomicBoolean announced = new AtomicBoolean();
  private final AtomicReference<@Nullable Wanted> wanted = new AtomicReference<>();
  private final RawPacketListener listener = this::handOver;
  private volatile PcapHandle handle;
  private volatile boolean done;
  private volatile long lost;

  // All below are the thread's own.
  private long lostByEarlier;
  private String filter = NOTHING;
  private long statsNanos;

  private FrameTap(
      String interfaceName,
      int bufferBytes,
      PcapHandle handle,
      Clock clock,
      Executor reader,
      Runnable onFrames) {
    this.interfaceName = interfaceName;
    this.bufferBytes = bufferBytes;
    this.handle = handle;
    this.clock = clock;
    this.reader = reader;
    this.onFrames = onFrames;
    this.thread = Thread.ofPlatform().name("pcap-" + interfaceName).daemon().unstarted(this::run);
  }

  /**
   * Opens the interface, promiscuously and deaf.
   *
   * @param onFrames called by {@code reader} when there may be something to {@link #poll}; it need
   *     not take all, and is called again
   * @throws IOException when libpcap cannot open it, with its own words
   */
  static FrameTap open(String interfaceName, Clock clock, Executor reader, Runnable onFrames)
      throws IOException {
    return open(interfaceName, BUFFER_BYTES, clock, reader, onFrames);
  }

  /**
   * @param bufferBytes libpcap's
   */
  static FrameTap open(
      String interfaceName, int bufferBytes, Clock clock, Executor reader, Runnable onFrames)
      throws IOException {
    try {
      PcapHandle opened = handle(interfaceName, NOTHING, bufferBytes);
      var tap = new FrameTap(interfaceName, bufferBytes, opened, clock, reader, onFrames);
      tap.thread.setPriority(Thread.MAX_PRIORITY);
      tap.thread.start();
      return tap;
    } catch (PcapNativeException | NotOpenException e) {
      throw new IOException("cannot capture on " + interfaceName + ": " + e.getMessage(), e);
    } catch (LinkageError e) {
      throw new IOException(
          "libpcap cannot be loaded, which capture = \"pcap\" needs: install it (package"
              + " libpcap0.8): "
              + e.getMessage(),
          e);
    }
  }

  private static PcapHandle handle(String interfaceName, String filter, int bufferBytes)
      throws PcapNativeException, NotOpenException {
    PcapHandle opened =
        new PcapHandle.Builder(interfaceName)
            .snaplen(LONGEST)
            .promiscuousMode(PromiscuousMode.PROMISCUOUS)
            .timeoutMillis(WAIT_MILLIS)
            .bufferSize(bufferBytes)
            .immediateMode(true)
            .build();
    try {
      opened.setDirection(PcapDirection.IN); // our own frames go out
      opened.setFilter(filter, BpfCompileMode.OPTIMIZE);
      return opened;
    } catch (PcapNativeException | NotOpenException e) {
      opened.close();
      throw e;
    }
  }

  /**
   * From when this returns, what passes {@code expression} is given, and nothing else is captured.
   * Never called by whoever polls, which may have to make room first.
   *
   * @param expression pcap-filter(7)
   * @throws IOException with libpcap's words when it does not take it, or the interface is gone
   */
  void filter(String expression) throws IOException {
    var asked = new Wanted(expression, new CompletableFuture<>());
    Wanted before = wanted.getAndSet(asked);
    if (before != null) {
      before.done.completeExceptionally(new IOException("another filter took its place"));
    }
    try {
      handle.breakLoop();
      asked.done.get(FILTER_SECONDS, TimeUnit.SECONDS);
    } catch (ExecutionException e) {
      Throwable cause = e.getCause() == null ? e : e.getCause();
      throw new IOException("cannot capture on " + interfaceName + ": " + cause.getMessage(), e);
    } catch (TimeoutException | NotOpenException e) {
      throw new IOException("the capture on " + interfaceName + " does not answer", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while capture was switched on " + interfaceName, e);
    }
  }

  /** The next frame, from the destination MAC on; null when there is none now. */
  byte @Nullable [] poll() {
    return queue.poll();
  }

  /** Frames that were captured and lost before they could be read, in all. */
  long lost() {
    return lost;
  }

  private void run() {
    try {
      while (!done) {
        try {
          setFilter();
          int frames = handle.dispatch(BATCH, listener);
          count(frames);
        } catch (InterruptedException e) {
          log.trace("{}: told to look up", interfaceName); // by breakLoop
        } catch (PcapNativeException e) {
          reopen(String.valueOf(e.getMessage()));
        }
      }
    } catch (NotOpenException e) {
      log.error("the capture on {} has ended: {}", interfaceName, e.getMessage());
    } finally {
      handle.close();
      Wanted asked = wanted.getAndSet(null);
      if (asked != null) {
        asked.done.completeExceptionally(new IOException("the capture has ended"));
      }
    }
  }

  private void setFilter() throws NotOpenException {
    Wanted asked = wanted.getAndSet(null);
    if (asked == null) {
      return;
    }
    try {
      handle.setFilter(asked.filter, BpfCompileMode.OPTIMIZE);
      filter = asked.filter;
      asked.done.complete(null);
    } catch (PcapNativeException e) {
      asked.done.completeExceptionally(e);
    }
  }

  /** Waits for room; what comes meanwhile stays in libpcap's buffer. */
  private void handOver(byte[] frame) {
    try {
      while (!queue.offer(frame, WAIT_MILLIS, TimeUnit.MILLISECONDS)) {
        if (done) {
          return;
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return;
    }
    announce();
  }

  private void announce() {
    if (!announced.getAndSet(true)) {
      try {
        reader.execute(this::read);
      } catch (RejectedExecutionException e) {
        log.debug("{}: nobody reads any more", interfaceName); // the daemon is stopping
      }
    }
  }

  /** On the reader's thread. What comes from here on is announced anew. */
  private void read() {
    announced.set(false);
    onFrames.run();
    if (!queue.isEmpty()) {
      announce();
    }
  }

  private void count(int frames) throws PcapNativeException, NotOpenException {
    long now = clock.nanoTime();
    if (now - statsNanos < STATS_NANOS && frames < BATCH) {
      return;
    }
    statsNanos = now;
    long all = lostByEarlier + handle.getStats().getNumPacketsDropped();
    if (all != lost) {
      lost = all;
      announce();
    }
  }

  /** A bridge that is made anew, or is down for a while, has its frames captured again. */
  private void reopen(String why) throws NotOpenException {
    log.warn("the capture on {} stopped, and is tried again: {}", interfaceName, why);
    lostByEarlier = lost;
    handle.close();
    while (!done) {
      try {
        Thread.sleep(WAIT_MILLIS);
        handle = handle(interfaceName, filter, bufferBytes);
        log.info("the capture on {} goes on", interfaceName);
        return;
      } catch (PcapNativeException e) {
        log.debug("{}: {}", interfaceName, e.getMessage());
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        done = true;
      }
    }
  }

  @Override
  public void close() {
    done = true;
    try {
      handle.breakLoop();
    } catch (NotOpenException e) {
      log.debug("the capture on {} had ended", interfaceName);
    }
    try {
      thread.join(2L * WAIT_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
