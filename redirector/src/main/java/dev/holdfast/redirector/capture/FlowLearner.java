package dev.holdfast.redirector.capture;

import dev.holdfast.redirector.flow.Direction;
import dev.holdfast.redirector.flow.FlowTable;
import dev.holdfast.redirector.flow.Origin;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.time.Clock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.pcap4j.core.BpfProgram.BpfCompileMode;
import org.pcap4j.core.NotOpenException;
import org.pcap4j.core.PcapHandle;
import org.pcap4j.core.PcapHandle.TimestampPrecision;
import org.pcap4j.core.PcapNativeException;
import org.pcap4j.core.PcapNetworkInterface.PromiscuousMode;
import org.pcap4j.core.RawPacketListener;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Learns the guest's connections from arm to hold, while its packets do not pass through us: a
 * read-only capture of headers on the guest's port.
 *
 * <p>It owns the flow table until {@link #handOver}; from then on the packet path does.
 */
public final class FlowLearner implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(FlowLearner.class);
  private static final int HEADERS =
      192; // Ethernet with two tags, IPv6 with extension headers, TCP with options
  private static final int POLL_MILLIS = 20;
  private static final int ETHERNET = 14;

  private final List<IpAddress> olds;
  private final Clock clock;
  private final PcapHandle handle;
  private final Thread thread;
  private final Object lock = new Object();
  private final FlowTable table;
  private final PacketView view = new PacketView();
  private final CapturedFrame header = new CapturedFrame();
  // Wide enough for the longest packet: the view checks a length that the capture has cut off, and
  // only headers are
  // read.
  private final ByteBuf scratch = Unpooled.buffer(65536 + ETHERNET, 65536 + ETHERNET);
  private volatile boolean done;
  private @Nullable EarlyNotice notice;
  private long learnt;

  private FlowLearner(PcapHandle handle, List<IpAddress> olds, FlowTable table, Clock clock) {
    this.handle = handle;
    this.olds = List.copyOf(olds);
    this.table = table;
    this.clock = clock;
    this.thread = Thread.ofPlatform().name("flow-learner").daemon().unstarted(this::capture);
  }

  /**
   * Starts to capture on {@code interfaceName}.
   *
   * @throws IOException when libpcap cannot open it, with its own words
   */
  public static FlowLearner start(
      String interfaceName, List<IpAddress> olds, FlowTable table, Clock clock) throws IOException {
    StringBuilder filter = new StringBuilder();
    for (IpAddress old : olds) {
      filter.append(filter.isEmpty() ? "" : " or ").append("host ").append(old);
    }
    try {
      PcapHandle handle =
          new PcapHandle.Builder(interfaceName)
              .snaplen(HEADERS)
              .promiscuousMode(PromiscuousMode.NONPROMISCUOUS)
              .timeoutMillis(POLL_MILLIS)
              .bufferSize(4 << 20)
              .timestampPrecision(TimestampPrecision.MICRO)
              .build();
      handle.setFilter(filter.toString(), BpfCompileMode.OPTIMIZE);
      FlowLearner learner = new FlowLearner(handle, olds, table, clock);
      learner.thread.start();
      return learner;
    } catch (PcapNativeException | NotOpenException e) {
      throw new IOException("cannot capture on " + interfaceName + ": " + e.getMessage(), e);
    } catch (LinkageError e) {
      throw new IOException(
          "libpcap cannot be loaded, which learns the guest's connections: install it (package libpcap0.8): "
              + e.getMessage(),
          e);
    }
  }

  private void capture() {
    RawPacketListener listener = this::learn;
    try {
      while (!done) {
        handle.dispatch(256, listener);
      }
    } catch (PcapNativeException | NotOpenException e) {
      if (!done) {
        log.warn(
            "the capture of the guest's port ended; flows are no longer learnt: {}",
            e.getMessage());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      handle.close();
    }
  }

  private void learn(byte[] frame) {
    synchronized (lock) {
      if (done || !header.check(frame)) {
        return;
      }
      int at = header.payload();
      int length = header.packetLength();
      if (length == 0 || at + length > scratch.capacity()) {
        return;
      }
      scratch.setBytes(0, frame);
      scratch.writerIndex(Math.max(frame.length, at + length));
      if (view.check(scratch, at, length) != PacketFault.NONE) {
        return;
      }
      for (IpAddress old : olds) {
        if (view.isTo(old)) {
          learn(Direction.TO_GUEST, frame.length - at);
        } else if (view.isFrom(old)) {
          learn(Direction.FROM_GUEST, frame.length - at);
        }
      }
    }
  }

  private void learn(Direction direction, int captured) {
    long now = clock.nanoTime();
    table.seen(view, direction, now, Origin.CAPTURED);
    learnt++;
    EarlyNotice told = notice;
    if (told != null) {
      told.look(view, captured, table.hash(view, direction) * 31 + direction.ordinal(), now);
    }
  }

  /** From now on who sends too long packets for the tunnel is told. */
  public void notice(EarlyNotice early) {
    synchronized (lock) {
      notice = early;
    }
  }

  /** How many senders were told, each time, that their packets are too long for the tunnel. */
  public long told() {
    synchronized (lock) {
      return notice == null ? 0 : notice.told();
    }
  }

  /**
   * Looks at the table, or adds to it, while nothing else does.
   *
   * @return false where nothing was done, as it has been handed over
   */
  public boolean withTable(Consumer<FlowTable> action) {
    synchronized (lock) {
      if (!done) {
        action.accept(table);
      }
      return !done;
    }
  }

  /** Packets learnt from so far. */
  public long learnt() {
    synchronized (lock) {
      return learnt;
    }
  }

  /** Ends learning at once and gives the table away. */
  public FlowTable handOver() {
    synchronized (lock) {
      done = true;
      return table;
    }
  }

  @Override
  public void close() {
    handOver();
    try {
      handle.breakLoop(); // a silent interface would keep it waiting
    } catch (NotOpenException e) {
      log.debug("the capture had ended");
    }
    try {
      thread.join(2_000);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
