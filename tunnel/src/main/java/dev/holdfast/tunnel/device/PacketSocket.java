package dev.holdfast.tunnel.device;

import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.sys.ClassicBpf;
import dev.holdfast.tunnel.sys.ClassicBpf.Instruction;
import dev.holdfast.tunnel.sys.Errno;
import dev.holdfast.tunnel.sys.InterfaceRequest;
import dev.holdfast.tunnel.sys.Libc;
import dev.holdfast.tunnel.sys.SocketAddress;
import dev.holdfast.tunnel.sys.Sockets;
import dev.holdfast.tunnel.sys.SysException;
import io.netty.buffer.ByteBuf;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * Whole Ethernet frames of one interface (packet(7)), those that a {@link FrameFilter} lets
 * through.
 *
 * <p>What arrives is a copy: the kernel acts on the frame as well. All that is changed on the
 * interface (memberships) is undone by the kernel when the socket is closed, however the process
 * ends. Opened in the calling thread's network namespace; used by one thread; non-blocking.
 */
public final class PacketSocket implements AutoCloseable {
  private static final int ETH_P_ALL = 0x0003; // linux/if_ether.h
  private static final int MEMBERSHIP = 16;

  private final int fd;
  private final String interfaceName;
  private final int interfaceIndex;
  private final MacAddress macAddress;
  private long skipped;
  private boolean closed;

  private PacketSocket(int fd, String interfaceName, int interfaceIndex, MacAddress macAddress) {
    this.fd = fd;
    this.interfaceName = interfaceName;
    this.interfaceIndex = interfaceIndex;
    this.macAddress = macAddress;
  }

  /**
   * Opens a socket on {@code interfaceName}. The filter stands before the socket is bound, so
   * nothing else is ever queued.
   *
   * @throws IOException when there is no such interface, or privilege is missing
   */
  public static PacketSocket open(String interfaceName, FrameFilter filter) throws IOException {
    int fd;
    try {
      // Protocol 0: deaf until it is bound.
      fd =
          Sockets.socket(
              Sockets.AF_PACKET,
              Sockets.SOCK_RAW | Sockets.SOCK_NONBLOCK | Sockets.SOCK_CLOEXEC,
              0,
              "packet socket on " + interfaceName);
    } catch (SysException e) {
      throw new IOException(cannotOpen(interfaceName, e.errno()), e);
    }
    try (Arena arena = Arena.ofConfined()) {
      var request = new InterfaceRequest(arena, interfaceName);
      int index = indexOf(fd, request, interfaceName);
      Libc.ioctl(
          fd,
          InterfaceRequest.SIOCGIFHWADDR,
          request.address(),
          "read the MAC address of " + interfaceName);
      var mac = new MacAddress(request.hardwareAddress());
      attach(fd, filter.program(), interfaceName);
      Sockets.bind(fd, SocketAddress.link(arena, ETH_P_ALL, index), "bind to " + interfaceName);
      return new PacketSocket(fd, interfaceName, index, mac);
    } catch (IOException | RuntimeException e) {
      Libc.close(fd);
      throw e;
    }
  }

  private static void attach(int fd, List<Instruction> program, String interfaceName)
      throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      Sockets.setsockopt(
          fd,
          Sockets.SOL_SOCKET,
          Sockets.SO_ATTACH_FILTER,
          ClassicBpf.program(arena, program),
          "attach a filter on " + interfaceName);
    }
  }

  private static int indexOf(int fd, InterfaceRequest request, String name) throws IOException {
    try {
      Libc.ioctl(fd, InterfaceRequest.SIOCGIFINDEX, request.address(), "look up " + name);
      return request.index();
    } catch (SysException e) {
      if (e.errno() == Errno.ENODEV) {
        throw new IOException("there is no interface " + name, e);
      }
      throw e;
    }
  }

  static String cannotOpen(String interfaceName, int errno) {
    return errno == Errno.EPERM || errno == Errno.EACCES
        ? "no permission for a packet socket on "
            + interfaceName
            + ": CAP_NET_RAW is needed (run as root)"
        : "no packet socket on " + interfaceName + ": " + Errno.text(errno);
  }

  /** For {@link FdReadiness}; it stays this object's own and must not be closed by others. */
  public int fd() {
    return fd;
  }

  public String interfaceName() {
    return interfaceName;
  }

  public int interfaceIndex() {
    return interfaceIndex;
  }

  /** The interface's MAC address when the socket was opened. */
  public MacAddress macAddress() {
    return macAddress;
  }

  /** From now on no frame that this host itself sends is given (Linux 4.20). */
  public void ignoreOutgoing() throws IOException {
    Sockets.setsockopt(
        fd,
        Sockets.SOL_PACKET,
        Sockets.PACKET_IGNORE_OUTGOING,
        1,
        "ignore outgoing frames on " + interfaceName);
  }

  /**
   * From now on each frame stands behind a {@code virtio_net_hdr}, sent or received, whose offsets
   * count from the start of the frame: a super-packet is cut, and a partial checksum completed, by
   * the interface or by the kernel before it. UDP super-packets need Linux 6.2.
   */
  public void useVnetHeader() throws IOException {
    Sockets.setsockopt(
        fd,
        Sockets.SOL_PACKET,
        Sockets.PACKET_VNET_HDR,
        1,
        "exchange super-packets on " + interfaceName);
  }

  /**
   * From now on what is given is UDP in untagged frames longer than a packet of {@code mtu} bytes,
   * and nothing else: what only a {@code virtio_net_hdr} tells how to cut.
   */
  public void receiveLongUdp(int mtu) throws IOException {
    attach(fd, FrameFilter.longUdp(mtu), interfaceName);
  }

  /** Takes frames to every multicast MAC address, such as neighbour solicitations, until closed. */
  public void joinAllMulticast() throws IOException {
    join(Sockets.PACKET_MR_ALLMULTI, new byte[0]);
  }

  /** Takes frames to every MAC address until closed. */
  public void joinPromiscuous() throws IOException {
    join(Sockets.PACKET_MR_PROMISC, new byte[0]);
  }

  /** Takes frames to one multicast MAC address until closed. */
  public void join(MacAddress group) throws IOException {
    join(Sockets.PACKET_MR_MULTICAST, group.toBytes());
  }

  /** {@code struct packet_mreq}: interface 4 bytes, type 2, address length 2, address 8. */
  private void join(int type, byte[] address) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment membership = arena.allocate(MEMBERSHIP, 4);
      membership.set(ValueLayout.JAVA_INT, 0, interfaceIndex);
      membership.set(ValueLayout.JAVA_SHORT, 4, (short) type);
      membership.set(ValueLayout.JAVA_SHORT, 6, (short) address.length);
      MemorySegment.copy(MemorySegment.ofArray(address), 0, membership, 8, address.length);
      Sockets.setsockopt(
          fd,
          Sockets.SOL_PACKET,
          Sockets.PACKET_ADD_MEMBERSHIP,
          membership,
          "join multicast on " + interfaceName);
    }
  }

  /**
   * Receives one frame, appended at the writer index. Frames longer than the buffer has room for,
   * and those that a kernel cannot describe in a {@code virtio_net_hdr}, are skipped and counted
   * ({@link #skipped()}).
   *
   * @param into direct
   * @return bytes appended, from the destination MAC address on, or from the header on where one
   *     stands before it; 0 when no frame is there, or the interface is down
   * @throws IOException when the interface is gone
   */
  public int receive(ByteBuf into) throws IOException {
    int room = into.writableBytes();
    int at = into.writerIndex();
    long address = BufferAddress.of(into, at, room);
    while (true) {
      int n =
          closed
              ? -Errno.EBADF
              : Sockets.recv(fd, address, room, Sockets.MSG_TRUNC | Sockets.MSG_DONTWAIT);
      if (n > room) {
        skipped++;
        continue;
      }
      if (n == -Errno.EINVAL) {
        skipped++;
        return 0; // no more than one in a call, should it be something else
      }
      if (n > 0) {
        into.writerIndex(at + n);
        return n;
      }
      failIfGone(n);
      return 0;
    }
  }

  /**
   * Sends one frame: all readable bytes, from the destination MAC address on. The buffer's indexes
   * and reference stay as they are.
   *
   * @param frame direct
   * @return false when the kernel did not take it: no room, too long, or an interface that is down
   * @throws IOException when the interface is gone
   */
  public boolean send(ByteBuf frame) throws IOException {
    int length = frame.readableBytes();
    long address = BufferAddress.of(frame, frame.readerIndex(), length);
    int n = closed ? -Errno.EBADF : Sockets.sendto(fd, address, length, Sockets.MSG_DONTWAIT, 0, 0);
    if (n >= 0) {
      return true;
    }
    failIfGone(n);
    return false;
  }

  /** Frames that {@link #receive} has skipped, in all. */
  public long skipped() {
    return skipped;
  }

  private void failIfGone(int result) throws IOException {
    switch (-result) {
      case Errno.EBADF -> throw new IOException("the socket on " + interfaceName + " is closed");
      case Errno.ENXIO, Errno.ENODEV -> throw gone();
      case Errno.ENETDOWN -> {
        // Down for a while, or for ever: the kernel unbinds the socket when the interface goes.
        if (SocketAddress.linkInterface(fd) != interfaceIndex) {
          throw gone();
        }
      }
      default -> {}
    }
  }

  private IOException gone() {
    return new IOException("the interface " + interfaceName + " was deleted");
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      Libc.close(fd);
    }
  }
}
