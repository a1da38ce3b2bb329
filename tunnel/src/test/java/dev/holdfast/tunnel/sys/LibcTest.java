package dev.holdfast.tunnel.sys;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.type;

import com.sun.management.ThreadMXBean;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import org.junit.jupiter.api.Test;

class LibcTest {

  @Test
  void anErrorNamesTheCallAndSaysWhatItMeans() {
    assertThatThrownBy(() -> Libc.open("/no/such/file", Libc.O_RDONLY))
        .hasMessage("open /no/such/file: there is no such file (ENOENT)")
        .asInstanceOf(type(SysException.class))
        .satisfies(e -> {
          assertThat(e.errno()).isEqualTo(Errno.ENOENT);
          assertThat(e.errnoName()).isEqualTo("ENOENT");
        });
  }

  @Test
  void anUnlistedErrorHasItsNumber() {
    assertThat(new SysException("call", 133)).hasMessage("call: the kernel refused (errno 133)");
  }

  @Test
  void errnoIsTheCallsOwnAndNotALaterOne() {
    assertThat(Libc.read(-1, 0, 0)).isEqualTo(-Errno.EBADF);
    assertThat(Libc.ifNameToIndex("no-such-if")).isZero();
    assertThat(Libc.write(-1, 0, 0)).isEqualTo(-Errno.EBADF);
  }

  @Test
  void bytesGoToTheAddressGiven() throws Exception {
    int fd = Libc.open("/dev/zero", Libc.O_RDONLY | Libc.O_CLOEXEC);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocate(8);
      bytes.fill((byte) 0xa5);
      assertThat(Libc.read(fd, bytes.address() + 2, 4)).isEqualTo(4);
      assertThat(bytes.toArray(ValueLayout.JAVA_BYTE))
          .containsExactly(0xa5, 0xa5, 0, 0, 0, 0, 0xa5, 0xa5);
    } finally {
      Libc.close(fd);
    }
    assertThat(Libc.read(fd, 0, 0)).isEqualTo(-Errno.EBADF);
  }

  @Test
  void variadicArgumentsArrive() throws Exception {
    int fd = Libc.open("/dev/zero", Libc.O_RDWR | Libc.O_CLOEXEC);
    try {
      int flags = Libc.fcntl(fd, Libc.F_GETFL, 0);
      assertThat(flags & Libc.O_RDWR).isEqualTo(Libc.O_RDWR);
      assertThat(flags & Libc.O_NONBLOCK).isZero();
      Libc.fcntl(fd, Libc.F_SETFL, flags | Libc.O_NONBLOCK);
      assertThat(Libc.fcntl(fd, Libc.F_GETFL, 0) & Libc.O_NONBLOCK).isEqualTo(Libc.O_NONBLOCK);
      assertThatThrownBy(() -> Libc.ioctl(fd, Tun.TUNSETIFF, 0, "TUNSETIFF on /dev/zero"))
          .hasMessageContaining("ENOTTY");
      assertThat(Libc.poll(fd, Libc.POLLIN, 0)).isEqualTo(Libc.POLLIN);
    } finally {
      Libc.close(fd);
    }
  }

  @Test
  void theHotCallsAllocateNothing() throws Exception {
    var threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    int fd = Libc.open("/dev/null", Libc.O_RDWR | Libc.O_CLOEXEC);
    try (Arena arena = Arena.ofConfined()) {
      long address = arena.allocate(64).address();
      int calls = 20_000;
      long allocated = Long.MAX_VALUE;
      // Until it is compiled, a call makes a small object; less than a byte a call means none.
      for (int round = 0; round < 100 && allocated >= calls; round++) {
        long before = threads.getCurrentThreadAllocatedBytes();
        long taken = 0;
        for (int i = 0; i < calls; i++) {
          taken += writeAndRead(fd, address);
        }
        allocated = threads.getCurrentThreadAllocatedBytes() - before;
        assertThat(taken).isEqualTo(64L * calls);
      }
      assertThat(allocated).isLessThan(calls);
    } finally {
      Libc.close(fd);
    }
  }

  private static int writeAndRead(int fd, long address) {
    return Libc.write(fd, address, 64) + Libc.read(fd, address, 64);
  }
}
