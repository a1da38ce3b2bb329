package dev.holdfast.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.holdfast.redirector.config.Config.HoldPolicy;
import dev.holdfast.redirector.config.Config.StaleSyn;
import dev.holdfast.redirector.decide.Decision;
import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.flow.FlowTable;
import dev.holdfast.redirector.flow.FlowTimers;
import dev.holdfast.redirector.hold.HoldBudget;
import dev.holdfast.redirector.hold.HoldLimits;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.redirector.path.InboundPath;
import dev.holdfast.redirector.path.MigrationPath;
import dev.holdfast.redirector.path.OutboundPath;
import dev.holdfast.redirector.path.PathTable;
import dev.holdfast.tunnel.device.MemoryTun;
import dev.holdfast.tunnel.link.FrameType;
import dev.holdfast.tunnel.link.Link;
import dev.holdfast.tunnel.observe.DropCounters;
import dev.holdfast.tunnel.packet.IpAddress;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import java.io.IOException;
import java.util.List;
import java.util.UUID;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The whole way of a packet, both ways: a host's role, a state, then orders with a packet each.
 * Whatever comes is forwarded, held, staged or counted; no buffer is left.
 */
class PathFuzzTest implements InboundPath.LinkEvents {
  private static final List<IpAddress> OLD =
      List.of(IpAddress.parse("10.1.0.10"), IpAddress.parse("fd00:1::10"));
  private static final byte[] TOKEN = new byte[16];
  private static final MigrationState[] STATES = MigrationState.values();

  /** A link that counts what it is given, and is at times full, down or too narrow. */
  private static final class Counting implements Link {
    Sent answer = Sent.OK;
    int packets;
    int others;

    @Override
    public Sent send(FrameType type, ByteBuf payload) {
      payload.release();
      if (answer == Sent.OK) {
        if (type == FrameType.PACKET) {
          packets++;
        } else {
          others++;
        }
      }
      return answer;
    }

    @Override
    public void flush() {}

    @Override
    public boolean isUp() {
      return answer != Sent.DOWN;
    }

    @Override
    public long queuedBytes() {
      return 0;
    }

    @Override
    public int innerMtu() {
      return 1480;
    }

    @Override
    public void close() {}
  }

  private final StandingClock clock = new StandingClock();
  private int delivered;

  private static MigrationPath path(Role role, int connections, int policy) {
    TOKEN[0] = 1;
    return new MigrationPath(
        new UUID(1, 2),
        role,
        OLD,
        TOKEN,
        new Decision(
            role,
            OLD,
            (policy & 1) == 0 ? HoldPolicy.QUEUE : HoldPolicy.DROP,
            StaleSyn.values()[(policy >> 1) % StaleSyn.values().length]),
        1480,
        1400, // so that what is too big for the LAN is tried too
        connections,
        new FlowTable(8, FlowTimers.DEFAULTS, 1),
        new HoldBudget(16, 1 << 18),
        HoldLimits.of(1 << 18, 1_000_000_000L),
        0);
  }

  private static void enter(MigrationPath path, int state) {
    MigrationState next = STATES[state % STATES.length];
    if (next == MigrationState.HOLDING) {
      path.beginHold(1);
    } else {
      path.enter(next);
    }
  }

  private static int taken(MemoryTun tun) {
    int count = 0;
    for (ByteBuf packet = tun.take(); packet != null; packet = tun.take()) {
      packet.release();
      count++;
    }
    return count;
  }

  @MethodSource("traffic")
  @FuzzTest
  void outbound(byte[] data) throws IOException {
    var input = new Bytes(data);
    int policy = input.u8();
    Role role = Role.values()[input.u8() % 2];
    var allocator = new UnpooledByteBufAllocator(false);
    var drops = new DropCounters();
    var link = new Counting();
    MigrationPath path = path(role, 2, policy);
    var table = new PathTable();
    table.add(path);
    var tun = new MemoryTun("hf0", 64);
    var outbound = new OutboundPath(tun, table, allocator, clock, drops);
    for (int lane = 0; lane < 2 && (policy & 0x80) == 0; lane++) {
      path.linkUp(lane, link, link);
    }
    long read = 0;
    for (int i = 0; i < 32 && input.hasMore(); i++) {
      int order = input.u8();
      enter(path, order & 7);
      link.answer = Link.Sent.values()[order >> 3 & 3];
      byte[] packet = input.piece();
      boolean accepted = packet.length > 0 && tun.inject(Bounded.of(packet));
      read += accepted ? 1 : 0;
      outbound.onReadable();
      delivered += taken(tun);
      // A rejected SYN is counted, and its answer is written.
      long answers = path.drops().get(dev.holdfast.tunnel.observe.DropReason.STALE_SYN);
      long accounted =
          drops.total() + path.drops().total() + delivered + link.packets + path.hold().packets();
      assertThat(accounted).isBetween(read, read + answers);
      clock.advance(1_000_000L << (order >> 5));
      path.tend(clock.nanoTime());
    }
    outbound.close();
    path.close();
    tun.close();
    delivered = 0;
    assertThat(allocator.metric().usedDirectMemory()).as("bytes leaked").isZero();
  }

  @MethodSource("traffic")
  @FuzzTest
  void inboundByTls(byte[] data) {
    inbound(data, true);
  }

  @MethodSource("traffic")
  @FuzzTest
  void inboundByIpInIp(byte[] data) {
    inbound(data, false);
  }

  /** Of a frame, the receiver may keep a copy alone: its reference is the link's. */
  private void inbound(byte[] data, boolean staging) {
    var input = new Bytes(data);
    int policy = input.u8();
    Role role = Role.values()[input.u8() % 2];
    var link = new Counting();
    MigrationPath path = path(role, 2, policy);
    var tun = new MemoryTun("hf0", 64);
    for (int lane = 0; lane < 2 && (policy & 0x80) == 0; lane++) {
      path.linkUp(lane, link, link);
    }
    List<InboundPath> inbound =
        IntStream.range(0, 2)
            .mapToObj(lane -> new InboundPath(path, lane, tun, clock, this, staging))
            .toList();
    for (int i = 0; i < 32 && input.hasMore(); i++) {
      int order = input.u8();
      enter(path, order & 7);
      link.answer = Link.Sent.values()[order >> 3 & 3];
      FrameType type = staging ? FrameType.values()[input.u8() % 8] : FrameType.PACKET;
      long before = path.drops().total() + path.staging().packets() + link.packets;
      byte[] bytes = input.piece();
      ByteBuf payload = Unpooled.directBuffer(bytes.length + 1, bytes.length + 1);
      payload.writeBytes(bytes);
      inbound.get(order >> 5 & 1).onFrame(type, payload);
      assertThat(payload.refCnt()).isEqualTo(1);
      payload.release();
      inbound.get(order >> 5 & 1).onBatchEnd();
      int written = taken(tun);
      long after = path.drops().total() + path.staging().packets() + link.packets;
      if (type == FrameType.PACKET && !isProbe(bytes)) {
        assertThat(after - before + written).as("one packet in").isEqualTo(1);
      }
      clock.advance(1_000_000L << (order >> 5));
    }
    path.close();
    tun.close();
  }

  /** Probes are answered where there is a link, or noted: neither delivered nor dropped. */
  private static boolean isProbe(byte[] vnetPacket) {
    return new String(vnetPacket, java.nio.charset.StandardCharsets.ISO_8859_1).contains("hold");
  }

  static Stream<byte[]> traffic() {
    byte[][] kinds = Bytes.kinds().stream().map(Bytes::withVnet).toArray(byte[][]::new);
    byte[] all = new byte[0];
    byte[] frames = new byte[0];
    for (byte[] kind : kinds) {
      all = Bytes.join(all, Bytes.pieces("03", kind));
      frames = Bytes.join(frames, Bytes.pieces("0303", kind));
    }
    byte[] staged = Bytes.join(Bytes.hex("0000000000000001"), kinds[0]);
    return Stream.of(
        Bytes.join(Bytes.hex("0000"), all),
        Bytes.join(Bytes.hex("0001"), all),
        Bytes.join(Bytes.hex("8000"), all),
        Bytes.join(Bytes.hex("0001"), frames),
        Bytes.join(Bytes.hex("0000"), frames),
        Bytes.join(
            Bytes.hex("0001"),
            Bytes.pieces("0204", staged),
            Bytes.pieces("0205", new byte[8]),
            Bytes.pieces("0306", new byte[8]),
            Bytes.pieces("0303", new byte[30])));
  }

  @Override
  public void linkDown(int lane, String reason) {}

  @Override
  public void markerSeen() {}
}
