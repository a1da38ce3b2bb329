package dev.holdfast.tunnel.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.tunnel.device.RawIpSocket.Refusal;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.sys.Errno;
import java.io.IOException;
import java.util.NoSuchElementException;
import org.junit.jupiter.api.Test;

/** What a person reads when the kernel says no. */
class ErrorTextTest {

  @Test
  void tun() {
    assertThat(TunDevice.cannotOpen(Errno.ENOENT))
        .isEqualTo("/dev/net/tun is missing: load the kernel module with 'modprobe tun'");
    assertThat(TunDevice.cannotOpen(Errno.EACCES))
        .isEqualTo(
            "/dev/net/tun may not be opened: run as root, or with read and write access to it");
    assertThat(TunDevice.cannotAttach("hf0", Errno.EBUSY))
        .isEqualTo("another process has the TUN hf0 open");
    assertThat(TunDevice.cannotAttach("hf0", Errno.EPERM))
        .isEqualTo(
            "no permission to make or attach to the TUN hf0: CAP_NET_ADMIN is needed (run as"
                + " root)");
    assertThat(TunDevice.cannotAttach("hf0", Errno.ENOMEM))
        .isEqualTo("the TUN hf0 cannot be made: the kernel is out of memory");
  }

  @Test
  void rawSocket() {
    IpAddress local = IpAddress.parse("192.0.2.1");
    assertThat(RawIpSocket.cannotOpen(local, Errno.EPERM))
        .isEqualTo("no permission for a raw socket: CAP_NET_RAW is needed (run as root)");
    assertThat(RawIpSocket.cannotOpen(local, Errno.EADDRNOTAVAIL))
        .isEqualTo("this host does not have the address 192.0.2.1");
    assertThatThrownBy(() -> RawIpSocket.open(local, 6, (packet, why) -> {}))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("protocol 6 is not IP-in-IP");
  }

  @Test
  void refusals() {
    assertThat(Refusal.of(Errno.EMSGSIZE)).isEqualTo(Refusal.TOO_BIG);
    assertThat(Refusal.of(Errno.ENOBUFS)).isEqualTo(Refusal.FULL);
    assertThat(Refusal.of(Errno.EAGAIN)).isEqualTo(Refusal.FULL);
    assertThat(Refusal.of(Errno.EPERM)).isEqualTo(Refusal.FORBIDDEN);
    assertThat(Refusal.of(Errno.ENETUNREACH)).isEqualTo(Refusal.NO_ROUTE);
    assertThat(Refusal.of(Errno.EINVAL)).isEqualTo(Refusal.OTHER);
    for (Refusal refusal : Refusal.values()) {
      assertThat(refusal.text()).isNotBlank();
    }
  }

  @Test
  void packetSocket() {
    assertThat(PacketSocket.cannotOpen("br0", Errno.EPERM))
        .isEqualTo("no permission for a packet socket on br0: CAP_NET_RAW is needed (run as root)");
  }

  @Test
  void nft() {
    assertThat(NftContext.cannotLoad(new ExceptionInInitializerError(new Exception())))
        .isEqualTo(
            "libnftables.so.1 cannot be loaded: install the package libnftables1 (Debian, Ubuntu)"
                + " or nftables (Fedora, RHEL, Arch)");
    assertThat(
            NftContext.cannotLoad(
                new ExceptionInInitializerError(new NoSuchElementException("no nft_ctx_new"))))
        .isEqualTo("libnftables.so.1 is too old: no nft_ctx_new");
  }

  @Test
  void namespace() {
    assertThatThrownBy(() -> NetworkNamespace.open("no-such-namespace"))
        .isInstanceOf(IOException.class)
        .hasMessage(
            "there is no network namespace no-such-namespace (/run/netns/no-such-namespace)");
    assertThatThrownBy(() -> NetworkNamespace.open("../net"))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> NetworkNamespace.openPid(Integer.MAX_VALUE))
        .isInstanceOf(IOException.class)
        .hasMessage("there is no process 2147483647");
  }
}
