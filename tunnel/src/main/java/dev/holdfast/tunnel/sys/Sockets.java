package dev.holdfast.tunnel.sys;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/** Calls on sockets. */
public final class Sockets {
  // sys/socket.h, linux/socket.h
  public static final int AF_UNIX = 1;
  public static final int AF_INET = 2;
  public static final int AF_INET6 = 10;
  public static final int AF_PACKET = 17;
  public static final int SOCK_RAW = 3;
  public static final int SOCK_SEQPACKET = 5;
  public static final int SOCK_NONBLOCK = 0x800;
  public static final int SOCK_CLOEXEC = 0x80000;
  public static final int MSG_TRUNC = 0x20;
  public static final int MSG_DONTWAIT = 0x40;
  public static final int MSG_ERRQUEUE = 0x2000;
  public static final int SOL_SOCKET = 1;
  public static final int SOL_PACKET = 263;
  // asm-generic/socket.h
  public static final int SO_ERROR = 4;
  public static final int SO_SNDBUF = 7;
  public static final int SO_RCVBUF = 8;
  public static final int SO_ATTACH_FILTER = 26;
  public static final int SO_SNDBUFFORCE = 32;
  public static final int SO_RCVBUFFORCE = 33;
  // linux/in.h
  public static final int IPPROTO_IP = 0;
  public static final int IPPROTO_IPIP = 4;
  public static final int IPPROTO_IPV6 = 41;
  public static final int IP_HDRINCL = 3;
  public static final int IP_MTU_DISCOVER = 10;
  public static final int IP_RECVERR = 11;
  public static final int IP_PMTUDISC_PROBE = 3;
  // linux/in6.h
  public static final int IPV6_MTU_DISCOVER = 23;
  public static final int IPV6_RECVERR = 25;
  public static final int IPV6_HDRINCL = 36;
  public static final int IPV6_RECVTCLASS = 66;
  public static final int IPV6_TCLASS = 67;
  // linux/if_packet.h
  public static final int PACKET_ADD_MEMBERSHIP = 1;
  public static final int PACKET_VNET_HDR = 15;
  public static final int PACKET_IGNORE_OUTGOING = 23;
  public static final int PACKET_MR_MULTICAST = 0;
  public static final int PACKET_MR_PROMISC = 1;
  public static final int PACKET_MR_ALLMULTI = 2;

  private static final MethodHandle SOCKET =
      Native.libc("socket", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT));
  private static final MethodHandle SOCKETPAIR =
      Native.libc(
          "socketpair", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS));
  private static final MethodHandle BIND =
      Native.libc("bind", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT));
  private static final MethodHandle GETSOCKNAME =
      Native.libc("getsockname", FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, ADDRESS));
  private static final MethodHandle SETSOCKOPT =
      Native.libc(
          "setsockopt",
          FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT));
  private static final MethodHandle GETSOCKOPT =
      Native.libc(
          "getsockopt",
          FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, ADDRESS));
  private static final MethodHandle SENDTO =
      Native.libc(
          "sendto",
          FunctionDescriptor.of(
              JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_INT));
  private static final MethodHandle RECV =
      Native.libc(
          "recv", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT));
  private static final MethodHandle SENDMMSG =
      Native.libc(
          "sendmmsg", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_INT));
  private static final MethodHandle RECVMMSG =
      Native.libc(
          "recvmmsg",
          FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_LONG));

  private Sockets() {}

  /** The caller owns the descriptor returned. */
  public static int socket(int family, int type, int protocol, String what) throws SysException {
    MemorySegment state = Native.state();
    int fd;
    try {
      fd = (int) SOCKET.invokeExact(state, family, type, protocol);
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
    return checked(fd, state, what);
  }

  /** Two sockets that are connected to each other; the caller owns both descriptors. */
  public static int[] socketpair(int type, String what) throws SysException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment pair = arena.allocate(JAVA_INT, 2);
      MemorySegment state = Native.state();
      int result;
      try {
        result = (int) SOCKETPAIR.invokeExact(state, AF_UNIX, type, 0, pair);
      } catch (Throwable t) {
        throw Native.impossible(t);
      }
      int unused = checked(result, state, what);
      return pair.toArray(JAVA_INT);
    }
  }

  /**
   * @param address a whole {@code sockaddr} of its family
   */
  public static void bind(int fd, MemorySegment address, String what) throws SysException {
    MemorySegment state = Native.state();
    int result;
    try {
      result = (int) BIND.invokeExact(state, fd, address, (int) address.byteSize());
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
    int unused = checked(result, state, what);
  }

  /** Fills {@code address} with the socket's own address, cut to its size. */
  public static void getsockname(int fd, MemorySegment address) throws SysException {
    MemorySegment state = Native.state();
    int result;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment length = arena.allocateFrom(JAVA_INT, (int) address.byteSize());
      result = (int) GETSOCKNAME.invokeExact(state, fd, address, length);
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
    int unused = checked(result, state, "getsockname");
  }

  public static void setsockopt(int fd, int level, int option, int value, String what)
      throws SysException {
    try (Arena arena = Arena.ofConfined()) {
      setsockopt(fd, level, option, arena.allocateFrom(JAVA_INT, value), what);
    }
  }

  public static void setsockopt(int fd, int level, int option, MemorySegment value, String what)
      throws SysException {
    MemorySegment state = Native.state();
    int result;
    try {
      result =
          (int) SETSOCKOPT.invokeExact(state, fd, level, option, value, (int) value.byteSize());
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
    int unused = checked(result, state, what);
  }

  /** An option whose value is an {@code int}. */
  public static int getsockopt(int fd, int level, int option, String what) throws SysException {
    MemorySegment state = Native.state();
    int result;
    int value;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment holder = arena.allocate(JAVA_INT);
      MemorySegment length = arena.allocateFrom(JAVA_INT, Integer.BYTES);
      result = (int) GETSOCKOPT.invokeExact(state, fd, level, option, holder, length);
      value = holder.get(JAVA_INT, 0);
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
    int unused = checked(result, state, what);
    return value;
  }

  /**
   * Allocates nothing.
   *
   * @param destination address of a {@code sockaddr}; 0 where the socket is bound or connected to
   *     one
   * @return bytes taken, or the negative {@code errno}
   */
  public static int sendto(
      int fd, long address, int length, int flags, long destination, int destinationLength) {
    MemorySegment state = Native.state();
    try {
      while (true) {
        long n =
            (long)
                SENDTO.invokeExact(
                    state, fd, address, (long) length, flags, destination, destinationLength);
        if (n >= 0) {
          return (int) n;
        }
        int errno = Native.errno(state);
        if (errno != Errno.EINTR) {
          return -errno;
        }
      }
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }

  /**
   * Allocates nothing.
   *
   * @return bytes of the message (with {@code MSG_TRUNC} its real length, which may be more than
   *     {@code length}), or the negative {@code errno}
   */
  public static int recv(int fd, long address, int length, int flags) {
    MemorySegment state = Native.state();
    try {
      while (true) {
        long n = (long) RECV.invokeExact(state, fd, address, (long) length, flags);
        if (n >= 0) {
          return (int) n;
        }
        int errno = Native.errno(state);
        if (errno != Errno.EINTR) {
          return -errno;
        }
      }
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }

  /**
   * Sends the messages {@code first} to {@code first + count - 1} of {@code messages}. Allocates
   * nothing.
   *
   * @return how many were taken from the front; where not even the first was, the negative {@code
   *     errno}
   */
  public static int sendmmsg(int fd, MessageVector messages, int first, int count, int flags) {
    MemorySegment state = Native.state();
    long vector = messages.headerAddress(first);
    try {
      while (true) {
        int n = (int) SENDMMSG.invokeExact(state, fd, vector, count, flags);
        if (n >= 0) {
          return n;
        }
        int errno = Native.errno(state);
        if (errno != Errno.EINTR) {
          return -errno;
        }
      }
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }

  /**
   * Receives up to {@code count} messages into the first slots of {@code messages}. Allocates
   * nothing.
   *
   * @return how many came, or the negative {@code errno}
   */
  public static int recvmmsg(int fd, MessageVector messages, int count, int flags) {
    MemorySegment state = Native.state();
    long vector = messages.headerAddress(0);
    try {
      while (true) {
        int n = (int) RECVMMSG.invokeExact(state, fd, vector, count, flags, 0L);
        if (n >= 0) {
          return n;
        }
        int errno = Native.errno(state);
        if (errno != Errno.EINTR) {
          return -errno;
        }
      }
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }

  private static int checked(int result, MemorySegment state, String what) throws SysException {
    if (result < 0) {
      throw new SysException(what, Native.errno(state));
    }
    return result;
  }
}
