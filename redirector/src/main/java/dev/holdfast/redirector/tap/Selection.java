package dev.holdfast.redirector.tap;

import dev.holdfast.redirector.path.Tap;
import dev.holdfast.tunnel.packet.FilterProgram;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Which packets somebody wants of all that are shown. Data loop only; allocates nothing. */
final class Selection {
  private final Set<Tap.Place> places;
  private final Set<UUID> migrations;
  private final List<FlowTerm> flows;
  private final @Nullable FilterProgram filter;
  private final int sample;
  private final PacketView view = new PacketView();
  private int passed;

  /**
   * @param migrations empty for all, and for packets of none
   * @param flows empty for all
   * @param filter over the inner packet; null for all
   * @param sample one of so many of what the others want
   */
  Selection(
      Set<Tap.Place> places,
      Set<UUID> migrations,
      List<FlowTerm> flows,
      @Nullable FilterProgram filter,
      int sample) {
    this.places = EnumSet.copyOf(places);
    this.migrations = Set.copyOf(migrations);
    this.flows = List.copyOf(flows);
    this.filter = filter;
    this.sample = sample;
  }

  Set<Tap.Place> places() {
    return places;
  }

  /**
   * @param migration null for packets of none
   */
  boolean concerns(@Nullable UUID migration) {
    return migrations.isEmpty() || (migration != null && migrations.contains(migration));
  }

  /**
   * Whether a packet is one of those that are wanted; where one of so many is, asking counts.
   *
   * @param innerIndex absolute index of the inner packet; negative where there is none to be read
   * @param innerLength bytes
   */
  boolean wants(Tap.Place place, ByteBuf bytes, int innerIndex, int innerLength) {
    if (!places.contains(place)) {
      return false;
    }
    if ((filter != null || !flows.isEmpty()) && innerIndex < 0) {
      return false;
    }
    if (filter != null && !filter.matches(bytes, innerIndex, innerLength)) {
      return false;
    }
    if (!flows.isEmpty() && !isOfFlow(bytes, innerIndex, innerLength)) {
      return false;
    }
    passed++;
    if (passed < sample) {
      return false;
    }
    passed = 0;
    return true;
  }

  private boolean isOfFlow(ByteBuf bytes, int index, int length) {
    if (view.checkHeaders(bytes, index, length) != PacketFault.NONE) {
      return false;
    }
    for (int i = 0; i < flows.size(); i++) {
      if (flows.get(i).matches(view)) {
        return true;
      }
    }
    return false;
  }
}
