package dev.holdfast.tunnel.link;

import dev.holdfast.tunnel.device.IpOutput;
import dev.holdfast.tunnel.encap.IpInIp;
import dev.holdfast.tunnel.encap.OuterFragments;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.Segmenter;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.io.IOException;
import java.util.function.Consumer;

/**
 * Packets to one remote host as IP-in-IP, without cryptography: for trusted networks only. The
 * outer family is that of the remote host's address; inside is either.
 *
 * <p>Super-packets are cut up and checksums completed here, and what is longer than the path takes
 * goes in fragments. Only {@link FrameType#PACKET} goes this way; there is no connection, so the
 * link is up until it is closed, and what the kernel does not take at a flush is dropped and
 * counted. Made by {@link IpInIpReceiver#link}.
 */
public final class IpInIpLink implements Link {
  private static final int TTL = 64;

  private final IpOutput socket;
  private final IpAddress remote;
  private final int outer;
  private final Consumer<DropReason> dropped;
  private final PacketView packet = new PacketView();
  private final PacketView segment = new PacketView();
  private final Segmenter segmenter = new Segmenter();
  private int pathMtu;
  private int identification;
  private long unflushed;
  private boolean closed;

  IpInIpLink(IpOutput socket, IpAddress remote, int pathMtu, Consumer<DropReason> dropped) {
    this.socket = socket;
    this.remote = remote;
    this.outer = IpInIp.outerLength(remote);
    this.dropped = dropped;
    pathMtu(pathMtu);
  }

  /** From now on outer packets are at most this long. */
  public void pathMtu(int bytes) {
    if (bytes < OuterFragments.smallestMtu(remote.isV4())) {
      throw new IllegalArgumentException(
          bytes + " bytes is less than the MTU of any path to " + remote);
    }
    pathMtu = bytes;
  }

  /**
   * Sends one packet.
   *
   * @throws IllegalArgumentException for any type but PACKET
   */
  @Override
  public Sent send(FrameType type, ByteBuf payload) {
    try {
      if (type != FrameType.PACKET) {
        throw new IllegalArgumentException(
            "IP-in-IP carries packets, and no frame of type " + type);
      }
      return closed ? Sent.DOWN : send(payload);
    } finally {
      payload.release();
    }
  }

  private Sent send(ByteBuf payload) {
    int vnet = payload.readerIndex();
    int start = vnet + VirtioNetHeader.LENGTH;
    int length = payload.readableBytes() - VirtioNetHeader.LENGTH;
    if (length <= 0 || packet.check(payload, start, length) != PacketFault.NONE) {
      dropped.accept(DropReason.MALFORMED);
      return Sent.OK;
    }
    segmenter.begin(payload, vnet, packet);
    int longest = outer + segmenter.maxSegmentLength();
    // One piece of memory for all segments, each freed with the last slice of it.
    ByteBuf room = ByteBufAllocator.DEFAULT.directBuffer(longest * segmenter.segmentCount());
    try {
      for (int left = segmenter.segmentCount(); left > 0; left--) {
        if (!append(room)) {
          return Sent.TOO_BIG;
        }
      }
      return Sent.OK;
    } catch (IOException e) {
      return Sent.DOWN;
    } finally {
      room.release();
    }
  }

  /** Appends the next segment with its outer header and hands it to the socket. */
  private boolean append(ByteBuf room) throws IOException {
    int at = room.writerIndex();
    int inner = at + outer;
    room.writerIndex(inner);
    boolean unused = segmenter.next(room);
    int end = room.writerIndex();
    PacketFault fault = segment.check(room, inner, end - inner);
    room.writerIndex(at);
    if (fault != PacketFault.NONE
        || !IpInIp.writeOuter(room, segment, socket.local(), remote, TTL, nextIdentification())) {
      return false; // over 65,535 bytes with the outer header: no IP packet
    }
    room.writerIndex(end);
    hand(room, at, end - at);
    return true;
  }

  /** Over IPv4 never 0: the kernel would give each fragment one of its own (raw(7)). */
  private int nextIdentification() {
    identification++;
    return 1 + Integer.remainderUnsigned(identification, 0xffff);
  }

  private void hand(ByteBuf room, int at, int length) throws IOException {
    unflushed += length;
    if (length <= pathMtu) {
      socket.send(room.retainedSlice(at, length));
      return;
    }
    // Whether a packet may be too big is for the path to decide, which can tell its sender. What
    // comes here is to be carried.
    IpInIp.allowFragments(room, at, nextIdentification());
    int fragments = OuterFragments.count(length, pathMtu, remote.isV4());
    for (int i = 0; i < fragments; i++) {
      ByteBuf fragment = ByteBufAllocator.DEFAULT.directBuffer(pathMtu);
      OuterFragments.write(room, at, length, pathMtu, i, identification, fragment);
      socket.send(fragment);
    }
  }

  @Override
  public void flush() {
    if (unflushed > 0) {
      unflushed = 0;
      int unused = socket.flush(); // what was not taken has been counted
    }
  }

  @Override
  public boolean isUp() {
    return !closed;
  }

  @Override
  public long queuedBytes() {
    return unflushed;
  }

  @Override
  public int innerMtu() {
    return pathMtu - outer;
  }

  /** From now on inner packets of this length pass whole, and no longer ones. */
  public void innerMtu(int bytes) {
    pathMtu(bytes + outer);
  }

  /** Sends what waits; the socket, which other links share, stays open. */
  @Override
  public void close() {
    flush();
    closed = true;
  }
}
