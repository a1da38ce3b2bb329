package dev.holdfast.tunnel.packet;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;

/**
 * Cuts a super-packet into the packets that go over a wire, with every checksum complete; a plain
 * packet comes out once, its checksum completed where it was left to the device.
 *
 * <p>The segments are those that Linux makes of it ({@code tcp_gso_segment}, {@code
 * __udp_gso_segment}): headers are copied, IPv4 identification and TCP sequence number go on, CWR
 * stays on the first (RFC 3168 section 6.1.2), FIN and PSH on the last. One object is reused for
 * packet after packet; nothing is allocated.
 */
public final class Segmenter {
  private static final int UDP_HEADER = 8;
  private static final int CWR = 0x80;
  private static final int TCP_SEQUENCE = 4;
  private static final int TCP_FLAGS = 13;
  private static final int TCP_CHECKSUM = 16;
  private static final int UDP_LENGTH = 4;
  private static final int UDP_CHECKSUM = 6;

  private ByteBuf buf = Unpooled.EMPTY_BUFFER;
  private int start;
  private int end;
  private boolean isV4;
  private boolean isTcp;
  private int transport; // from the start of the packet
  private int headers; // bytes of all headers
  private int size; // data bytes of each segment but the last
  private int pseudoSum; // of the pseudo-header without the length
  private boolean isSuper;
  private int checksumStart; // from the start of the packet; -1 where the checksum is complete
  private int checksumOffset;
  private int count;
  private int done;

  /**
   * Starts on one packet. The view may be laid over other bytes afterwards; the bytes themselves
   * must stay until the last segment is out.
   *
   * @param vnetIndex of the virtio_net_hdr, which comes from the local kernel or has passed {@link
   *     OffloadCheck}
   */
  public void begin(ByteBuf bytes, int vnetIndex, PacketView view) {
    buf = bytes;
    start = view.start();
    end = view.end();
    isV4 = view.isV4();
    isTcp = view.isTcp();
    transport = view.transportStart() - start;
    boolean partial = VirtioNetHeader.needsChecksum(bytes, vnetIndex);
    checksumStart = partial ? VirtioNetHeader.checksumStart(bytes, vnetIndex) : -1;
    checksumOffset = VirtioNetHeader.checksumOffset(bytes, vnetIndex);
    headers = transport + (isTcp ? view.tcpHeaderLength() : UDP_HEADER);
    size = VirtioNetHeader.gsoSize(bytes, vnetIndex);
    int data = end - start - headers;
    isSuper = VirtioNetHeader.isGso(bytes, vnetIndex) && size > 0 && data > size;
    count = isSuper ? (data + size - 1) / size : 1;
    done = 0;
    if (isSuper) {
      // The field holds the sum of the pseudo-header with the super-packet's length in it.
      int field = bytes.getUnsignedShort(start + transport + fieldOffset());
      pseudoSum = Checksums.fold((long) field + (~(end - start - transport) & 0xffff));
    }
  }

  /** How many packets come out: 1 or more. */
  public int segmentCount() {
    return count;
  }

  /** Bytes of the longest packet that comes out, IP header included. */
  public int maxSegmentLength() {
    return isSuper ? headers + size : end - start;
  }

  /**
   * Appends the next packet.
   *
   * @param out with room for {@link #maxSegmentLength} bytes, or able to grow
   * @return false, with nothing written, when all are out
   */
  public boolean next(ByteBuf out) {
    if (done == count) {
      return false;
    }
    if (isSuper) {
      writeSegment(out);
    } else {
      int at = out.writerIndex();
      out.writeBytes(buf, start, end - start);
      if (checksumStart >= 0) {
        Checksums.complete(out, at + checksumStart, checksumOffset, out.writerIndex());
      }
    }
    done++;
    return true;
  }

  private void writeSegment(ByteBuf out) {
    int at = out.writerIndex();
    int from = start + headers + done * size;
    int data = Math.min(size, end - from);
    out.writeBytes(buf, start, headers);
    out.writeBytes(buf, from, data);
    if (isV4) {
      out.setShort(at + 2, headers + data);
      out.setShort(at + 4, out.getUnsignedShort(at + 4) + done);
      out.setShort(at + 10, Checksums.ipv4Header(out, at, transport));
    } else {
      out.setShort(at + 4, headers + data - 40);
    }
    int header = at + transport;
    if (isTcp) {
      boolean first = done == 0;
      boolean last = done == count - 1;
      int cleared = (first ? 0 : CWR) | (last ? 0 : PacketView.FIN | PacketView.PSH);
      out.setInt(header + TCP_SEQUENCE, out.getInt(header + TCP_SEQUENCE) + done * size);
      out.setByte(header + TCP_FLAGS, out.getByte(header + TCP_FLAGS) & ~cleared);
    } else {
      out.setShort(header + UDP_LENGTH, UDP_HEADER + data);
    }
    int length = out.writerIndex() - header;
    out.setShort(header + fieldOffset(), Checksums.fold((long) pseudoSum + length));
    Checksums.complete(out, header, fieldOffset(), out.writerIndex());
  }

  private int fieldOffset() {
    return isTcp ? TCP_CHECKSUM : UDP_CHECKSUM;
  }
}
