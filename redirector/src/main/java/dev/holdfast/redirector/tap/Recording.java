package dev.holdfast.redirector.tap;

import dev.holdfast.redirector.decide.Rule;
import dev.holdfast.redirector.flow.Direction;
import dev.holdfast.redirector.flow.Flow;
import dev.holdfast.redirector.path.MigrationPath;
import dev.holdfast.redirector.path.Tap;
import dev.holdfast.tunnel.link.FrameType;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import dev.holdfast.tunnel.time.Clock;
import io.netty.buffer.ByteBuf;
import java.util.concurrent.atomic.AtomicLongArray;
import org.jspecify.annotations.Nullable;

/**
 * Copies the packets that one capture wants into its ring. Data loop only, but for what was lost,
 * which others read.
 */
final class Recording implements Tap {
  private static final int STAGING_ID = 8;
  private static final int NONE = -1;

  private final Selection selection;
  private final Ring ring;
  private final int snapLength;
  private final Clock clock;
  private final TapRecord written;
  private final PacketView view = new PacketView();
  private final AtomicLongArray lost = new AtomicLongArray(Place.values().length);

  /** The record of the packet that has arrived: its fate is not known yet. */
  private int open = NONE;

  private @Nullable MigrationPath openPath;

  /**
   * @param snapLength bytes of a packet that are kept at most
   */
  Recording(Selection selection, Ring ring, int snapLength, Clock clock) {
    this.selection = selection;
    this.ring = ring;
    this.snapLength = snapLength;
    this.clock = clock;
    this.written = new TapRecord(ring.bytes());
  }

  Selection selection() {
    return selection;
  }

  /** Packets that were wanted and found no room. Any thread. */
  long lost(Place place) {
    return lost.getAcquire(place.ordinal());
  }

  @Override
  public void arrived(
      Place place, @Nullable MigrationPath path, ByteBuf bytes, int at, int length, Fate fate) {
    done();
    int packet = at + VirtioNetHeader.LENGTH;
    int packetLength = length - VirtioNetHeader.LENGTH;
    if (packetLength <= 0 || !selection.wants(place, bytes, packet, packetLength)) {
      return;
    }
    int record = record(place, path, bytes, packet, packetLength, 0, fate, null);
    if (record >= 0) {
      written.over(record).vnet(bytes, at);
      open = record;
      openPath = path;
    }
  }

  @Override
  public void decided(Rule rule) {
    if (open >= 0) {
      written.over(open).rule(rule);
    }
  }

  @Override
  public void fate(Fate fate) {
    if (open >= 0) {
      written.over(open).fate(fate);
    }
  }

  @Override
  public void dropped(DropReason why) {
    if (open >= 0) {
      written.over(open).dropped(why);
    }
  }

  /** The flow's state is what it is after the packet; the copy still tells which flow. */
  @Override
  public void done() {
    if (open < 0) {
      return;
    }
    MigrationPath path = openPath;
    if (path != null) {
      TapRecord record = written.over(open);
      lookAt(record, path, ring.bytes(), record.dataIndex(), record.captured());
    }
    open = NONE;
    openPath = null;
    ring.publish();
  }

  @Override
  public void held(
      Place place,
      MigrationPath path,
      long id,
      ByteBuf vnetPacket,
      Fate fate,
      @Nullable DropReason why) {
    int at = vnetPacket.readerIndex();
    int packet = at + VirtioNetHeader.LENGTH;
    int length = vnetPacket.readableBytes() - VirtioNetHeader.LENGTH;
    if (length <= 0 || !selection.wants(place, vnetPacket, packet, length)) {
      return;
    }
    int record = record(place, path, vnetPacket, packet, length, 0, fate, why);
    if (record >= 0) {
      written.over(record).vnet(vnetPacket, at);
      written.packetId(id);
      publish();
    }
  }

  @Override
  public void frame(
      Place place,
      MigrationPath path,
      int lane,
      FrameType type,
      ByteBuf payload,
      int at,
      int length,
      @Nullable DropReason why) {
    int before = inner(type);
    int vnet = before < 0 || length <= before ? NONE : at + before - VirtioNetHeader.LENGTH;
    int inner = vnet < 0 ? NONE : before;
    if (!selection.wants(place, payload, inner < 0 ? NONE : at + inner, length - inner)) {
      return;
    }
    int record =
        record(
            place, path, payload, at, length, inner, why == null ? sent(place) : Fate.DROPPED, why);
    if (record >= 0) {
      written.over(record).frame(type, lane);
      if (vnet >= 0) {
        written.vnet(payload, vnet);
      }
      publish();
    }
  }

  private static Fate sent(Place place) {
    return place == Place.OUTER_TLS_SENT || place == Place.OUTER_IP_SENT
        ? Fate.SENT
        : Fate.RECEIVED;
  }

  /** Bytes of the payload before the inner packet; negative where the type has none. */
  private static int inner(FrameType type) {
    return switch (type) {
      case PACKET, RETURNED -> VirtioNetHeader.LENGTH;
      case STAGE -> STAGING_ID + VirtioNetHeader.LENGTH;
      default -> NONE;
    };
  }

  @Override
  public void packet(
      Place place,
      @Nullable MigrationPath path,
      ByteBuf packet,
      int at,
      int length,
      int innerAt,
      @Nullable DropReason why) {
    int inner = innerAt >= 0 && innerAt < length ? innerAt : NONE;
    if (!selection.wants(place, packet, inner < 0 ? NONE : at + inner, length - inner)) {
      return;
    }
    Fate fate = why == null ? sent(place) : Fate.DROPPED;
    if (record(place, path, packet, at, length, inner, fate, why) >= 0) {
      publish();
    }
  }

  /** What is behind an open record waits for it. */
  private void publish() {
    if (open < 0) {
      ring.publish();
    }
  }

  /**
   * Copies a packet into the ring.
   *
   * @param inner bytes from {@code at} to the inner packet; negative where there is none
   * @return the record's index; negative where there was no room, which is counted
   */
  private int record(
      Place place,
      @Nullable MigrationPath path,
      ByteBuf bytes,
      int at,
      int length,
      int inner,
      Fate fate,
      @Nullable DropReason why) {
    int captured = Math.min(length, snapLength);
    int index = ring.reserve(TapRecord.DATA + captured);
    if (index < 0) {
      lost.setRelease(place.ordinal(), lost.getPlain(place.ordinal()) + 1);
      return NONE;
    }
    TapRecord record = written.over(index);
    record.begin(place, fate, why, clock.epochNanos());
    record.data(bytes, at, captured, length, inner);
    if (path != null) {
      record.migration(path.id(), Tap.state(path));
      if (inner >= 0) {
        lookAt(record, path, bytes, at + inner, length - inner);
      }
    }
    return index;
  }

  private void lookAt(TapRecord record, MigrationPath path, ByteBuf bytes, int at, int length) {
    if (length > 0 && view.checkHeaders(bytes, at, length) == PacketFault.NONE) {
      Direction way = Tap.way(path, view);
      record.way(way);
      Flow flow = path.flows().find(view, way);
      if (flow != null) {
        record.flow(flow);
      }
    }
  }
}
