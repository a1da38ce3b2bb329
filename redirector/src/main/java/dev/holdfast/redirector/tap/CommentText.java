package dev.holdfast.redirector.tap;

import dev.holdfast.redirector.decide.Rule;
import dev.holdfast.redirector.flow.Direction;
import dev.holdfast.redirector.flow.FlowKey;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.redirector.path.Tap;
import dev.holdfast.tunnel.link.FrameType;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * What is known of a recorded packet, in one line: parts in a fixed order, each a word and a colon
 * and what it says, so that a display filter finds it ({@code frame.comment contains "verdict:
 * dropped"}).
 */
final class CommentText {
  private final Function<UUID, String> names;
  private final PacketView view = new PacketView();

  /**
   * @param names of migrations
   */
  CommentText(Function<UUID, String> names) {
    this.names = names;
  }

  String of(TapRecord record) {
    List<String> parts = new ArrayList<>();
    parts.add("verdict: " + verdict(record));
    Rule rule = record.rule();
    if (rule != null) {
      String name = rule.name().toLowerCase(Locale.ROOT).replace('_', '-');
      parts.add("rule: " + name + " (" + rule.reason() + ")");
    }
    MigrationState state = record.state();
    if (state != null) {
      parts.add("migration: " + names.apply(record.migration()) + ", " + state.label());
    }
    String flow = flow(record);
    if (flow != null) {
      parts.add("flow: " + flow);
    }
    FrameType type = record.frameType();
    if (type != null) {
      String name = type.name().toLowerCase(Locale.ROOT).replace('_', '-');
      parts.add("frame: " + name + " on data connection " + (record.lane() + 1));
    }
    if (record.packetId() != 0) {
      parts.add("held as: " + record.packetId());
    }
    offload(record, parts);
    if (record.place() == Tap.Place.OUTER_IP_RECEIVED && version(record) == 6) {
      parts.add(
          "note: the kernel keeps the outer header back, and this one is made up (RFC 3542 section"
              + " 3)");
    }
    return String.join("; ", parts);
  }

  private static String verdict(TapRecord record) {
    DropReason drop = record.drop();
    String fate = record.fate().label();
    return drop == null ? fate : fate + " (" + drop.label() + ": " + drop.text() + ")";
  }

  private static int version(TapRecord record) {
    return record.captured() == 0 ? 0 : record.bytes().getUnsignedByte(record.dataIndex()) >>> 4;
  }

  /**
   * The guest's end first, as {@code flow list} has it, or the sender's where no migration knows
   * the packet; null where no header was recorded.
   */
  private @Nullable String flow(TapRecord record) {
    int inner = record.inner();
    int there = record.captured() - inner;
    if (inner < 0
        || there <= 0
        || view.checkHeaders(record.bytes(), record.dataIndex() + inner, there)
            != PacketFault.NONE) {
      return null;
    }
    Direction way = record.way();
    boolean toGuest = way == Direction.TO_GUEST;
    int source = view.hasPorts() ? view.sourcePort() : 0;
    int destination = view.hasPorts() ? view.destinationPort() : 0;
    FlowKey key =
        toGuest
            ? new FlowKey(view.protocol(), view.destination(), destination, view.source(), source)
            : new FlowKey(view.protocol(), view.source(), source, view.destination(), destination);
    String state = record.flowState();
    return key
        + (state == null ? "" : ", " + state)
        + (way == null ? "" : toGuest ? ", to the guest" : ", from the guest");
  }

  private static void offload(TapRecord record, List<String> parts) {
    if (!record.hasVnet()) {
      return;
    }
    int vnet = record.vnetIndex();
    if (VirtioNetHeader.needsChecksum(record.bytes(), vnet)) {
      parts.add("checksum: partial, left to a device");
    }
    if (VirtioNetHeader.isGso(record.bytes(), vnet)) {
      parts.add(
          "super-packet: segments of "
              + VirtioNetHeader.gsoSize(record.bytes(), vnet)
              + " bytes of data");
    }
  }
}
