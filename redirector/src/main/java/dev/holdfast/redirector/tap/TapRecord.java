package dev.holdfast.redirector.tap;

import dev.holdfast.redirector.decide.Rule;
import dev.holdfast.redirector.flow.Direction;
import dev.holdfast.redirector.flow.Flow;
import dev.holdfast.redirector.flow.TcpState;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.redirector.path.Tap;
import dev.holdfast.tunnel.link.FrameType;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A view over one record in a {@link Ring}: named offsets, and nothing else. It is written by the
 * data loop and read by the thread that makes a file of it; both in one process, so what is in it
 * is believed.
 */
final class TapRecord {
  private static final int PLACE = 4;
  private static final int FATE = 5;
  private static final int DROP = 6;
  private static final int RULE = 7;
  private static final int EPOCH_NANOS = 8;
  private static final int MIGRATION = 16; // 16 bytes
  private static final int PACKET_ID = 32;
  private static final int STATE = 40;
  private static final int FLOW_STATE = 41;
  private static final int WAY = 42;
  private static final int FRAME_TYPE = 43;
  private static final int LANE = 44;
  private static final int LENGTH = 48; // before it was cut
  private static final int CAPTURED = 52;
  private static final int INNER = 56; // from DATA to the inner packet; negative: none
  private static final int HAS_VNET = 60;
  private static final int VNET = 62;

  /** Where the packet, or the frame's payload, begins. */
  static final int DATA = 72;

  /** Of a flow that has no states: it has not ended, or it has. */
  private static final int ACTIVE = 100;

  private static final int ENDED = 101;
  private static final int NONE = -1;

  private static final Tap.Place[] PLACES = Tap.Place.values();
  private static final Tap.Fate[] FATES = Tap.Fate.values();
  private static final DropReason[] DROPS = DropReason.values();
  private static final Rule[] RULES = Rule.values();
  private static final MigrationState[] STATES = MigrationState.values();
  private static final TcpState[] TCP_STATES = TcpState.values();

  private final ByteBuf bytes;
  private int at;

  TapRecord(ByteBuf bytes) {
    this.bytes = bytes;
  }

  /** Lays it over the record at an absolute index. */
  TapRecord over(int index) {
    at = index;
    return this;
  }

  // ---- written ----

  void begin(Tap.Place place, Tap.Fate fate, @Nullable DropReason why, long epochNanos) {
    bytes.setByte(at + PLACE, place.ordinal());
    fate(fate);
    bytes.setByte(at + DROP, why == null ? NONE : why.ordinal());
    bytes.setByte(at + RULE, NONE);
    bytes.setLong(at + EPOCH_NANOS, epochNanos);
    bytes.setByte(at + STATE, NONE);
    bytes.setByte(at + FLOW_STATE, NONE);
    bytes.setByte(at + WAY, NONE);
    bytes.setByte(at + FRAME_TYPE, 0);
    bytes.setInt(at + LANE, 0);
    bytes.setLong(at + PACKET_ID, 0);
    bytes.setByte(at + HAS_VNET, 0);
  }

  void fate(Tap.Fate fate) {
    bytes.setByte(at + FATE, fate.ordinal());
  }

  void dropped(DropReason why) {
    fate(Tap.Fate.DROPPED);
    bytes.setByte(at + DROP, why.ordinal());
  }

  void rule(Rule rule) {
    bytes.setByte(at + RULE, rule.ordinal());
  }

  void migration(UUID id, MigrationState state) {
    bytes.setLong(at + MIGRATION, id.getMostSignificantBits());
    bytes.setLong(at + MIGRATION + 8, id.getLeastSignificantBits());
    bytes.setByte(at + STATE, state.ordinal());
  }

  void way(Direction way) {
    bytes.setByte(at + WAY, way.ordinal());
  }

  void flow(Flow flow) {
    int state = flow.isTcp() ? flow.tcpState().ordinal() : flow.isEnded() ? ENDED : ACTIVE;
    bytes.setByte(at + FLOW_STATE, state);
  }

  void packetId(long id) {
    bytes.setLong(at + PACKET_ID, id);
  }

  void frame(FrameType type, int lane) {
    bytes.setByte(at + FRAME_TYPE, type.code());
    bytes.setInt(at + LANE, lane);
  }

  void vnet(ByteBuf from, int index) {
    bytes.setByte(at + HAS_VNET, 1);
    bytes.setBytes(at + VNET, from, index, VirtioNetHeader.LENGTH);
  }

  /**
   * @param length bytes before it was cut
   * @param inner bytes from its begin to the inner packet; negative where there is none
   */
  void data(ByteBuf from, int index, int captured, int length, int inner) {
    bytes.setInt(at + LENGTH, length);
    bytes.setInt(at + CAPTURED, captured);
    bytes.setInt(at + INNER, inner);
    bytes.setBytes(at + DATA, from, index, captured);
  }

  // ---- read ----

  Tap.Place place() {
    return PLACES[bytes.getByte(at + PLACE)];
  }

  Tap.Fate fate() {
    return FATES[bytes.getByte(at + FATE)];
  }

  @Nullable DropReason drop() {
    int ordinal = bytes.getByte(at + DROP);
    return ordinal < 0 ? null : DROPS[ordinal];
  }

  @Nullable Rule rule() {
    int ordinal = bytes.getByte(at + RULE);
    return ordinal < 0 ? null : RULES[ordinal];
  }

  long epochNanos() {
    return bytes.getLong(at + EPOCH_NANOS);
  }

  /** Null where the packet is no migration's. */
  @Nullable MigrationState state() {
    int ordinal = bytes.getByte(at + STATE);
    return ordinal < 0 ? null : STATES[ordinal];
  }

  /** Only where there is a {@link #state}. */
  UUID migration() {
    return new UUID(bytes.getLong(at + MIGRATION), bytes.getLong(at + MIGRATION + 8));
  }

  @Nullable Direction way() {
    int ordinal = bytes.getByte(at + WAY);
    return ordinal < 0
        ? null
        : ordinal == Direction.TO_GUEST.ordinal() ? Direction.TO_GUEST : Direction.FROM_GUEST;
  }

  /** As {@link Flow#stateLabel}; null where no flow is known. */
  @Nullable String flowState() {
    int state = bytes.getByte(at + FLOW_STATE);
    return switch (state) {
      case NONE -> null;
      case ACTIVE -> "active";
      case ENDED -> "closed";
      default -> TCP_STATES[state].label();
    };
  }

  long packetId() {
    return bytes.getLong(at + PACKET_ID);
  }

  @Nullable FrameType frameType() {
    return FrameType.ofCode(bytes.getByte(at + FRAME_TYPE));
  }

  int lane() {
    return bytes.getInt(at + LANE);
  }

  boolean hasVnet() {
    return bytes.getByte(at + HAS_VNET) != 0;
  }

  /** Absolute index in {@link #bytes}. */
  int vnetIndex() {
    return at + VNET;
  }

  int length() {
    return bytes.getInt(at + LENGTH);
  }

  int captured() {
    return bytes.getInt(at + CAPTURED);
  }

  int inner() {
    return bytes.getInt(at + INNER);
  }

  /** Absolute index in {@link #bytes}. */
  int dataIndex() {
    return at + DATA;
  }

  ByteBuf bytes() {
    return bytes;
  }
}
