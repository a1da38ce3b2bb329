package dev.holdfast.redirector.path;

import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.hold.Departures;
import dev.holdfast.redirector.hold.HoldQueue;
import dev.holdfast.tunnel.observe.DropReason;
import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/**
 * Copies ahead to the endpoint what a migration's hold queue keeps, and shows what enters and
 * leaves that queue, or the stage, to whoever records it. Data loop only.
 */
final class AheadCopies implements HoldQueue.Mirror, Departures {
  private final MigrationPath path;

  AheadCopies(MigrationPath path) {
    this.path = path;
  }

  @Override
  public void kept(long packetId, int lane, ByteBuf packet) {
    Tap tap = path.tap;
    if (tap != null) {
      tap.held(Tap.Place.HELD_IN, path, packetId, packet, Tap.Fate.HELD, null);
    }
    path.lanes[lane].held(packetId, packet);
  }

  @Override
  public void removed(long packetId, int lane, DropReason why) {
    path.lanes[lane].removed(packetId);
  }

  @Override
  public void left(long packetId, ByteBuf packet, @Nullable DropReason why) {
    Tap tap = path.tap;
    if (tap != null) {
      Tap.Fate fate =
          why != null
              ? Tap.Fate.DROPPED
              : path.role == Role.REDIRECTOR ? Tap.Fate.DELIVERED : Tap.Fate.TAKEN_BACK;
      tap.held(Tap.Place.HELD_OUT, path, packetId, packet, fate, why);
    }
  }
}
