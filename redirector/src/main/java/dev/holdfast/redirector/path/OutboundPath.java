package dev.holdfast.redirector.path;

import dev.holdfast.redirector.decide.Fit;
import dev.holdfast.redirector.decide.Verdict;
import dev.holdfast.redirector.flow.Direction;
import dev.holdfast.redirector.flow.Flow;
import dev.holdfast.redirector.flow.Origin;
import dev.holdfast.tunnel.device.PacketDevice;
import dev.holdfast.tunnel.link.FrameType;
import dev.holdfast.tunnel.link.Link;
import dev.holdfast.tunnel.observe.DropCounters;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.Ttl;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import dev.holdfast.tunnel.time.Clock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * From the TUN into the tunnel. Read it from top to bottom to learn what happens to a packet.
 *
 * <pre>
 * onReadable -> read -> judge (check, find migration, find flow, decide, fit) -> track flow
 *            -> tunnel | hold | leave | drop
 * </pre>
 *
 * <p>The same file serves both hosts: at the old one what arrives is for the old address (towards
 * the guest), at the new one it is from it. Data loop only.
 */
public final class OutboundPath {
  private static final Logger log = LoggerFactory.getLogger(OutboundPath.class);

  /**
   * Packets taken in one go, so that a busy TUN does not starve the links that are read by the same
   * thread.
   */
  private static final int BATCH = 64;

  /**
   * The same in bytes: super-packets take long to encrypt, and an answer that has come in waits
   * meanwhile.
   */
  private static final int BATCH_BYTES = 256 * 1024;

  /**
   * Staged packets delivered before the guest's answers are looked for: enough for the first turn
   * of most guests' flows, since sending the answers takes longer than delivering what they answer.
   */
  private static final int ANSWER_EVERY = 32;

  private static final int LONGEST = VirtioNetHeader.LENGTH + 65_535;

  /**
   * A packet shorter than this is copied to a buffer of its own size: what waits in a queue costs
   * what it holds.
   */
  private static final int COPY_BELOW = 16 * 1024;

  private final PacketDevice device;
  private final PathTable paths;
  private final ByteBufAllocator allocator;
  private final Clock clock;
  private final DropCounters hostDrops;
  private final Judgement judged = new Judgement();
  private final PacketView view = judged.view;
  private final List<MigrationPath> touched = new ArrayList<>();
  private final Sizing sizing;
  private @Nullable ByteBuf scratch;

  /** Is shown the packet that is being carried. */
  private @Nullable Tap tap;

  public OutboundPath(
      PacketDevice device,
      PathTable paths,
      ByteBufAllocator allocator,
      Clock clock,
      DropCounters hostDrops) {
    this.device = device;
    this.paths = paths;
    this.allocator = allocator;
    this.clock = clock;
    this.hostDrops = hostDrops;
    this.sizing = new Sizing(allocator);
  }

  /**
   * Carries what the TUN has, up to a batch.
   *
   * @throws IOException when the TUN is gone
   */
  public void onReadable() throws IOException {
    long now = clock.nanoTime();
    int bytes = 0;
    for (int i = 0; i < BATCH && bytes < BATCH_BYTES; i++) {
      ByteBuf packet = read();
      if (packet == null) {
        break;
      }
      bytes += packet.readableBytes();
      carry(packet, now);
    }
    flushTouched();
  }

  /**
   * Gives the guest, which runs here now, what was staged for it. The guest answers while there is
   * still more for it: its first answers do not wait for the last packet.
   *
   * @param questions answers what the guest asks of its neighbours, which its first answers wait
   *     for; called after 1, 2, 4, 8 ... packets
   * @return how many packets
   */
  public long deliverStaged(MigrationPath path, Runnable questions) {
    int[] written = new int[1];
    return path.deliverStaged(
        packet -> {
          deliver(path, packet);
          int count = ++written[0];
          boolean isTurn = count % ANSWER_EVERY == 0;
          if (isTurn || Integer.bitCount(count) == 1) {
            questions.run();
          }
          if (isTurn) {
            carryAnswers();
          }
        },
        clock.nanoTime());
  }

  /**
   * Gives the guest, which was paused here and goes on, what has come for it meanwhile.
   *
   * @return how many packets
   */
  public long deliverKept(MigrationPath path) {
    return path.back.resume(packet -> deliver(path, packet));
  }

  /**
   * Gives the guest, which runs here again, what was held for it.
   *
   * @return how many packets
   */
  public long reinject(MigrationPath path) {
    return path.reinject(packet -> write(path, packet));
  }

  /** What was staged is from peers who could not know how much this LAN takes. */
  private void deliver(MigrationPath path, ByteBuf packet) {
    int vnet = packet.readerIndex();
    int length = packet.readableBytes() - VirtioNetHeader.LENGTH;
    int limit = path.deliveryMtu();
    if (length <= limit
        || view.check(packet, vnet + VirtioNetHeader.LENGTH, length) != PacketFault.NONE) {
      write(path, packet);
      return;
    }
    Direction direction = Direction.TO_GUEST;
    long now = clock.nanoTime();
    Fit fit = Sizing.fit(path, packet, vnet, view, direction, limit, now);
    if (fit == Fit.WHOLE) {
      write(path, packet);
    } else {
      sizing.deliver(path, fit, packet, view, direction, limit, now, outOfTunnel(path));
    }
  }

  private Sizing.Ways outOfTunnel(MigrationPath path) {
    return new Sizing.Ways() {
      @Override
      public void onward(ByteBuf piece) {
        write(path, piece);
        piece.release();
      }

      @Override
      public boolean back(ByteBuf answer) {
        touch(path);
        return Sizing.sendBack(path, path.lane(view).live, answer);
      }
    };
  }

  private void carryAnswers() {
    try {
      onReadable();
    } catch (IOException e) {
      log.error("the TUN cannot be read: {}", e.getMessage());
    }
  }

  private boolean write(MigrationPath path, ByteBuf packet) {
    boolean written;
    try {
      written = device.write(packet);
    } catch (IOException e) {
      written = false;
    }
    if (!written) {
      path.drop(DropReason.DEVICE_FULL);
    }
    return written;
  }

  private @Nullable ByteBuf read() throws IOException {
    ByteBuf buffer = scratch;
    if (buffer == null) {
      buffer = allocator.directBuffer(LONGEST, LONGEST);
      scratch = buffer;
    }
    buffer.clear();
    int length = device.read(buffer);
    if (length <= 0) {
      return null;
    }
    if (length < COPY_BELOW) {
      return allocator.directBuffer(length, length).writeBytes(buffer);
    }
    scratch = null;
    return buffer;
  }

  /** Takes over the reference to {@code packet}: {@code [virtio_net_hdr][IP packet]}. */
  private void carry(ByteBuf packet, long now) {
    judged.outbound(paths, packet, now);
    Tap shown = paths.tap(judged.path());
    tap = shown;
    if (shown == null) {
      act(packet, now);
      return;
    }
    int at = packet.readerIndex();
    int length = packet.readableBytes();
    shown.arrived(Tap.Place.INNER_IN, judged.path(), packet, at, length, Tap.Fate.TUNNELLED);
    act(packet, now);
    shown.done();
  }

  private void act(ByteBuf packet, long now) {
    if (judged.fault() != PacketFault.NONE) {
      drop(packet, hostDrops, DropReason.MALFORMED);
      return;
    }
    MigrationPath path = judged.path();
    if (path == null) {
      drop(
          packet,
          hostDrops,
          view.destination().isMulticast() ? DropReason.MULTICAST : DropReason.NO_MIGRATION);
      return;
    }
    if (tap != null) {
      tap.decided(judged.rule());
    }
    Direction direction = judged.direction();
    switch (judged.verdict()) {
      case Verdict.Drop(DropReason reason) -> drop(packet, path.drops, reason);
      case Verdict.Hold hold -> hold(path, packet, track(path, direction, now), now);
      case Verdict.Tunnel tunnel -> {
        Flow flow = track(path, direction, now);
        if (judged.waits()) {
          hold(path, packet, flow, now);
        } else {
          tunnel(path, direction, packet, now);
        }
      }
      case Verdict.Leave leave -> {
        Flow unused = track(path, direction, now);
        leave(path, packet);
      }
      case Verdict.Pass pass -> giveBack(path, packet);
      case Verdict.Reject reject -> reject(path, packet);
    }
  }

  private @Nullable Flow track(MigrationPath path, Direction direction, long now) {
    return path.flows.track(judged.known(), view, direction, now, Origin.SEEN);
  }

  /** It was captured, but the guest is on this host (again): the kernel routes it to the guest. */
  private void giveBack(MigrationPath path, ByteBuf packet) {
    fate(Tap.Fate.GIVEN_BACK);
    write(path, packet);
    path.passed++;
    packet.release();
  }

  /**
   * The kernel has forwarded it to us and forwards it once more, out of this site: this host costs
   * one hop, and what is too big for the way there, the kernel says. What we write is not taken
   * again: it comes from the TUN, not by the guest's LAN.
   */
  private void leave(MigrationPath path, ByteBuf packet) {
    if (!path.keepsTtl()) { // which gives each back that the kernel takes
      Ttl.increment(packet, view);
    }
    path.left.packets++;
    path.left.bytes += view.length();
    fate(Tap.Fate.LEAVES_HERE);
    write(path, packet);
    packet.release();
  }

  private void reject(MigrationPath path, ByteBuf syn) {
    if (view.isTcp()) {
      ByteBuf answer = Rejection.of(view);
      write(path, answer);
      answer.release();
    }
    drop(syn, path.drops, DropReason.STALE_SYN);
    fate(Tap.Fate.REJECTED);
  }

  private void hold(MigrationPath path, ByteBuf packet, @Nullable Flow flow, long now) {
    fate(Tap.Fate.HELD);
    if (path.hold.offer(packet, 0, view, flow, now, path.mirror) == 0 && tap != null) {
      tap.dropped(path.hold.refusal()); // which the queue has counted
    }
    packet.release();
    touch(path);
  }

  private void tunnel(MigrationPath path, Direction direction, ByteBuf packet, long now) {
    Link live = judged.lane().live;
    if (live == null) {
      drop(packet, path.drops, DropReason.LINK_DOWN);
      return;
    }
    Fit fit = judged.fit();
    if (fit != Fit.WHOLE) {
      Sizing.Ways ways = ways(path, live, direction);
      if (!sizing.goesOn(path, fit, packet, view, direction, judged.limit(), now, ways)) {
        packet.release();
        return;
      }
      path.sizes.cutOutside++;
    }
    send(path, live, direction, packet, view.length());
  }

  private Sizing.Ways ways(MigrationPath path, Link live, Direction direction) {
    return new Sizing.Ways() {
      @Override
      public void onward(ByteBuf piece) {
        int bytes = piece.readableBytes() - VirtioNetHeader.LENGTH;
        send(path, live, direction, piece, bytes);
      }

      @Override
      public boolean back(ByteBuf answer) {
        boolean sent = write(path, answer);
        answer.release();
        return sent;
      }
    };
  }

  private void send(MigrationPath path, Link live, Direction direction, ByteBuf packet, int bytes) {
    DropReason drop = live.send(FrameType.PACKET, packet).drop();
    if (drop != null) {
      path.drop(drop);
    } else if (direction == Direction.TO_GUEST) {
      path.toGuestPackets++;
      path.toGuestBytes += bytes;
    } else {
      path.fromGuestPackets++;
      path.fromGuestBytes += bytes;
    }
    touch(path);
  }

  private void drop(ByteBuf packet, DropCounters counters, DropReason reason) {
    counters.count(reason);
    packet.release();
    if (tap != null) {
      tap.dropped(reason);
    }
  }

  private void fate(Tap.Fate fate) {
    if (tap != null) {
      tap.fate(fate);
    }
  }

  private void touch(MigrationPath path) {
    if (!path.flushWanted) {
      path.flushWanted = true;
      touched.add(path);
    }
  }

  private void flushTouched() {
    for (MigrationPath path : touched) {
      path.flushWanted = false;
      path.flush();
    }
    touched.clear();
  }

  /** Frees what is kept between batches. */
  public void close() {
    if (scratch != null) {
      scratch.release();
      scratch = null;
    }
  }
}
