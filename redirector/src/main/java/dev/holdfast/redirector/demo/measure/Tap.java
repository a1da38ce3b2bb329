package dev.holdfast.redirector.demo.measure;

import dev.holdfast.redirector.demo.lab.Namespace;
import java.io.IOException;
import java.nio.file.Path;
import java.sql.Timestamp;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.pcap4j.core.BpfProgram.BpfCompileMode;
import org.pcap4j.core.NotOpenException;
import org.pcap4j.core.PcapHandle;
import org.pcap4j.core.PcapHandle.TimestampPrecision;
import org.pcap4j.core.PcapNativeException;
import org.pcap4j.core.PcapStat;
import org.pcap4j.core.RawPacketListener;

/** Reads packet headers off one interface, with the kernel's stamps, on a thread of its own. */
public final class Tap implements AutoCloseable {
  /** Ethernet, IPv6 and the longest TCP header, rounded up. */
  private static final int SNAP_LENGTH = 128;

  private static final int BUFFER_BYTES = 16 << 20;

  /** The kernel hands packets over in batches, at the latest after so long. */
  private static final int BATCH_MILLIS = 10;

  /** Who is given what was captured; called on the tap's thread. */
  @FunctionalInterface
  public interface Sink {
    void frame(long epochNanos, byte[] headers);
  }

  private final PcapHandle handle;
  private final Sink sink;
  private final @Nullable PcapFile file;
  private final Thread thread;
  private volatile @Nullable Exception failure;
  private boolean closed;

  private Tap(PcapHandle handle, String name, Sink sink, @Nullable PcapFile file) {
    this.handle = handle;
    this.sink = sink;
    this.file = file;
    thread = Thread.ofPlatform().name(name).daemon().unstarted(this::read);
  }

  /**
   * Opens a tap and begins to read; both directions, not promiscuous.
   *
   * @param filter in libpcap's language; empty takes everything
   * @param keep a capture file that gets everything too; null: none
   */
  public static Tap open(
      Namespace where, String device, String filter, @Nullable Path keep, Sink sink)
      throws Exception {
    PcapHandle handle = where.call(() -> open(device, filter));
    Tap tap;
    try {
      tap =
          new Tap(
              handle,
              "tap " + where + " " + device,
              sink,
              keep == null ? null : new PcapFile(keep, SNAP_LENGTH));
    } catch (IOException e) {
      handle.close();
      throw e;
    }
    tap.thread.start();
    return tap;
  }

  private static PcapHandle open(String device, String filter)
      throws PcapNativeException, NotOpenException {
    PcapHandle handle =
        new PcapHandle.Builder(device)
            .snaplen(SNAP_LENGTH)
            .timeoutMillis(BATCH_MILLIS)
            .bufferSize(BUFFER_BYTES)
            .timestampPrecision(TimestampPrecision.NANO)
            .build();
    if (!filter.isEmpty()) {
      handle.setFilter(filter, BpfCompileMode.OPTIMIZE);
    }
    return handle;
  }

  private void read() {
    RawPacketListener listener = this::take;
    try {
      handle.loop(-1, listener);
    } catch (InterruptedException e) {
      // breakLoop() ends it this way
    } catch (PcapNativeException | NotOpenException e) {
      failure = e;
    }
  }

  private void take(byte[] headers) {
    Timestamp stamp = handle.getTimestamp();
    long epochNanos =
        TimeUnit.SECONDS.toNanos(Math.floorDiv(stamp.getTime(), 1000L)) + stamp.getNanos();
    sink.frame(epochNanos, headers);
    if (file != null) {
      try {
        file.write(epochNanos, headers, handle.getOriginalLength());
      } catch (IOException e) {
        failure = e;
      }
    }
  }

  /**
   * Ends reading, once what the kernel has captured so far has been read.
   *
   * @throws IOException when something was captured and lost, or reading had failed: what was seen
   *     is not the whole then
   */
  @Override
  public void close() throws IOException, InterruptedException {
    if (closed) {
      return;
    }
    closed = true;
    thread.join(3L * BATCH_MILLIS); // the last batch; nothing else tells that it is through
    long lost = lost();
    try {
      handle.breakLoop();
    } catch (NotOpenException e) {
      throw new IllegalStateException("the tap is closed here alone", e);
    }
    thread.join();
    handle.close();
    if (file != null) {
      file.close();
    }
    Exception why = failure;
    if (why != null) {
      throw new IOException(thread.getName() + " had stopped: " + why.getMessage(), why);
    }
    if (lost > 0) {
      throw new IOException(thread.getName() + " lost " + lost + " packets");
    }
  }

  private long lost() {
    try {
      PcapStat statistics = handle.getStats();
      return statistics.getNumPacketsDropped();
    } catch (PcapNativeException | NotOpenException e) {
      failure = e;
      return 0;
    }
  }
}
