package dev.holdfast.tunnel.sys;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

/** Datagrams over loopback, with what the raw sockets use; needs no privilege. */
class SocketsTest {
  private static final int SOCK_DGRAM = 2;
  private static final int LOOPBACK = 0x7f000001;

  private static int boundTo(Arena arena, MemorySegment address, int family) throws Exception {
    int fd = Sockets.socket(family, SOCK_DGRAM | Sockets.SOCK_CLOEXEC, 0, "datagram socket");
    Sockets.bind(fd, address, "bind");
    return fd;
  }

  @Test
  void batchesKeepTheirOrderAndShowTheirSender() throws Exception {
    try (Arena arena = Arena.ofConfined()) {
      int receiver = boundTo(arena, SocketAddress.inet(arena, LOOPBACK), Sockets.AF_INET);
      int sender = boundTo(arena, SocketAddress.inet(arena, 0x7f000002), Sockets.AF_INET);
      try {
        MemorySegment own = arena.allocate(SocketAddress.INET_SIZE, 8);
        Sockets.getsockname(receiver, own);
        MemorySegment texts = arena.allocate(64);
        for (int i = 0; i < 3; i++) {
          byte[] text = ("message " + i).getBytes(StandardCharsets.US_ASCII);
          MemorySegment.copy(text, 0, texts, ValueLayout.JAVA_BYTE, i * 16L, text.length);
          assertThat(
                  Sockets.sendto(
                      sender,
                      texts.address() + i * 16L,
                      text.length,
                      Sockets.MSG_DONTWAIT,
                      own.address(),
                      SocketAddress.INET_SIZE))
              .isEqualTo(text.length);
        }
        var messages = new MessageVector(arena, 4);
        MemorySegment room = arena.allocate(64);
        for (int i = 0; i < 4; i++) {
          messages.setBuffer(i, room.address() + i * 16L, i == 1 ? 4 : 16);
          messages.prepareReceive(i);
        }
        assertThat(Sockets.recvmmsg(receiver, messages, 4, Sockets.MSG_DONTWAIT)).isEqualTo(3);
        assertThat(messages.length(0)).isEqualTo(9);
        assertThat(messages.isTruncated(0)).isFalse();
        assertThat(messages.isTruncated(1)).isTrue();
        assertThat(messages.sourceHigh(2)).isZero();
        assertThat(messages.sourceLow(2)).isEqualTo(0xffff_7f00_0002L);
        assertThat(messages.control(2, Sockets.IPPROTO_IPV6, Sockets.IPV6_TCLASS, -7))
            .isEqualTo(-7);
        byte[] last = room.asSlice(32, 9).toArray(ValueLayout.JAVA_BYTE);
        assertThat(new String(last, StandardCharsets.US_ASCII)).isEqualTo("message 2");
        assertThat(Sockets.recvmmsg(receiver, messages, 4, Sockets.MSG_DONTWAIT))
            .isEqualTo(-Errno.EAGAIN);
      } finally {
        Libc.close(receiver);
        Libc.close(sender);
      }
    }
  }

  @Test
  void optionsAreSetAndRead() throws Exception {
    int fd = Sockets.socket(Sockets.AF_INET, SOCK_DGRAM | Sockets.SOCK_CLOEXEC, 0, "socket");
    try {
      Sockets.setsockopt(
          fd, Sockets.IPPROTO_IP, Sockets.IP_MTU_DISCOVER, Sockets.IP_PMTUDISC_PROBE, "set");
      assertThat(Sockets.getsockopt(fd, Sockets.IPPROTO_IP, Sockets.IP_MTU_DISCOVER, "get"))
          .isEqualTo(Sockets.IP_PMTUDISC_PROBE);
      assertThatThrownBy(() -> Sockets.setsockopt(fd, Sockets.IPPROTO_IP, 9_999, 1, "odd option"))
          .hasMessage("odd option: the kernel does not know the socket option (ENOPROTOOPT)");
      assertThat(Sockets.recv(fd, 0, 0, Sockets.MSG_DONTWAIT)).isEqualTo(-Errno.EAGAIN);
    } finally {
      Libc.close(fd);
    }
  }

  @Test
  void anAddressThatIsNotHereIsRefused() throws Exception {
    int fd = Sockets.socket(Sockets.AF_INET, SOCK_DGRAM | Sockets.SOCK_CLOEXEC, 0, "socket");
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment documentation = SocketAddress.inet(arena, 0xc0000201); // RFC 5737: 192.0.2.1
      assertThatThrownBy(() -> Sockets.bind(fd, documentation, "bind to 192.0.2.1"))
          .hasMessage("bind to 192.0.2.1: this host does not have the address (EADDRNOTAVAIL)");
    } finally {
      Libc.close(fd);
    }
  }
}
