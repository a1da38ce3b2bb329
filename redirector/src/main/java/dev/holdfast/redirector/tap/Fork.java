package dev.holdfast.redirector.tap;

import dev.holdfast.redirector.decide.Rule;
import dev.holdfast.redirector.path.MigrationPath;
import dev.holdfast.redirector.path.Tap;
import dev.holdfast.tunnel.link.FrameType;
import dev.holdfast.tunnel.observe.DropReason;
import io.netty.buffer.ByteBuf;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Shows what it is shown to several. */
final class Fork implements Tap {
  private final Tap[] taps;

  Fork(List<? extends Tap> taps) {
    this.taps = taps.toArray(Tap[]::new);
  }

  @Override
  public void arrived(
      Place place, @Nullable MigrationPath path, ByteBuf bytes, int at, int length, Fate fate) {
    for (Tap each : taps) {
      each.arrived(place, path, bytes, at, length, fate);
    }
  }

  @Override
  public void decided(Rule rule) {
    for (Tap each : taps) {
      each.decided(rule);
    }
  }

  @Override
  public void fate(Fate fate) {
    for (Tap each : taps) {
      each.fate(fate);
    }
  }

  @Override
  public void dropped(DropReason why) {
    for (Tap each : taps) {
      each.dropped(why);
    }
  }

  @Override
  public void done() {
    for (Tap each : taps) {
      each.done();
    }
  }

  @Override
  public void held(
      Place place,
      MigrationPath path,
      long id,
      ByteBuf vnetPacket,
      Fate fate,
      @Nullable DropReason why) {
    for (Tap each : taps) {
      each.held(place, path, id, vnetPacket, fate, why);
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
    for (Tap each : taps) {
      each.frame(place, path, lane, type, payload, at, length, why);
    }
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
    for (Tap each : taps) {
      each.packet(place, path, packet, at, length, innerAt, why);
    }
  }
}
