package dev.holdfast.tunnel.device;

import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.sys.Errno;
import dev.holdfast.tunnel.sys.Libc;
import dev.holdfast.tunnel.sys.MessageVector;
import dev.holdfast.tunnel.sys.SocketAddress;
import dev.holdfast.tunnel.sys.Sockets;
import dev.holdfast.tunnel.sys.SysException;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A raw socket for IP-in-IP: protocol 4 or 41 over IPv4 or IPv6 (raw(7)), in batches both ways.
 *
 * <p>Whoever sends writes the outer header too; the kernel fills in an IPv4 header's total length,
 * checksum and, where it is 0, identification, and never fragments. What is received differs by
 * family: over IPv4 the outer header comes with it, over IPv6 it does not.
 *
 * <p>The socket takes only packets to its local address. While it is open the kernel does not
 * answer them with "protocol unreachable". Opened in the calling thread's network namespace; used
 * by one thread; non-blocking.
 */
public final class RawIpSocket implements IpOutput, AutoCloseable {
  /** IPv4 inside (RFC 2003). */
  public static final int PROTOCOL_IPV4 = Sockets.IPPROTO_IPIP;

  /** IPv6 inside (RFC 4213, RFC 2473). */
  public static final int PROTOCOL_IPV6 = Sockets.IPPROTO_IPV6;

  /** Packets of one system call. */
  public static final int BATCH = 64;

  /** Bytes before a received packet that the receiver may write to. */
  public static final int HEADROOM = 64;

  private static final int SLOT = HEADROOM + 65_536;
  private static final int SOCKET_BUFFER = 8 << 20;
  private static final int V4_HEADER = 20;
  private static final int V6_HEADER = 40;

  private final int fd;
  private final IpAddress local;
  private final boolean v4;
  private final Refused refused;
  private final Arena arena = Arena.ofShared();
  private final MessageVector incoming = new MessageVector(arena, BATCH);
  private final MessageVector outgoing = new MessageVector(arena, BATCH);
  private final ByteBuf[] slots = new ByteBuf[BATCH];
  private final ByteBuf memory = Unpooled.directBuffer(BATCH * SLOT, BATCH * SLOT);
  private final @Nullable ByteBuf[] queue = new @Nullable ByteBuf[BATCH];
  private int queued;
  private long oversized;
  private boolean closed;

  /** Takes what was received. */
  @FunctionalInterface
  public interface Receiver {
    /**
     * One packet.
     *
     * @param packet its readable bytes are the packet, with the outer header over IPv4 and without
     *     it over IPv6; {@link #HEADROOM} bytes before them may be written to. Used again after
     *     this call: copy what is kept
     * @param sourceHigh outer source address, as in {@link IpAddress}
     * @param sourceLow outer source address, as in {@link IpAddress}
     * @param trafficClass outer DSCP and ECN
     */
    void onPacket(ByteBuf packet, long sourceHigh, long sourceLow, int trafficClass);
  }

  /** Is told which packets the kernel did not take. */
  @FunctionalInterface
  public interface Refused {
    /**
     * @param packet as it was handed to {@link #send}; released after this call
     */
    void onRefused(ByteBuf packet, Refusal why);
  }

  /** Why the kernel did not take a packet. */
  public enum Refusal {
    TOO_BIG("it is longer than the interface's MTU"),
    FULL("the kernel has no buffer for it"),
    FORBIDDEN("a rule of this host's packet filter forbids it"),
    NO_ROUTE("there is no route to its destination"),
    OTHER("the kernel refused it");

    private final String text;

    Refusal(String text) {
      this.text = text;
    }

    /** A clause that completes "the packet was not sent because …". */
    public String text() {
      return text;
    }

    static Refusal of(int errno) {
      return switch (errno) {
        case Errno.EMSGSIZE -> TOO_BIG;
        case Errno.EAGAIN, Errno.ENOBUFS, Errno.ENOMEM -> FULL;
        case Errno.EPERM, Errno.EACCES -> FORBIDDEN;
        case Errno.ENETUNREACH, Errno.EHOSTUNREACH, Errno.ENETDOWN, Errno.EADDRNOTAVAIL -> NO_ROUTE;
        default -> OTHER;
      };
    }
  }

  private RawIpSocket(int fd, IpAddress local, Refused refused) {
    this.fd = fd;
    this.local = local;
    this.v4 = local.isV4();
    this.refused = refused;
    for (int i = 0; i < BATCH; i++) {
      slots[i] = memory.slice(i * SLOT, SLOT);
      incoming.setBuffer(
          i, BufferAddress.of(memory, i * SLOT + HEADROOM, SLOT - HEADROOM), SLOT - HEADROOM);
    }
  }

  /**
   * @param local an address of this host; its family is the outer one
   * @param protocol {@link #PROTOCOL_IPV4} or {@link #PROTOCOL_IPV6}: what is inside
   * @throws IOException when the address is not here, or privilege is missing
   */
  public static RawIpSocket open(IpAddress local, int protocol, Refused refused)
      throws IOException {
    if (protocol != PROTOCOL_IPV4 && protocol != PROTOCOL_IPV6) {
      throw new IllegalArgumentException("protocol " + protocol + " is not IP-in-IP");
    }
    int fd;
    try {
      fd =
          Sockets.socket(
              local.isV4() ? Sockets.AF_INET : Sockets.AF_INET6,
              Sockets.SOCK_RAW | Sockets.SOCK_NONBLOCK | Sockets.SOCK_CLOEXEC,
              protocol,
              "raw socket");
    } catch (SysException e) {
      throw new IOException(cannotOpen(local, e.errno()), e);
    }
    try {
      configure(fd, local);
      return new RawIpSocket(fd, local, refused);
    } catch (IOException | RuntimeException e) {
      Libc.close(fd);
      throw e;
    }
  }

  private static void configure(int fd, IpAddress local) throws IOException {
    // PROBE: the kernel neither fragments nor applies a path MTU that some ICMP error has taught
    // it; path MTU is ours to know, and DF is in the header that we write.
    if (local.isV4()) {
      set(fd, Sockets.IPPROTO_IP, Sockets.IP_HDRINCL, 1);
      set(fd, Sockets.IPPROTO_IP, Sockets.IP_MTU_DISCOVER, Sockets.IP_PMTUDISC_PROBE);
    } else {
      set(fd, Sockets.IPPROTO_IPV6, Sockets.IPV6_HDRINCL, 1);
      set(fd, Sockets.IPPROTO_IPV6, Sockets.IPV6_MTU_DISCOVER, Sockets.IP_PMTUDISC_PROBE);
      set(fd, Sockets.IPPROTO_IPV6, Sockets.IPV6_RECVTCLASS, 1);
    }
    enlarge(fd, Sockets.SO_RCVBUFFORCE, Sockets.SO_RCVBUF);
    enlarge(fd, Sockets.SO_SNDBUFFORCE, Sockets.SO_SNDBUF);
    try (Arena arena = Arena.ofConfined()) {
      Sockets.bind(
          fd,
          local.isV4()
              ? SocketAddress.inet(arena, local.v4Bits())
              : SocketAddress.inet6(arena, local.high(), local.low()),
          "bind a raw socket to " + local);
    } catch (SysException e) {
      throw new IOException(cannotOpen(local, e.errno()), e);
    }
  }

  private static void set(int fd, int level, int option, int value) throws SysException {
    Sockets.setsockopt(fd, level, option, value, "raw socket option " + option);
  }

  /** Beyond the host's limit with CAP_NET_ADMIN, else up to it. */
  private static void enlarge(int fd, int force, int ask) throws SysException {
    try {
      set(fd, Sockets.SOL_SOCKET, force, SOCKET_BUFFER);
    } catch (SysException e) {
      if (e.errno() != Errno.EPERM) {
        throw e;
      }
      set(fd, Sockets.SOL_SOCKET, ask, SOCKET_BUFFER);
    }
  }

  static String cannotOpen(IpAddress local, int errno) {
    return switch (errno) {
      case Errno.EPERM, Errno.EACCES ->
          "no permission for a raw socket: CAP_NET_RAW is needed (run as root)";
      case Errno.EADDRNOTAVAIL -> "this host does not have the address " + local;
      default -> "no raw socket on " + local + ": " + Errno.text(errno);
    };
  }

  /** For {@link FdReadiness}; it stays this object's own and must not be closed by others. */
  public int fd() {
    return fd;
  }

  @Override
  public IpAddress local() {
    return local;
  }

  /**
   * Receives what is there, at most {@link #BATCH} packets.
   *
   * @return how many were received; 0 when none is there
   * @throws IOException when the socket fails for good
   */
  public int receiveBatch(Receiver receiver) throws IOException {
    failIfClosed();
    for (int i = 0; i < BATCH; i++) {
      incoming.prepareReceive(i);
    }
    int n = Sockets.recvmmsg(fd, incoming, BATCH, Sockets.MSG_DONTWAIT);
    if (n < 0) {
      if (n == -Errno.EAGAIN) {
        return 0;
      }
      throw new SysException("receive on the raw socket of " + local, -n);
    }
    for (int i = 0; i < n && !closed; i++) {
      if (incoming.isTruncated(i)) {
        oversized++;
        continue;
      }
      ByteBuf packet = slots[i].setIndex(HEADROOM, HEADROOM + incoming.length(i));
      int trafficClass =
          v4
              ? packet.getUnsignedByte(HEADROOM + 1)
              : incoming.control(i, Sockets.IPPROTO_IPV6, Sockets.IPV6_TCLASS, 0);
      receiver.onPacket(packet, incoming.sourceHigh(i), incoming.sourceLow(i), trafficClass);
    }
    return n;
  }

  /**
   * Queues one packet, which begins with its outer header; it goes to the destination written
   * there. The queue goes out at {@link #flush}, or by itself when it is full.
   *
   * @param packet direct, its readable bytes; the reference is taken over
   */
  @Override
  public void send(ByteBuf packet) throws IOException {
    int length = packet.readableBytes();
    int at = packet.readerIndex();
    try {
      failIfClosed();
      if (length < (v4 ? V4_HEADER : V6_HEADER)) {
        throw new IllegalArgumentException(length + " bytes hold no outer header");
      }
      outgoing.setBuffer(queued, BufferAddress.of(packet, at, length), length);
    } catch (IOException | RuntimeException e) {
      packet.release();
      throw e;
    }
    if (v4) {
      outgoing.setDestinationV4(queued, packet.getInt(at + 16));
    } else {
      outgoing.setDestinationV6(queued, packet.getLong(at + 24), packet.getLong(at + 32));
    }
    queue[queued++] = packet;
    if (queued == BATCH) {
      int unused = flush();
    }
  }

  /** Packets handed over and not yet flushed. */
  public int queued() {
    return queued;
  }

  /**
   * Sends all that is queued. What the kernel does not take is reported, and not kept.
   *
   * @return how many packets the kernel has taken
   */
  @Override
  public int flush() {
    int taken = 0;
    int next = 0;
    while (next < queued) {
      int n = Sockets.sendmmsg(fd, outgoing, next, queued - next, Sockets.MSG_DONTWAIT);
      if (n > 0) {
        taken += n;
        next += n;
        continue;
      }
      Refusal why = Refusal.of(-n);
      // A full socket takes none of the rest; any other reason is this packet's own.
      int until = n == -Errno.EAGAIN ? queued : next + 1;
      for (; next < until; next++) {
        refuse(next, why);
      }
    }
    for (int i = 0; i < queued; i++) {
      release(i);
    }
    queued = 0;
    return taken;
  }

  private void refuse(int slot, Refusal why) {
    ByteBuf packet = queue[slot];
    if (packet != null) {
      refused.onRefused(packet, why);
    }
  }

  private void release(int slot) {
    ByteBuf packet = queue[slot];
    queue[slot] = null;
    if (packet != null) {
      packet.release();
    }
  }

  /** Packets that were longer than an IP packet can be, and were skipped. */
  public long oversized() {
    return oversized;
  }

  private void failIfClosed() throws IOException {
    if (closed) {
      throw new IOException("the raw socket of " + local + " is closed");
    }
  }

  /** Closes the socket; what is queued is not sent. */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    Libc.close(fd);
    for (int i = 0; i < queued; i++) {
      release(i);
    }
    queued = 0;
    Arrays.fill(slots, Unpooled.EMPTY_BUFFER);
    memory.release();
    arena.close();
  }
}
