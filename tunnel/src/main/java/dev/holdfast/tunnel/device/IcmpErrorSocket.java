package dev.holdfast.tunnel.device;

import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.sys.ClassicBpf;
import dev.holdfast.tunnel.sys.Errno;
import dev.holdfast.tunnel.sys.ExtendedError;
import dev.holdfast.tunnel.sys.Libc;
import dev.holdfast.tunnel.sys.MessageVector;
import dev.holdfast.tunnel.sys.SocketAddress;
import dev.holdfast.tunnel.sys.Sockets;
import dev.holdfast.tunnel.sys.SysException;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The ICMP errors about packets of IP protocol 4 or 41 that this host has sent from one address:
 * the error queue of a raw socket (ip(7), IP_RECVERR).
 *
 * <p>It is a socket of its own, beside the {@link RawIpSocket} that carries the packets. On one
 * that asks for errors, each error also makes the next send or receive fail, whichever packet that
 * is of, and what waits in its error queue takes the room of packets that were received. A filter
 * keeps all packets from this one: it has errors alone, and few of them at a time. What finds no
 * room is dropped by the kernel, as a router may send fewer errors than there were reasons for (RFC
 * 1812 section 4.3.2.8, RFC 4443 section 2.4 (f)).
 *
 * <p>The kernel hands over an error only if it quotes a packet with this address as its source and
 * this protocol, and eight bytes more. Opened in the calling thread's network namespace; used by
 * one thread; non-blocking.
 */
public final class IcmpErrorSocket implements AutoCloseable {
  /** Errors of one system call. */
  public static final int BATCH = 16;

  /** As much of the quoted packet as is kept: two headers of each family, and room for options. */
  private static final int QUOTE = 256;

  private static final int SOCKET_BUFFER = 64 << 10;

  private final int fd;
  private final Arena arena = Arena.ofShared();
  private final MessageVector incoming = MessageVector.forErrors(arena, BATCH);
  private final ByteBuf memory = Unpooled.directBuffer(BATCH * QUOTE, BATCH * QUOTE);
  private boolean closed;

  /** Takes what came. */
  @FunctionalInterface
  public interface Receiver {
    /**
     * One ICMP error.
     *
     * @param quoted its readable bytes are the quoted packet, from its outer header on, perhaps cut
     *     short; used again after this call
     * @param type of the ICMP message, in the address's family
     * @param code of the ICMP message
     * @param mtu that the message tells, where it tells one; not negative
     * @param router who sent the message; null where the kernel does not say
     */
    void onError(ByteBuf quoted, int type, int code, int mtu, @Nullable IpAddress router);
  }

  private IcmpErrorSocket(int fd) {
    this.fd = fd;
    for (int i = 0; i < BATCH; i++) {
      incoming.setBuffer(i, BufferAddress.of(memory, i * QUOTE, QUOTE), QUOTE);
    }
  }

  /**
   * @param local an address of this host, the source of the packets
   * @param protocol {@link RawIpSocket#PROTOCOL_IPV4} or {@link RawIpSocket#PROTOCOL_IPV6}
   * @throws IOException when the address is not here, or privilege is missing
   */
  public static IcmpErrorSocket open(IpAddress local, int protocol) throws IOException {
    int fd;
    try {
      fd =
          Sockets.socket(
              local.isV4() ? Sockets.AF_INET : Sockets.AF_INET6,
              Sockets.SOCK_RAW | Sockets.SOCK_NONBLOCK | Sockets.SOCK_CLOEXEC,
              protocol,
              "raw socket");
    } catch (SysException e) {
      throw new IOException(RawIpSocket.cannotOpen(local, e.errno()), e);
    }
    try (Arena arena = Arena.ofConfined()) {
      Sockets.setsockopt(
          fd,
          Sockets.SOL_SOCKET,
          Sockets.SO_ATTACH_FILTER,
          ClassicBpf.program(arena, List.of(new ClassicBpf.Instruction(ClassicBpf.RET_K, 0, 0, 0))),
          "keep packets from a raw socket");
      set(fd, Sockets.SOL_SOCKET, Sockets.SO_RCVBUF, SOCKET_BUFFER);
      if (local.isV4()) {
        // HDRINCL: what is quoted then begins with the outer header.
        set(fd, Sockets.IPPROTO_IP, Sockets.IP_HDRINCL, 1);
        set(fd, Sockets.IPPROTO_IP, Sockets.IP_RECVERR, 1);
      } else {
        set(fd, Sockets.IPPROTO_IPV6, Sockets.IPV6_HDRINCL, 1);
        set(fd, Sockets.IPPROTO_IPV6, Sockets.IPV6_RECVERR, 1);
      }
      Sockets.bind(
          fd,
          local.isV4()
              ? SocketAddress.inet(arena, local.v4Bits())
              : SocketAddress.inet6(arena, local.high(), local.low()),
          "bind a raw socket to " + local);
      forgetEarlier(fd);
      return new IcmpErrorSocket(fd);
    } catch (SysException e) {
      Libc.close(fd);
      throw new IOException(RawIpSocket.cannotOpen(local, e.errno()), e);
    } catch (RuntimeException e) {
      Libc.close(fd);
      throw e;
    }
  }

  private static void set(int fd, int level, int option, int value) throws SysException {
    Sockets.setsockopt(fd, level, option, value, "raw socket option " + option);
  }

  /** A raw socket is heard from the moment it exists: what came before the filter stood. */
  private static void forgetEarlier(int fd) {
    int failures = 0; // an ICMP error may be among it
    while (failures < BATCH) {
      int n = Sockets.recv(fd, 0, 0, Sockets.MSG_DONTWAIT);
      if (n == -Errno.EAGAIN) {
        return;
      }
      failures += n < 0 ? 1 : 0;
    }
  }

  /** For {@link FdReadiness}; it stays this object's own and must not be closed by others. */
  public int fd() {
    return fd;
  }

  /**
   * Reads what is there, at most {@link #BATCH} errors, and hands on those that ICMP has brought.
   *
   * @return how many were read; 0 when none is there
   * @throws IOException when the socket fails for good
   */
  public int readBatch(Receiver receiver) throws IOException {
    if (closed) {
      throw new IOException("the socket for ICMP errors is closed");
    }
    for (int i = 0; i < BATCH; i++) {
      incoming.prepareReceive(i);
    }
    int n = Sockets.recvmmsg(fd, incoming, BATCH, Sockets.MSG_DONTWAIT | Sockets.MSG_ERRQUEUE);
    if (n < 0 && n != -Errno.EAGAIN) {
      throw new SysException("read the error queue of a raw socket", -n);
    }
    if (n <= 0) {
      // The kernel notes an error after it has queued it. If it was read between the two, the note
      // stays, and epoll would report it for ever: asking for it takes it away.
      int unused = Sockets.getsockopt(fd, Sockets.SOL_SOCKET, Sockets.SO_ERROR, "pending error");
      return 0;
    }
    for (int i = 0; i < n && !closed; i++) {
      ExtendedError error = incoming.error(i);
      if (error != null
          && (error.origin() == ExtendedError.ORIGIN_ICMP
              || error.origin() == ExtendedError.ORIGIN_ICMP6)) {
        int length = Math.min(incoming.length(i), QUOTE);
        boolean known = (error.offenderHigh() | error.offenderLow()) != 0;
        receiver.onError(
            memory.slice(i * QUOTE, length),
            error.type(),
            error.code(),
            Math.max(0, error.info()), // 32 bits over IPv6: no MTU is that large
            known ? new IpAddress(error.offenderHigh(), error.offenderLow()) : null);
      }
    }
    return n;
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    Libc.close(fd);
    memory.release();
    arena.close();
  }
}
