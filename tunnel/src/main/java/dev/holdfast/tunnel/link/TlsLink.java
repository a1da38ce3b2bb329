package dev.holdfast.tunnel.link;

import dev.holdfast.tunnel.encap.TlsFrame;
import dev.holdfast.tunnel.observe.DropReason;
import io.netty.buffer.ByteBuf;
import java.net.InetSocketAddress;
import org.jspecify.annotations.Nullable;

/**
 * A link over one TLS connection, which is open when the link is made. When the connection ends the
 * link is down for good: whoever wants another opens one.
 *
 * <p>{@link LinkReceiver#onDown} is told once, unless {@link #close} came first.
 */
public final class TlsLink implements Link, FrameConnection.Listener {
  /**
   * How much may wait in front of the connection.
   *
   * @param packetBytes beyond which a PACKET is answered with FULL, of what is queued behind the
   *     last frame of another type: held packets that are sent ahead leave the live ones their room
   * @param otherBytes the same for every frame, of all that is queued
   */
  public record Limits(long packetBytes, long otherBytes) {
    /** 4 MiB of packets, and room for a whole hold queue's staging above them. */
    public static final Limits DEFAULT = new Limits(4L << 20, 80L << 20);

    public Limits {
      if (packetBytes <= 0 || otherBytes < packetBytes) {
        throw new IllegalArgumentException(
            "limits must be positive, and other frames have at least what packets have");
      }
    }
  }

  private final FrameConnection connection;
  private final LinkReceiver receiver;
  private final Limits limits;
  private boolean closedHere;
  private boolean refused;

  /** Bytes of packets since the last frame of another type, whether they still wait or not. */
  private long packetsInARow;

  /** Takes over the connection: from the next frame on, the receiver is told what comes in. */
  public TlsLink(FrameConnection connection, LinkReceiver receiver, Limits limits) {
    this.connection = connection;
    this.receiver = receiver;
    this.limits = limits;
    connection.listener(this);
  }

  @Override
  public Sent send(FrameType type, ByteBuf payload) {
    Sent verdict = verdict(type, payload.readableBytes());
    if (verdict != Sent.OK) {
      payload.release();
      return verdict;
    }
    int bytes = TlsFrame.HEADER + payload.readableBytes();
    packetsInARow = type == FrameType.PACKET ? packetsInARow + bytes : 0;
    connection.write(type, payload);
    return Sent.OK;
  }

  private Sent verdict(FrameType type, int length) {
    if (!connection.isOpen()) {
      return Sent.DOWN;
    }
    if (length > FrameLengths.longest(type)) {
      return Sent.TOO_BIG;
    }
    long queued = connection.queuedBytes();
    int bytes = TlsFrame.HEADER + length;
    boolean packets = type == FrameType.PACKET;
    if (queued + bytes > limits.otherBytes
        || (packets && Math.min(queued, packetsInARow) + bytes > limits.packetBytes)) {
      refused = true;
      return Sent.FULL;
    }
    return Sent.OK;
  }

  @Override
  public void flush() {
    connection.flush();
  }

  @Override
  public boolean isUp() {
    return connection.isOpen();
  }

  /** The far end's address as this host sees it; null once the link is down. */
  public @Nullable InetSocketAddress remoteAddress() {
    return connection.remoteAddress();
  }

  /** The DSCP of the connection's own packets, 0 to 63; -1 once the link is down. */
  public int dscp() {
    return connection.dscp();
  }

  @Override
  public long queuedBytes() {
    return connection.queuedBytes();
  }

  @Override
  public String ends() {
    return connection.ends();
  }

  /** A stream carries a packet of any length. */
  @Override
  public int innerMtu() {
    return 65_535;
  }

  /** Sends what waits, then ends the connection. */
  @Override
  public void close() {
    close("closed here");
  }

  public void close(String why) {
    closedHere = true;
    connection.close(why);
  }

  @Override
  public void onFrame(FrameType type, ByteBuf payload) {
    switch (type) {
      case PACKET, STAGE, UNSTAGE, MARKER, MARKER_REPLY, RETURNED ->
          receiver.onFrame(type, payload);
      case CONTROL, BIND, BOUND ->
          connection.broken(
              DropReason.FRAME_UNKNOWN, "sent a frame of type " + type + " on a data connection");
    }
  }

  @Override
  public void onBatchEnd() {
    receiver.onBatchEnd();
  }

  @Override
  public void onWritable() {
    if (refused) {
      refused = false;
      receiver.onWritable();
    }
  }

  @Override
  public void onClosed(String reason) {
    if (!closedHere) {
      receiver.onDown(reason);
    }
  }
}
