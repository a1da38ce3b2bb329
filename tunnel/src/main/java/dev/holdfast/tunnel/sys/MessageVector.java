package dev.holdfast.tunnel.sys;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * The messages of one {@code sendmmsg} or {@code recvmmsg}: for each slot a {@code struct mmsghdr}
 * (sys/socket.h), one {@code struct iovec}, room for one address of either family and for one
 * control message. Using it allocates nothing, but for {@link #error}.
 *
 * <p>Sizes on 64-bit Linux: {@code mmsghdr} 64 (msg_name 0, msg_namelen 8, msg_iov 16, msg_iovlen
 * 24, msg_control 32, msg_controllen 40, msg_flags 48, msg_len 56), {@code iovec} 16 (base 0,
 * length 8), {@code cmsghdr} 16 (length 0, level 8, type 12) and then its data.
 */
public final class MessageVector {
  private static final int HEADER = 64;
  private static final int IOVEC = 16;
  private static final int NAME = 32;

  /** Room for a control message that is an {@code int}. */
  private static final int SMALL_CONTROL = 24;

  private static final int NAME_LENGTH = 8;
  private static final int IOV = 16;
  private static final int IOV_COUNT = 24;
  private static final int CONTROL_ADDRESS = 32;
  private static final int CONTROL_LENGTH = 40;
  private static final int FLAGS = 48;
  private static final int LENGTH = 56;

  private static final int CONTROL_LEVEL = 8;
  private static final int CONTROL_TYPE = 12;
  private static final int CONTROL_DATA = 16;

  private final int slots;
  private final int controlRoom;
  private final MemorySegment headers;
  private final MemorySegment iovecs;
  private final MemorySegment names;
  private final MemorySegment controls;

  /**
   * @param arena owns the memory; closing it while a call is under way is the caller's mistake
   */
  public MessageVector(Arena arena, int slots) {
    this(arena, slots, SMALL_CONTROL);
  }

  /** With room for what is read from an error queue. */
  public static MessageVector forErrors(Arena arena, int slots) {
    return new MessageVector(arena, slots, CONTROL_DATA + ExtendedError.ROOM);
  }

  private MessageVector(Arena arena, int slots, int controlRoom) {
    this.slots = slots;
    this.controlRoom = controlRoom;
    headers = arena.allocate((long) slots * HEADER, 8);
    iovecs = arena.allocate((long) slots * IOVEC, 8);
    names = arena.allocate((long) slots * NAME, 8);
    controls = arena.allocate((long) slots * controlRoom, 8);
    for (long slot = 0; slot < slots; slot++) {
      long at = slot * HEADER;
      headers.set(JAVA_LONG, at, names.address() + slot * NAME);
      headers.set(JAVA_LONG, at + IOV, iovecs.address() + slot * IOVEC);
      headers.set(JAVA_LONG, at + IOV_COUNT, 1);
    }
  }

  public int slots() {
    return slots;
  }

  /** Where the bytes of a slot's message are, or shall go. */
  public void setBuffer(int slot, long address, long length) {
    long at = (long) slot * IOVEC;
    iovecs.set(JAVA_LONG, at, address);
    iovecs.set(JAVA_LONG, at + 8, length);
  }

  /** Makes a slot ready to take a message, its sender's address and a control message. */
  public void prepareReceive(int slot) {
    long at = (long) slot * HEADER;
    headers.set(JAVA_INT, at + NAME_LENGTH, NAME);
    headers.set(JAVA_LONG, at + CONTROL_ADDRESS, controls.address() + (long) slot * controlRoom);
    headers.set(JAVA_LONG, at + CONTROL_LENGTH, controlRoom);
    headers.set(JAVA_INT, at + FLAGS, 0);
  }

  /** Sends a slot's message to an IPv4 address, network order. */
  public void setDestinationV4(int slot, int address) {
    SocketAddress.putInet(names, (long) slot * NAME, address);
    headers.set(JAVA_INT, (long) slot * HEADER + NAME_LENGTH, SocketAddress.INET_SIZE);
  }

  /** Sends a slot's message to an IPv6 address, network order. */
  public void setDestinationV6(int slot, long high, long low) {
    SocketAddress.putInet6(names, (long) slot * NAME, high, low);
    headers.set(JAVA_INT, (long) slot * HEADER + NAME_LENGTH, SocketAddress.INET6_SIZE);
  }

  /** Bytes received into a slot; with {@code MSG_TRUNC} the message's real length. */
  public int length(int slot) {
    return headers.get(JAVA_INT, (long) slot * HEADER + LENGTH);
  }

  /** True where the message was longer than the slot's buffer. */
  public boolean isTruncated(int slot) {
    return (headers.get(JAVA_INT, (long) slot * HEADER + FLAGS) & Sockets.MSG_TRUNC) != 0;
  }

  /** The sender's address, IPv4 in its mapped form: the first 64 bits. */
  public long sourceHigh(int slot) {
    long at = (long) slot * NAME;
    return SocketAddress.isInet6(names, at)
        ? names.get(SocketAddress.NETWORK_LONG, at + SocketAddress.INET6_ADDRESS)
        : 0;
  }

  /** The sender's address, IPv4 in its mapped form: the last 64 bits. */
  public long sourceLow(int slot) {
    long at = (long) slot * NAME;
    return SocketAddress.isInet6(names, at)
        ? names.get(SocketAddress.NETWORK_LONG, at + SocketAddress.INET6_ADDRESS + 8)
        : 0xffff_0000_0000L
            | (names.get(SocketAddress.NETWORK_INT, at + SocketAddress.INET_ADDRESS)
                & 0xffff_ffffL);
  }

  /**
   * The {@code int} of the slot's control message.
   *
   * @return {@code otherwise} where no control message of that level and type came
   */
  public int control(int slot, int level, int type, int otherwise) {
    long received = headers.get(JAVA_LONG, (long) slot * HEADER + CONTROL_LENGTH);
    long at = (long) slot * controlRoom;
    if (received < CONTROL_DATA + Integer.BYTES
        || controls.get(JAVA_INT, at + CONTROL_LEVEL) != level
        || controls.get(JAVA_INT, at + CONTROL_TYPE) != type) {
      return otherwise;
    }
    return controls.get(JAVA_INT, at + CONTROL_DATA);
  }

  /** What the kernel tells of a message that came from an error queue; null where it is nothing. */
  public @Nullable ExtendedError error(int slot) {
    long received = headers.get(JAVA_LONG, (long) slot * HEADER + CONTROL_LENGTH);
    long at = (long) slot * controlRoom;
    if (received < CONTROL_DATA + ExtendedError.SIZE) {
      return null;
    }
    int level = controls.get(JAVA_INT, at + CONTROL_LEVEL);
    int type = controls.get(JAVA_INT, at + CONTROL_TYPE);
    boolean told =
        (level == Sockets.IPPROTO_IP && type == Sockets.IP_RECVERR)
            || (level == Sockets.IPPROTO_IPV6 && type == Sockets.IPV6_RECVERR);
    return told
        ? ExtendedError.read(controls.asSlice(at + CONTROL_DATA, received - CONTROL_DATA))
        : null;
  }

  long headerAddress(int slot) {
    return headers.address() + (long) slot * HEADER;
  }
}
