package dev.holdfast.redirector.replay;

import dev.holdfast.tunnel.packet.Checksums;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Puts the fragments of IPv4 packets together again, as a host's kernel does (RFC 791). */
final class Ipv4Reassembly {
  /** Of packets of which a part is missing; the oldest give way. */
  private static final int MOST = 64;

  /** Without options: the tunnel writes none, and fragments with some are rare. */
  private static final int HEADER = 20;

  private static final int MORE = 0x2000;
  private static final int OFFSET = 0x1fff;

  private record Datagram(int source, int destination, int identificationAndProtocol) {}

  private final Map<Datagram, List<ByteBuf>> begun = new LinkedHashMap<>();

  /**
   * Takes over the reference.
   *
   * @return the whole packet, or null while a part of it is missing
   */
  @Nullable ByteBuf whole(ByteBuf packet) {
    int at = packet.readerIndex();
    int flags = packet.getUnsignedShort(at + 6);
    if ((flags & (MORE | OFFSET)) == 0) {
      return packet;
    }
    Datagram id =
        new Datagram(
            packet.getInt(at + 12),
            packet.getInt(at + 16),
            packet.getUnsignedShort(at + 4) << 8 | packet.getUnsignedByte(at + 9));
    List<ByteBuf> parts = begun.computeIfAbsent(id, key -> new ArrayList<>());
    parts.add(packet);
    ByteBuf whole = together(parts);
    if (whole != null) {
      begun.remove(id);
      parts.forEach(ByteBuf::release);
    } else if (begun.size() > MOST) {
      Iterator<List<ByteBuf>> oldest = begun.values().iterator();
      oldest.next().forEach(ByteBuf::release);
      oldest.remove();
    }
    return whole;
  }

  private static @Nullable ByteBuf together(List<ByteBuf> parts) {
    parts.sort((a, b) -> Integer.compare(offset(a), offset(b)));
    int reached = 0;
    boolean ended = false;
    for (ByteBuf part : parts) {
      if (offset(part) > reached) {
        return null;
      }
      reached = Math.max(reached, offset(part) + part.readableBytes() - HEADER);
      ended |= (part.getUnsignedShort(part.readerIndex() + 6) & MORE) == 0;
    }
    if (!ended) {
      return null;
    }
    ByteBuf first = parts.getFirst();
    ByteBuf whole = PooledByteBufAllocator.DEFAULT.directBuffer(HEADER + reached);
    whole.writeBytes(first, first.readerIndex(), HEADER);
    whole.setShort(2, HEADER + reached);
    whole.setShort(6, 0);
    whole.writerIndex(HEADER + reached);
    for (ByteBuf part : parts) {
      whole.setBytes(
          HEADER + offset(part), part, part.readerIndex() + HEADER, part.readableBytes() - HEADER);
    }
    whole.setShort(10, Checksums.ipv4Header(whole, 0, HEADER));
    return whole;
  }

  private static int offset(ByteBuf part) {
    return (part.getUnsignedShort(part.readerIndex() + 6) & OFFSET) * 8;
  }

  void close() {
    begun.values().forEach(parts -> parts.forEach(ByteBuf::release));
    begun.clear();
  }
}
