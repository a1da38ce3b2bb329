package dev.holdfast.redirector.path;

import dev.holdfast.redirector.decide.Role;
import dev.holdfast.tunnel.observe.DropCounters;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketView;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Which migration serves a packet that the TUN gave us: by its destination where we are the
 * redirector, by its source where we are the endpoint. A host in the middle of a chain is both for
 * one address, so there are two maps. Data loop only.
 */
public final class PathTable {
  private final AddressMap<MigrationPath> redirected = new AddressMap<>();
  private final AddressMap<MigrationPath> served = new AddressMap<>();
  private final List<MigrationPath> all = new ArrayList<>();
  private @Nullable Taps taps;
  private @Nullable Tap others;

  /** Who is shown the packets of which migration. */
  @FunctionalInterface
  public interface Taps {
    /**
     * @param path null for packets that are no migration's
     * @return null where nobody is
     */
    @Nullable Tap of(@Nullable MigrationPath path);
  }

  /** From now on packets are shown there, those of migrations to come too; null for nobody. */
  public void tap(@Nullable Taps by) {
    taps = by;
    others = by == null ? null : by.of(null);
    for (MigrationPath path : all) {
      path.tap(by == null ? null : by.of(path));
    }
  }

  boolean isTapped() {
    return taps != null;
  }

  /** Who is shown a packet of that migration, or of none; null where nobody is. */
  @Nullable Tap tap(@Nullable MigrationPath path) {
    return path == null ? others : path.tap;
  }

  public void add(MigrationPath path) {
    for (IpAddress old : path.olds) {
      (path.role == Role.REDIRECTOR ? redirected : served).put(old, path);
    }
    all.add(path);
    path.tap(taps == null ? null : taps.of(path));
  }

  public void remove(MigrationPath path) {
    if (!all.remove(path)) {
      return;
    }
    for (IpAddress old : path.olds) {
      AddressMap<MigrationPath> map = path.role == Role.REDIRECTOR ? redirected : served;
      if (map.get(old.high(), old.low()) == path) {
        map.remove(old);
      }
    }
  }

  public Collection<MigrationPath> all() {
    return List.copyOf(all);
  }

  @Nullable MigrationPath redirecting(PacketView view) {
    return redirected.get(view.destinationHigh(), view.destinationLow());
  }

  /** Whose guest a packet out of the tunnel is for: we are its endpoint. */
  @Nullable MigrationPath served(PacketView view) {
    return served.get(view.destinationHigh(), view.destinationLow());
  }

  /** Whose guest a packet out of the tunnel is from: we are its redirector. */
  @Nullable MigrationPath redirected(PacketView view) {
    return redirected.get(view.sourceHigh(), view.sourceLow());
  }

  /** What the tunnel of a packet that came from a LAN carries whole now; 65535 where none does. */
  public int tunnelMtu(PacketView view) {
    MigrationPath path = ofLan(view);
    return path == null ? 65_535 : path.tunnelMtu();
  }

  /** Whose packet is one that came from a LAN. */
  @Nullable MigrationPath ofLan(PacketView view) {
    MigrationPath path = redirecting(view);
    return path == null ? serving(view) : path;
  }

  /**
   * Counts a packet that ended on this host's interface, on its way into the tunnel or out of it:
   * by the migration whose old address it has, or else in {@code others}.
   */
  public void drop(PacketView view, DropReason reason, DropCounters others) {
    MigrationPath path = ofLan(view);
    Tap.Place place = path == null ? Tap.Place.INNER_OUT : Tap.Place.INNER_IN;
    path = path == null ? served(view) : path;
    path = path == null ? redirected(view) : path;
    (path == null ? others : path.drops).count(reason);
    Tap tap = tap(path);
    if (tap != null) {
      tap.packet(place, path, view.buffer(), view.start(), view.length(), 0, reason);
    }
  }

  @Nullable MigrationPath serving(PacketView view) {
    return served.get(view.sourceHigh(), view.sourceLow());
  }
}
