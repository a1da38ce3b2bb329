package dev.holdfast.redirector.replay;

import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What is no TCP: its packets go as they were captured, and are looked for at the other end. A
 * packet is known again by its bytes, but for what a router may change.
 */
final class DatagramFlow {
  /** On their way, in one direction; the bytes of older ones are not known any more. */
  private static final int MOST_OUTSTANDING = 4_096;

  /** So many in a row are no accident of the network. */
  private static final int SILENT = 3;

  private static final class Sent {
    final byte[] packet;
    final long at;

    /** Bytes behind the header that have arrived in smaller fragments. */
    int arrived;

    Sent(byte[] packet, long at) {
      this.packet = packet;
      this.at = at;
    }
  }

  private final String name;
  private final long firstPacket;
  private final Machine machine;
  private final boolean beganBeforePause;
  private final Way toGuest;
  private final Way fromGuest;
  private long packets;
  private long lastPacketAt;

  private static final class Way {
    final ArrayDeque<Sent> outstanding = new ArrayDeque<>();
    final Progress progress;
    long delivered;
    long bytes;
    long forgotten;
    long twice;
    long newestDelivered;
    long corruptedAt = -1;
    int toldMtu = Integer.MAX_VALUE;
    byte @Nullable [] last;

    Way(Progress.Pauses pauses) {
      progress = new Progress(pauses);
    }

    /** Something is on its way that was sent after the last one that has come; others are lost. */
    boolean isWaiting() {
      Sent newest = outstanding.peekLast();
      return newest != null && newest.at > newestDelivered;
    }
  }

  /**
   * @param machine the guest; the flow's first side
   * @param other the other side, where that is a guest too
   */
  DatagramFlow(
      PacketView first,
      boolean isFromGuest,
      long firstPacket,
      Machine machine,
      @Nullable Machine other,
      long now) {
    var pauses = new EndsPauses(machine, other);
    this.toGuest = new Way(pauses);
    this.fromGuest = new Way(pauses);
    this.name = FlowId.text(first, isFromGuest);
    this.firstPacket = firstPacket;
    this.machine = machine;
    this.beganBeforePause = now <= machine.pausedAt();
  }

  /** The capture has another packet of it, which is sent now. */
  void sent(ByteBuf packet, int from, int length, boolean isFromGuest, long now) {
    Way way = isFromGuest ? fromGuest : toGuest;
    packets++;
    lastPacketAt = now;
    byte[] bytes = new byte[length];
    packet.getBytes(from, bytes);
    way.outstanding.add(new Sent(normal(bytes), now));
    way.progress.waits(now);
    if (way.outstanding.size() > MOST_OUTSTANDING) {
      way.outstanding.remove();
      way.forgotten++;
    }
  }

  /**
   * The network says that a packet of it was too big. Whoever sent it would send smaller ones; what
   * was captured stays as long as it is, and is not missed.
   */
  void tooBig(boolean byGuest, int mtu) {
    Way way = byGuest ? fromGuest : toGuest;
    way.toldMtu = Math.min(way.toldMtu, mtu);
  }

  /**
   * A fragment has arrived.
   *
   * @return false where it is no part of any fragment that was sent
   */
  boolean fragment(PacketView view, boolean isFromGuest, long now) {
    Way way = isFromGuest ? fromGuest : toGuest;
    byte[] bytes = bytes(view);
    for (Sent sent : way.outstanding) {
      if (Arrays.equals(sent.packet, bytes)) {
        arrived(view, isFromGuest, now);
        return true;
      }
    }
    if (!view.isV4()) {
      return false; // no router cuts those
    }
    int header = view.transportStart() - view.start();
    Sent other = null;
    for (Sent sent : way.outstanding) {
      int from = offset(bytes) - offset(sent.packet) + header;
      if (isOneDatagram(sent.packet, bytes)
          && from >= header
          && from + bytes.length - header <= sent.packet.length) {
        if (differsAt(sent, bytes, header, from) < 0) {
          cut(way, sent, bytes, header, from, now);
          return true;
        }
        other = sent;
      }
    }
    if (other == null) {
      return false;
    }
    // identifications come again: only what is like none of them was changed on its way
    cut(way, other, bytes, header, offset(bytes) - offset(other.packet) + header, now);
    return true;
  }

  private static int differsAt(Sent sent, byte[] part, int header, int from) {
    int length = part.length - header;
    return Arrays.mismatch(sent.packet, from, from + length, part, header, header + length);
  }

  /** A router has cut a fragment up (RFC 791 section 3.2), and this is a part of it. */
  private void cut(Way way, Sent sent, byte[] part, int header, int from, long now) {
    int length = part.length - header;
    int differs = differsAt(sent, part, header, from);
    if (differs >= 0 && way.corruptedAt < 0) {
      way.corruptedAt = from + differs;
    }
    sent.arrived += length;
    if (sent.arrived >= sent.packet.length - header) {
      way.outstanding.remove(sent);
      way.newestDelivered = Math.max(way.newestDelivered, sent.at);
      way.delivered++;
      way.bytes += sent.packet.length;
      way.progress.delivered(now, way.isWaiting());
    }
  }

  private static boolean isOneDatagram(byte[] a, byte[] b) {
    return a[0] == b[0] && a[4] == b[4] && a[5] == b[5] && a[9] == b[9];
  }

  /** Of an IPv4 fragment, bytes. */
  private static int offset(byte[] packet) {
    return ((packet[6] & 0x1f) << 8 | packet[7] & 0xff) * 8;
  }

  private static byte[] bytes(PacketView view) {
    byte[] bytes = new byte[view.length()];
    view.buffer().getBytes(view.start(), bytes);
    return normal(bytes);
  }

  /** A packet of it has arrived. */
  void arrived(PacketView view, boolean isFromGuest, long now) {
    Way way = isFromGuest ? fromGuest : toGuest;
    byte[] bytes = bytes(view);
    if (!take(way, bytes)) {
      if (way.last != null && Arrays.equals(way.last, bytes)) {
        way.twice++; // the network between the sites may do that
        return;
      }
      Sent first = ofLength(way, bytes.length);
      if (way.forgotten > 0) {
        way.forgotten--;
      } else if (first != null && way.corruptedAt < 0) {
        way.corruptedAt = Arrays.mismatch(first.packet, bytes);
        way.outstanding.remove(first);
      }
    }
    way.last = bytes;
    way.delivered++;
    way.bytes += bytes.length;
    way.progress.delivered(now, way.isWaiting());
  }

  private static boolean take(Way way, byte[] bytes) {
    for (Iterator<Sent> sent = way.outstanding.iterator(); sent.hasNext(); ) {
      Sent next = sent.next();
      if (Arrays.equals(next.packet, bytes)) {
        way.newestDelivered = Math.max(way.newestDelivered, next.at);
        sent.remove();
        return true;
      }
    }
    return false;
  }

  private static @Nullable Sent ofLength(Way way, int length) {
    for (Sent sent : way.outstanding) {
      if (sent.packet.length == length) {
        return sent;
      }
    }
    return null;
  }

  /** Without what changes on the way: TTL, ECN, and the header's checksum over them. */
  private static byte[] normal(byte[] packet) {
    if (packet[0] >> 4 == 4) {
      packet[1] = 0;
      packet[8] = 0;
      packet[10] = 0;
      packet[11] = 0;
    } else {
      packet[0] = 0x60;
      packet[1] &= 0x0f;
      packet[7] = 0;
    }
    return packet;
  }

  boolean isDelivered() {
    return toGuest.outstanding.isEmpty() && fromGuest.outstanding.isEmpty();
  }

  long firstPacket() {
    return firstPacket;
  }

  long lastPacketAt() {
    return lastPacketAt;
  }

  FlowResult result(long now, long stallNanos) {
    long lost = lost(toGuest) + lost(fromGuest);
    Progress longer =
        toGuest.progress.longest() > fromGuest.progress.longest()
            ? toGuest.progress
            : fromGuest.progress;
    long recovery = Math.max(toGuest.progress.recovery(), fromGuest.progress.recovery());
    long longest = longer.longest();
    long longestAt = longer.longestAt();
    long silent = Math.min(silentSince(toGuest), silentSince(fromGuest));
    if (silent != Long.MAX_VALUE) {
      longest = now - silent;
      longestAt = silent;
    }
    return new FlowResult(
        name,
        firstPacket,
        packets,
        verdict(now, stallNanos),
        toGuest.bytes,
        fromGuest.bytes,
        beganBeforePause && machine.pausedAt() <= lastPacketAt,
        recovery,
        longest,
        longest == 0 ? 0 : longestAt - VirtualTime.BEGIN,
        0,
        lost,
        notes(lost));
  }

  private List<String> notes(long lost) {
    List<String> notes = new ArrayList<>();
    if (lost > 0) {
      notes.add(lost + " of " + packets + " packets did not arrive.");
    }
    if (silentSince(toGuest) != Long.MAX_VALUE) {
      notes.add("At its end nothing came to the guest any more.");
    }
    if (silentSince(fromGuest) != Long.MAX_VALUE) {
      notes.add("At its end nothing of the guest's came to its peer any more.");
    }
    int mtu = Math.min(toGuest.toldMtu, fromGuest.toldMtu);
    if (mtu != Integer.MAX_VALUE) {
      notes.add(
          "Packets over "
              + mtu
              + " bytes were too big for the tunnel. Their sender was told (ICMP), and a live one"
              + " would have sent smaller ones; captured ones cannot change.");
    }
    return notes;
  }

  private static long lost(Way way) {
    return way.forgotten + way.outstanding.size();
  }

  /** Datagrams may be lost: what counts is whether the last ones of a direction come through. */
  private Verdict verdict(long now, long stallNanos) {
    if (toGuest.corruptedAt >= 0) {
      return new Verdict.Corrupted(toGuest.corruptedAt, true);
    }
    if (fromGuest.corruptedAt >= 0) {
      return new Verdict.Corrupted(fromGuest.corruptedAt, false);
    }
    long since = Math.min(silentSince(toGuest), silentSince(fromGuest));
    if (since != Long.MAX_VALUE) {
      return new Verdict.Stalled(now - since, true);
    }
    long longest = Math.max(toGuest.progress.longest(), fromGuest.progress.longest());
    return longest > stallNanos ? new Verdict.Stalled(longest, false) : new Verdict.Survived();
  }

  /** Since when what was sent did not arrive any more; the highest number where it does. */
  private static long silentSince(Way way) {
    int silent = 0;
    long since = Long.MAX_VALUE;
    for (Sent sent : way.outstanding) {
      if (sent.at >= way.newestDelivered && sent.packet.length <= way.toldMtu) {
        silent++;
        since = Math.min(since, sent.at);
      }
    }
    return way.delivered == 0 || silent >= SILENT ? since : Long.MAX_VALUE;
  }
}
