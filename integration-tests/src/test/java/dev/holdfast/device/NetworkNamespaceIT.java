package dev.holdfast.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.lab.Namespace;
import dev.holdfast.tunnel.device.NetworkNamespace;
import dev.holdfast.tunnel.sys.Libc;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Threads that live in another network namespace. */
@Timeout(60)
class NetworkNamespaceIT {
  private Namespace namespace;

  @BeforeEach
  void make() throws Exception {
    namespace = Namespace.create("ns");
    namespace.ip("link add br77 type bridge");
  }

  @AfterEach
  void remove() throws Exception {
    namespace.close();
  }

  private static String identity() throws Exception {
    return Files.readSymbolicLink(Path.of("/proc/thread-self/ns/net")).toString();
  }

  @Test
  void theWorkIsInTheNamespaceAndTheCallerStaysOutside() throws Exception {
    String outside = identity();
    Thread caller = Thread.currentThread();
    String inside =
        namespace.call(() -> {
          assertThat(Thread.currentThread()).isNotSameAs(caller);
          assertThat(Thread.currentThread().isVirtual()).isFalse();
          assertThat(Libc.ifNameToIndex("br77")).isPositive();
          return identity();
        });
    assertThat(inside).isNotEqualTo(outside);
    assertThat(identity()).isEqualTo(outside);
    assertThat(Libc.ifNameToIndex("br77")).isZero();
  }

  @Test
  void whatTheWorkThrowsIsThrown() {
    var thrown = new IllegalStateException("on purpose");
    assertThatThrownBy(() ->
            namespace.call(() -> {
              throw thrown;
            }))
        .isSameAs(thrown);
  }

  @Test
  void aThreadOfItsOwnAndThatOfAProcess() throws Exception {
    var seen = new AtomicReference<@Nullable String>();
    var release = new CountDownLatch(1);
    Process process =
        new ProcessBuilder("nsenter", "--net=/run/netns/" + namespace.name(), "cat").start();
    Thread thread =
        namespace
            .network()
            .thread(
                "in-ns",
                () -> {
                  try {
                    seen.set(identity());
                    release.await();
                  } catch (Exception e) {
                    throw new IllegalStateException(e);
                  }
                });
    thread.start();
    try {
      while (seen.get() == null) {
        Thread.onSpinWait();
      }
      assertThat(thread.getName()).isEqualTo("in-ns");
      String expected = namespace.call(NetworkNamespaceIT::identity);
      assertThat(seen.get()).isEqualTo(expected);
      while (Files.readSymbolicLink(Path.of("/proc/" + process.pid() + "/ns/net"))
          .toString()
          .equals(identity())) {
        Thread.onSpinWait(); // nsenter has not entered yet
      }
      try (NetworkNamespace same = NetworkNamespace.openPid(process.pid())) {
        assertThat(same.call(NetworkNamespaceIT::identity)).isEqualTo(expected);
      }
      try (NetworkNamespace current = NetworkNamespace.current()) {
        assertThat(current.call(NetworkNamespaceIT::identity)).isEqualTo(identity());
      }
    } finally {
      release.countDown();
      thread.join();
      process.destroy();
      process.waitFor();
    }
  }

  @Test
  void anInterruptionReachesTheWork() throws Exception {
    var started = new CountDownLatch(1);
    var ended = new AtomicReference<@Nullable Throwable>();
    var caller =
        Thread.ofPlatform()
            .start(() -> {
              try {
                namespace.call(() -> {
                  started.countDown();
                  new CountDownLatch(1).await();
                  return null;
                });
              } catch (Exception e) {
                ended.set(e);
              }
            });
    started.await();
    caller.interrupt();
    caller.join();
    assertThat(ended.get()).isInstanceOf(InterruptedException.class);
  }
}
