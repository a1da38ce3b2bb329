package dev.holdfast.tunnel.device;

import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.sys.Errno;
import dev.holdfast.tunnel.sys.InterfaceRequest;
import dev.holdfast.tunnel.sys.Libc;
import dev.holdfast.tunnel.sys.Sockets;
import dev.holdfast.tunnel.sys.SysException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Collection;
import java.util.LinkedHashSet;

/**
 * Membership of IPv6 multicast groups on one interface, until closed or the process ends.
 *
 * <p>A packet socket that takes every multicast frame is not enough: switches that snoop MLD (RFC
 * 4541) bring a group's frames to those ports only where somebody has reported it. The kernel
 * reports (RFC 3810) when a group is joined, answers queriers, and reports again when it is left.
 */
public final class GroupMembership implements AutoCloseable {
  /** {@code struct ipv6_mreq}: group 16 bytes, interface 4. */
  private static final int REQUEST = 20;

  private final int fd;
  private boolean closed;

  private GroupMembership(int fd) {
    this.fd = fd;
  }

  /**
   * Joins {@code groups}, each once, in the calling thread's network namespace.
   *
   * @throws IOException when there is no such interface, or it has no IPv6
   */
  public static GroupMembership join(String interfaceName, Collection<IpAddress> groups)
      throws IOException {
    int fd =
        Sockets.socket(
            Sockets.AF_INET6,
            Sockets.SOCK_DGRAM | Sockets.SOCK_CLOEXEC,
            0,
            "IPv6 socket for multicast groups");
    try (Arena arena = Arena.ofConfined()) {
      var named = new InterfaceRequest(arena, interfaceName);
      Libc.ioctl(fd, InterfaceRequest.SIOCGIFINDEX, named.address(), "look up " + interfaceName);
      MemorySegment request = arena.allocate(REQUEST, 4);
      for (IpAddress group : new LinkedHashSet<>(groups)) {
        MemorySegment.copy(MemorySegment.ofArray(group.toBytes()), 0, request, 0, 16);
        request.set(ValueLayout.JAVA_INT, 16, named.index());
        Sockets.setsockopt(
            fd,
            Sockets.IPPROTO_IPV6,
            Sockets.IPV6_JOIN_GROUP,
            request,
            "join " + group + " on " + interfaceName);
      }
      return new GroupMembership(fd);
    } catch (SysException e) {
      Libc.close(fd);
      throw e.errno() == Errno.ENODEV
          ? new IOException("there is no interface " + interfaceName, e)
          : e;
    } catch (RuntimeException e) {
      Libc.close(fd);
      throw e;
    }
  }

  /** Leaves the groups; may be called twice. */
  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      Libc.close(fd);
    }
  }
}
