package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.config.Config.HoldPolicy;
import dev.holdfast.redirector.config.Config.StaleSyn;
import dev.holdfast.redirector.decide.Decision;
import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.flow.FlowTable;
import dev.holdfast.redirector.flow.FlowTimers;
import dev.holdfast.redirector.hold.HoldBudget;
import dev.holdfast.redirector.hold.HoldLimits;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.redirector.path.MigrationPath;
import dev.holdfast.redirector.path.OutboundPath;
import dev.holdfast.redirector.path.PathTable;
import dev.holdfast.redirector.path.Tap;
import dev.holdfast.redirector.tap.Feed;
import dev.holdfast.redirector.tap.Limits;
import dev.holdfast.redirector.tap.Recordings;
import dev.holdfast.tunnel.device.PacketDevice;
import dev.holdfast.tunnel.device.PcapExpression;
import dev.holdfast.tunnel.link.FrameType;
import dev.holdfast.tunnel.link.Link;
import dev.holdfast.tunnel.observe.DropCounters;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.time.SystemClock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * What a capture costs the thread that carries packets, in its own processor time, so that what
 * else the machine does is not in the figure. The packet path runs alone, without a kernel and
 * without TLS, which are most of what a packet costs: the share of a capture is as large here as it
 * can be. Printed as ratios.
 */
@Tag("suite-throughput")
class CaptureCostIT {
  private static final IpAddress GUEST = IpAddress.parse("10.1.0.10");
  private static final IpAddress PEER = IpAddress.parse("10.9.0.2");
  private static final int KINDS = 100;
  private static final int TURNS = 200;
  private static final int WARM_UP = 50;
  private static final int BATCHES = 100;

  /** A TUN on which there is always one more packet; one of a hundred can be divided by 100. */
  private static final class Endless implements PacketDevice {
    private final List<ByteBuf> packets = new ArrayList<>();
    private int next;
    private long read;

    Endless(int payload) {
      for (int i = 0; i < KINDS; i++) {
        ByteBuf packet = Unpooled.buffer();
        int unused =
            new PacketBuilder(PEER, GUEST)
                .identification(100 + i)
                .tcp(40_000, 443, 1_000, 5, PacketView.ACK, 100)
                .payload(payload)
                .writeWithVnet(packet);
        packets.add(packet);
      }
    }

    @Override
    public String name() {
      return "endless";
    }

    @Override
    public int read(ByteBuf into) {
      ByteBuf packet = packets.get(next++ % KINDS);
      into.writeBytes(packet, packet.readerIndex(), packet.readableBytes());
      read++;
      return packet.readableBytes();
    }

    @Override
    public boolean write(ByteBuf packet) {
      return true;
    }

    @Override
    public void close() {}
  }

  /** Takes everything. */
  private static final class Sink implements Link {
    @Override
    public Sent send(FrameType type, ByteBuf payload) {
      payload.release();
      return Sent.OK;
    }

    @Override
    public void flush() {}

    @Override
    public boolean isUp() {
      return true;
    }

    @Override
    public long queuedBytes() {
      return 0;
    }

    @Override
    public int innerMtu() {
      return 65_535;
    }

    @Override
    public void close() {}
  }

  private final PathTable table = new PathTable();
  private final Recordings recordings =
      new Recordings(table, Runnable::run, SystemClock.INSTANCE, "a test", "here");
  private final ThreadMXBean threads = ManagementFactory.getThreadMXBean();

  private static MigrationPath path() {
    MigrationPath path =
        new MigrationPath(
            new UUID(1, 2),
            Role.REDIRECTOR,
            List.of(GUEST),
            new byte[] {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
            new Decision(Role.REDIRECTOR, List.of(GUEST), HoldPolicy.QUEUE, StaleSyn.TUNNEL),
            1500,
            65_535,
            1,
            new FlowTable(64, FlowTimers.DEFAULTS, 1),
            new HoldBudget(1000, 1 << 20),
            HoldLimits.of(1 << 20, 1_000_000_000L),
            0);
    Link sink = new Sink();
    path.linkUp(0, sink, sink);
    path.enter(MigrationState.REDIRECTING);
    return path;
  }

  /** Nanoseconds of this thread for each packet. */
  private double turn(OutboundPath outbound, Endless device) throws IOException {
    long read = device.read;
    long before = threads.getCurrentThreadCpuTime();
    for (int i = 0; i < BATCHES; i++) {
      outbound.onReadable();
    }
    return (threads.getCurrentThreadCpuTime() - before) / (double) (device.read - read);
  }

  private static Thread reading(Feed feed) {
    return Thread.ofPlatform()
        .daemon()
        .start(() -> {
          try {
            feed.writeTo(OutputStream.nullOutputStream());
          } catch (IOException e) {
            throw new IllegalStateException(e);
          }
        });
  }

  @Test
  void theRatioIsPrinted() throws Exception {
    for (int payload : new int[] {1_448, 32_000}) {
      compare("ip[4:2] % 100 = 0", 1, payload);
      compare(null, 100, payload);
      compare("tcp port 444", 1, payload);
      compare(null, 1, payload);
    }
  }

  private void compare(@Nullable String filter, int sample, int payload) throws Exception {
    MigrationPath path = path();
    table.add(path);
    Endless device = new Endless(payload);
    OutboundPath outbound =
        new OutboundPath(
            device,
            table,
            PooledByteBufAllocator.DEFAULT,
            SystemClock.INSTANCE,
            new DropCounters());
    Set<Tap.Place> places = EnumSet.allOf(Tap.Place.class);
    List<Double> without = new ArrayList<>();
    List<Double> with = new ArrayList<>();
    for (int i = 0; i < TURNS + WARM_UP; i++) {
      double plain = i % 2 == 0 ? turn(outbound, device) : 0;
      Feed feed =
          Objects.requireNonNull(
              recordings.begin(
                  new Recordings.Wanted(
                      places,
                      Set.of(),
                      List.of(),
                      filter == null ? null : PcapExpression.compile(filter),
                      sample),
                  Limits.NONE,
                  id -> "web1"));
      Thread reader = reading(feed);
      double captured = turn(outbound, device);
      feed.end();
      reader.join();
      plain = i % 2 == 0 ? plain : turn(outbound, device);
      if (i >= WARM_UP) {
        without.add(plain);
        with.add(captured);
      }
    }
    double off = median(without);
    double on = median(with);
    System.out.printf(
        Locale.ROOT,
        "capture cost, packet path alone, %d bytes, %s: %.0f ns a packet without, %.0f ns with,"
            + " ratio of packets a second %.3f%n",
        payload + 40,
        filter == null ? "one of " + sample : filter,
        off,
        on,
        off / on);
    assertThat(off).isPositive();
    table.remove(path);
    outbound.close();
    path.close();
  }

  private static double median(List<Double> values) {
    return values.stream().sorted().toList().get(values.size() / 2);
  }
}
