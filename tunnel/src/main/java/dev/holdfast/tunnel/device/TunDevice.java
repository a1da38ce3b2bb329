package dev.holdfast.tunnel.device;

import dev.holdfast.tunnel.packet.VirtioNetHeader;
import dev.holdfast.tunnel.sys.Errno;
import dev.holdfast.tunnel.sys.InterfaceRequest;
import dev.holdfast.tunnel.sys.Libc;
import dev.holdfast.tunnel.sys.Sockets;
import dev.holdfast.tunnel.sys.SysException;
import dev.holdfast.tunnel.sys.Tun;
import io.netty.buffer.ByteBuf;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A TUN device of the kernel, with offloads (kernel documentation, networking/tuntap).
 *
 * <p>It is made, or attached to where it exists and is persistent, in the network namespace of the
 * thread that opens it, and stays usable from any other. It comes up without an address and down;
 * bringing it up is the business of whoever steers packets to it.
 */
public final class TunDevice implements PacketDevice {
  private static final String CLONE_DEVICE = "/dev/net/tun";
  private static final int BASIC_OFFLOADS =
      Tun.TUN_F_CSUM | Tun.TUN_F_TSO4 | Tun.TUN_F_TSO6 | Tun.TUN_F_TSO_ECN;
  private static final int ALL_OFFLOADS = BASIC_OFFLOADS | Tun.TUN_F_USO4 | Tun.TUN_F_USO6;

  private final int fd;
  private final String name;
  private final boolean udpSegmentation;
  private boolean closed;

  private TunDevice(int fd, String name, boolean udpSegmentation) {
    this.fd = fd;
    this.name = name;
    this.udpSegmentation = udpSegmentation;
  }

  /**
   * Opens the TUN {@code name}, non-blocking, without packet information, with a {@code
   * virtio_net_hdr} of 10 bytes and all segmentation offloads that the kernel has.
   *
   * @param name 1 to 15 bytes; with {@code %d} in it the kernel chooses a number
   * @throws IOException in plain words, when the privilege, the module or the name is missing or
   *     the name is taken
   */
  public static TunDevice open(String name) throws IOException {
    return open(name, Tun.IFF_TUN);
  }

  /**
   * Opens a TAP: the same, with an Ethernet frame where a TUN has an IP packet. What is written
   * comes in by that interface.
   */
  public static TunDevice openTap(String name) throws IOException {
    return open(name, Tun.IFF_TAP);
  }

  private static TunDevice open(String name, int kind) throws IOException {
    int fd;
    try {
      fd = Libc.open(CLONE_DEVICE, Libc.O_RDWR | Libc.O_NONBLOCK | Libc.O_CLOEXEC);
    } catch (SysException e) {
      throw new IOException(cannotOpen(e.errno()), e);
    }
    try {
      return configure(fd, name, kind);
    } catch (IOException | RuntimeException e) {
      Libc.close(fd);
      throw e;
    }
  }

  /**
   * Two devices without an interface, of which each reads what the other writes: for whoever
   * rehearses what a TUN will see, through the same calls.
   */
  public static List<TunDevice> pair(String name) throws IOException {
    int[] fds =
        Sockets.socketpair(
            Sockets.SOCK_SEQPACKET | Sockets.SOCK_NONBLOCK | Sockets.SOCK_CLOEXEC, "socketpair");
    return List.of(new TunDevice(fds[0], name, true), new TunDevice(fds[1], name, true));
  }

  private static TunDevice configure(int fd, String name, int kind) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      var request = new InterfaceRequest(arena, name);
      request.setFlags(kind | Tun.IFF_NO_PI | Tun.IFF_VNET_HDR);
      try {
        Libc.ioctl(fd, Tun.TUNSETIFF, request.address(), "TUNSETIFF " + name);
      } catch (SysException e) {
        throw new IOException(cannotAttach(name, e.errno()), e);
      }
      MemorySegment size = arena.allocateFrom(ValueLayout.JAVA_INT, VirtioNetHeader.LENGTH);
      Libc.ioctl(fd, Tun.TUNSETVNETHDRSZ, size.address(), "TUNSETVNETHDRSZ " + name);
      return new TunDevice(fd, request.name(), offload(fd, name));
    }
  }

  /** Kernels before 6.2 refuse the whole set because of the two UDP flags. */
  private static boolean offload(int fd, String name) throws IOException {
    try {
      Libc.ioctl(fd, Tun.TUNSETOFFLOAD, ALL_OFFLOADS, "TUNSETOFFLOAD " + name);
      return true;
    } catch (SysException e) {
      if (e.errno() != Errno.EINVAL) {
        throw e;
      }
    }
    Libc.ioctl(fd, Tun.TUNSETOFFLOAD, BASIC_OFFLOADS, "TUNSETOFFLOAD " + name);
    return false;
  }

  static String cannotOpen(int errno) {
    return switch (errno) {
      case Errno.ENOENT, Errno.ENODEV, Errno.ENXIO ->
          CLONE_DEVICE + " is missing: load the kernel module with 'modprobe tun'";
      case Errno.EPERM, Errno.EACCES ->
          CLONE_DEVICE + " may not be opened: run as root, or with read and write access to it";
      default -> CLONE_DEVICE + " cannot be opened: " + Errno.text(errno);
    };
  }

  static String cannotAttach(String name, int errno) {
    return switch (errno) {
      case Errno.EBUSY -> "another process has the TUN " + name + " open";
      case Errno.EPERM, Errno.EACCES ->
          "no permission to make or attach to the TUN "
              + name
              + ": CAP_NET_ADMIN is needed (run as root)";
      case Errno.EINVAL, Errno.EEXIST ->
          "the name " + name + " is taken by an interface that is not a TUN, or is no valid name";
      default -> "the TUN " + name + " cannot be made: " + Errno.text(errno);
    };
  }

  @Override
  public String name() {
    return name;
  }

  /** For {@link FdReadiness}; it stays this object's own and must not be closed by others. */
  public int fd() {
    return fd;
  }

  /** Whether the kernel takes and gives UDP super-packets ({@code VirtioNetHeader.GSO_UDP_L4}). */
  public boolean hasUdpSegmentation() {
    return udpSegmentation;
  }

  /**
   * Makes the interface outlive this process, with its addresses and the routes over it, or no
   * longer.
   */
  public void setPersistent(boolean persistent) throws IOException {
    int unused = Libc.ioctl(fd, Tun.TUNSETPERSIST, persistent ? 1 : 0, "TUNSETPERSIST " + name);
  }

  @Override
  public int read(ByteBuf into) throws IOException {
    int room = into.writableBytes();
    if (room < READ_SIZE) {
      throw new IllegalArgumentException(
          "a TUN read needs " + READ_SIZE + " writable bytes, not " + room);
    }
    int at = into.writerIndex();
    int n = closed ? -Errno.EBADF : Libc.read(fd, BufferAddress.of(into, at, room), room);
    if (n > 0) {
      // Never more than there is room: an IPv6 jumbogram does not pass a TUN, whose gso_max_size
      // is 65,536.
      into.writerIndex(at + Math.min(n, room));
      return n;
    }
    failIfGone(n);
    return 0;
  }

  @Override
  public boolean write(ByteBuf packet) throws IOException {
    int length = packet.readableBytes();
    int n =
        closed
            ? -Errno.EBADF
            : Libc.write(fd, BufferAddress.of(packet, packet.readerIndex(), length), length);
    if (n >= 0) {
      return true;
    }
    failIfGone(n);
    return false;
  }

  private void failIfGone(int result) throws IOException {
    @Nullable String why =
        switch (-result) {
          case Errno.EBADFD, Errno.ENODEV, Errno.ENXIO -> "the TUN " + name + " was deleted";
          case Errno.EBADF -> "the TUN " + name + " is closed";
          default -> null;
        };
    if (why != null) {
      throw new IOException(why);
    }
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      Libc.close(fd);
    }
  }
}
