package dev.holdfast.redirector.path;

import dev.holdfast.redirector.decide.Rule;
import dev.holdfast.redirector.flow.Direction;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.tunnel.link.FrameType;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Is shown packets where they pass, while somebody records them. Where nobody does there is none,
 * and each place asks for that alone.
 *
 * <p>Nothing that is shown may be changed, nor kept after the call. Data loop only.
 */
public interface Tap {
  /** A place that packets pass, and which way. */
  enum Place {
    OUTER_TLS_SENT("outer-tls-sent", "TLS frames to the remote host, before encryption"),
    OUTER_TLS_RECEIVED("outer-tls-received", "TLS frames from the remote host, decrypted"),
    OUTER_IP_SENT("outer-ip-sent", "IP-in-IP packets to the remote host"),
    OUTER_IP_RECEIVED("outer-ip-received", "IP-in-IP packets from the remote host"),
    INNER_IN("inner-in", "packets that were captured here, to go into the tunnel or be held"),
    INNER_OUT("inner-out", "packets that came out of the tunnel"),
    HELD_IN("held-in", "packets that enter the hold queue, or the endpoint's stage"),
    HELD_OUT("held-out", "packets that leave the hold queue, or the endpoint's stage");

    private final String label;
    private final String description;

    Place(String label, String description) {
      this.label = label;
      this.description = description;
    }

    /** As an interface of a capture is named. */
    public String label() {
      return label;
    }

    public String description() {
      return description;
    }

    /** Whether packets are in TLS frames here. */
    public boolean isTls() {
      return this == OUTER_TLS_SENT || this == OUTER_TLS_RECEIVED;
    }
  }

  /** What becomes of a packet. */
  enum Fate {
    TUNNELLED,
    HELD,
    GIVEN_BACK,
    LEAVES_HERE,
    REJECTED,
    DELIVERED,
    STAGED,
    KEPT,
    RETURNED,
    TAKEN_BACK,
    GIVEN_TO_GUEST,
    PROBE,
    SENT,
    RECEIVED,
    DROPPED;

    /** As people read it: {@code given-back}. */
    public String label() {
      return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
  }

  /** Which way a packet of a migration goes, by its guest's addresses. */
  static Direction way(MigrationPath path, PacketView packet) {
    for (int i = 0; i < path.olds.size(); i++) {
      if (packet.isTo(path.olds.get(i))) {
        return Direction.TO_GUEST;
      }
    }
    return Direction.FROM_GUEST;
  }

  static MigrationState state(MigrationPath path) {
    return path.state;
  }

  /**
   * A packet has come to the tunnel's door. What becomes of it is told by {@link #fate} and {@link
   * #dropped}, the last of which holds, until {@link #done}.
   *
   * @param path null where it is no migration's
   * @param bytes {@code [virtio_net_hdr][packet]} is {@code length} bytes at absolute index {@code
   *     at}; they may be too few
   * @param fate where nothing else is told
   */
  void arrived(
      Place place, @Nullable MigrationPath path, ByteBuf bytes, int at, int length, Fate fate);

  /** By which rule the packet that has arrived is carried; without one, nothing happens. */
  void decided(Rule rule);

  /** What becomes of the packet that has arrived; without one, nothing happens. */
  void fate(Fate fate);

  /** The packet that has arrived is dropped; without one, nothing happens. */
  void dropped(DropReason why);

  /** Nothing more becomes of the packet that has arrived. */
  void done();

  /**
   * A packet enters the hold queue or the stage, or leaves it.
   *
   * @param id of the packet; 0 where it has none
   * @param vnetPacket readable bytes are {@code [virtio_net_hdr][packet]}
   * @param why null where it was not dropped
   */
  void held(
      Place place,
      MigrationPath path,
      long id,
      ByteBuf vnetPacket,
      Fate fate,
      @Nullable DropReason why);

  /**
   * A frame goes out on a data connection, or has come in on one.
   *
   * @param payload the frame's payload is {@code length} bytes at absolute index {@code at}
   * @param why the link did not take it; null where it did
   */
  void frame(
      Place place,
      MigrationPath path,
      int lane,
      FrameType type,
      ByteBuf payload,
      int at,
      int length,
      @Nullable DropReason why);

  /**
   * An IP-in-IP packet goes out, or has come in; or one without an offload header is dropped before
   * it arrives.
   *
   * @param path null where it is no migration's
   * @param packet with its outer header if it has one, {@code length} bytes at absolute index
   *     {@code at}
   * @param innerAt bytes from there to the inner packet; negative where that cannot be read
   * @param why null where it was not dropped
   */
  void packet(
      Place place,
      @Nullable MigrationPath path,
      ByteBuf packet,
      int at,
      int length,
      int innerAt,
      @Nullable DropReason why);
}
