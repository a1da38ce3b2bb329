package dev.holdfast.tunnel.link;

import dev.holdfast.tunnel.device.IpOutput;
import dev.holdfast.tunnel.encap.Identifications;
import dev.holdfast.tunnel.encap.IpInIp;
import dev.holdfast.tunnel.encap.LoopGuard;
import dev.holdfast.tunnel.encap.OuterFragments;
import dev.holdfast.tunnel.encap.OuterPolicy;
import dev.holdfast.tunnel.encap.TunnelPathMtu;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.Segmenter;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.io.IOException;

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
  private final IpOutput socket;
  private final IpAddress remote;
  private final OuterPolicy policy;
  private final Identifications identifications;
  private final PacketView packet = new PacketView();
  private final PacketView segment = new PacketView();
  private final Segmenter segmenter = new Segmenter();
  private volatile int pathMtu;
  private int provenMtu;
  private int learntMtu = TunnelPathMtu.UNLIMITED;
  private long unflushed;
  private boolean closed;
  private boolean sendsWhole;

  /**
   * @param identifications shared by all links to {@code remote}
   */
  IpInIpLink(
      IpOutput socket,
      IpAddress remote,
      int pathMtu,
      OuterPolicy policy,
      Identifications identifications) {
    this.socket = socket;
    this.remote = remote;
    this.policy = policy;
    this.identifications = identifications;
    pathMtu(pathMtu);
  }

  /** What the path is proven to take: from now on outer packets are at most this long. */
  public void pathMtu(int bytes) {
    provenMtu = passable(bytes);
    pathMtu = Math.min(provenMtu, learntMtu);
  }

  /**
   * Outer packets are no longer than this either, since an ICMP error has said so; {@link
   * TunnelPathMtu#UNLIMITED} ends it.
   */
  public void learntMtu(int bytes) {
    learntMtu = passable(bytes);
    pathMtu = Math.min(provenMtu, learntMtu);
  }

  /** The longest outer packet that was ever to be sent, bytes. */
  public int provenMtu() {
    return provenMtu;
  }

  private int passable(int bytes) {
    if (bytes < OuterFragments.smallestMtu(remote.isV4())) {
      throw new IllegalArgumentException(
          bytes + " bytes is less than the MTU of any path to " + remote);
    }
    return bytes;
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

  /**
   * Sends one packet whole, whatever the path is known to take: a probe, which is to find that out
   * (RFC 8899 section 4.1).
   */
  public Sent sendWhole(ByteBuf payload) {
    sendsWhole = true;
    try {
      return send(FrameType.PACKET, payload);
    } finally {
      sendsWhole = false;
    }
  }

  private Sent send(ByteBuf payload) {
    int vnet = payload.readerIndex();
    int start = vnet + VirtioNetHeader.LENGTH;
    int length = payload.readableBytes() - VirtioNetHeader.LENGTH;
    if (length <= 0 || packet.check(payload, start, length) != PacketFault.NONE) {
      return Sent.MALFORMED;
    }
    if (LoopGuard.forbids(packet, socket.local(), remote)) {
      return Sent.LOOP;
    }
    segmenter.begin(payload, vnet, packet);
    int outer = IpInIp.outerLength(remote, packet);
    int longest = outer + segmenter.maxSegmentLength();
    // One piece of memory for all segments, each freed with the last slice of it.
    ByteBuf room = ByteBufAllocator.DEFAULT.directBuffer(longest * segmenter.segmentCount());
    try {
      for (int left = segmenter.segmentCount(); left > 0; left--) {
        if (!append(room, outer)) {
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
  private boolean append(ByteBuf room, int outer) throws IOException {
    int at = room.writerIndex();
    int inner = at + outer;
    room.writerIndex(inner);
    boolean unused = segmenter.next(room);
    int end = room.writerIndex();
    PacketFault fault = segment.check(room, inner, end - inner);
    room.writerIndex(at);
    if (end - at > pathMtu || IpInIp.mayBeFragmented(remote, segment)) {
      identifications.next(); // whoever needs none takes none: there are few (RFC 6864 section 4.3)
    }
    if (fault != PacketFault.NONE
        || !IpInIp.writeOuter(
            room, segment, socket.local(), remote, policy, identifications.v4())) {
      return false; // over 65,535 bytes with the outer header: no IP packet
    }
    room.writerIndex(end);
    hand(room, at, end - at);
    return true;
  }

  private void hand(ByteBuf room, int at, int length) throws IOException {
    unflushed += length;
    if (length <= pathMtu || sendsWhole) {
      socket.send(room.retainedSlice(at, length));
      return;
    }
    // Whether a packet may be too big is for the path to decide, which can tell its sender. What
    // comes here is to be carried.
    IpInIp.allowFragments(room, at, identifications.v4());
    int fragments = OuterFragments.count(length, pathMtu, remote.isV4());
    for (int i = 0; i < fragments; i++) {
      ByteBuf fragment = ByteBufAllocator.DEFAULT.directBuffer(pathMtu);
      OuterFragments.write(room, at, length, pathMtu, i, identifications.v6(), fragment);
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

  /** What is known at this moment. Any thread. */
  @Override
  public int innerMtu() {
    return pathMtu - IpInIp.outerLength(remote);
  }

  @Override
  public int innerMtu(PacketView inner) {
    return pathMtu - IpInIp.outerLength(remote, inner);
  }

  /** From now on inner packets of this length pass whole, and no longer ones. */
  public void innerMtu(int bytes) {
    pathMtu(bytes + IpInIp.outerLength(remote));
  }

  /**
   * Appends the outer header that one plain packet gets here, for whoever explains that; its
   * identification is of no meaning. False where both together would be too long.
   */
  public boolean outer(ByteBuf out, PacketView inner) {
    return IpInIp.writeOuter(out, inner, socket.local(), remote, policy, 1);
  }

  /**
   * Whether a packet is dropped here, since it has been in this tunnel, or must not go into one.
   */
  public boolean forbids(PacketView inner) {
    return LoopGuard.forbids(inner, socket.local(), remote);
  }

  /** Sends what waits; the socket, which other links share, stays open. */
  @Override
  public void close() {
    flush();
    closed = true;
  }
}
