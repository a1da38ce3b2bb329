package dev.holdfast.tunnel.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.IoEventLoop;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.local.LocalIoHandler;
import io.netty.channel.unix.FileDescriptor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.slf4j.LoggerFactory;

/** Readiness of a pipe, which needs no privilege. */
@Timeout(30)
class FdReadinessTest {

  private final EventLoopGroup group =
      new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
  private final IoEventLoop loop = (IoEventLoop) group.next();
  private final BlockingQueue<Integer> reads = new LinkedBlockingQueue<>();
  private FileDescriptor out;
  private FileDescriptor in;

  @BeforeEach
  void makePipe() throws IOException {
    FileDescriptor[] pipe = FileDescriptor.pipe();
    out = pipe[0];
    in = pipe[1];
  }

  @AfterEach
  void remove() throws Exception {
    group.shutdownGracefully(0, 1, TimeUnit.SECONDS).sync();
    if (out.isOpen()) {
      out.close();
    }
    in.close();
  }

  /** One byte at a time, so that what is left shows the level trigger. */
  private void readOne() {
    try {
      reads.add(out.read(ByteBuffer.allocateDirect(1), 0, 1));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void write(int bytes) throws IOException {
    in.write(ByteBuffer.allocateDirect(bytes), 0, bytes);
  }

  /** A turn of the loop, and then another: whatever epoll had to say has been said. */
  private void turns() throws Exception {
    for (int i = 0; i < 2; i++) {
      var passed = new LinkedBlockingQueue<Boolean>();
      loop.schedule(() -> passed.add(true), 1, TimeUnit.MILLISECONDS);
      passed.take();
    }
  }

  @Test
  void callsAgainWhileSomethingIsLeft() throws Exception {
    try (var readiness = FdReadiness.register(loop, out.intValue(), this::readOne)) {
      turns();
      assertThat(reads).isEmpty();
      write(3);
      for (int i = 0; i < 3; i++) {
        assertThat(reads.take()).isEqualTo(1);
      }
      turns();
      assertThat(reads).isEmpty();
      readiness.pause();
    }
  }

  @Test
  void isSilentWhilePausedAndCatchesUp() throws Exception {
    try (var readiness = FdReadiness.register(loop, out.intValue(), this::readOne)) {
      for (int round = 0; round < 3; round++) {
        readiness.pause();
        readiness.pause();
        turns();
        write(1);
        turns();
        assertThat(reads).isEmpty();
        readiness.resume();
        assertThat(reads.take()).isEqualTo(1);
      }
    }
  }

  @Test
  void aHangUpWhilePausedIsReportedAfterwards() throws Exception {
    try (var readiness = FdReadiness.register(loop, out.intValue(), this::readOne)) {
      readiness.pause();
      turns();
      in.close();
      turns();
      assertThat(reads).isEmpty();
      readiness.resume();
      assertThat(reads.take()).as("the end of the pipe").isEqualTo(-1);
      readiness.close();
    }
  }

  @Test
  void afterCloseNothingComesAndTheNumberMayBeUsedAgain() throws Exception {
    var readiness = FdReadiness.register(loop, out.intValue(), this::readOne);
    readiness.close();
    readiness.close();
    readiness.resume();
    write(1);
    turns();
    assertThat(reads).isEmpty();
    try (var again = FdReadiness.register(loop, out.intValue(), this::readOne)) {
      assertThat(reads.take()).isEqualTo(1);
      again.pause();
    }
  }

  @Test
  void mayBeClosedFromWithin() throws Exception {
    var closing = new LinkedBlockingQueue<FdReadiness>();
    var readiness =
        FdReadiness.register(
            loop,
            out.intValue(),
            () -> {
              FdReadiness self = closing.poll();
              if (self != null) {
                self.close();
                readOne();
              }
            });
    closing.add(readiness);
    write(2);
    assertThat(reads.take()).isEqualTo(1);
    turns();
    assertThat(reads).isEmpty();
  }

  /** Netty would log it and let the whole loop sleep for a second, each time. */
  @Test
  void anExceptionStaysAway() throws Exception {
    var log = (Logger) LoggerFactory.getLogger(FdReadiness.class);
    log.setLevel(Level.OFF);
    try (var readiness =
        FdReadiness.register(
            loop,
            out.intValue(),
            () -> {
              readOne();
              throw new IllegalStateException("thrown on purpose");
            })) {
      for (int i = 0; i < 60; i++) {
        write(1);
        assertThat(reads.take()).isEqualTo(1);
      }
      readiness.pause();
    } finally {
      log.setLevel(null);
    }
  }

  @Test
  void outlivesItsLoop() throws Exception {
    var readiness = FdReadiness.register(loop, out.intValue(), this::readOne);
    group.shutdownGracefully(0, 1, TimeUnit.SECONDS).sync();
    readiness.close();
    assertThat(out.isOpen()).isTrue();
    write(1);
    readOne();
    assertThat(reads.take()).isEqualTo(1);
  }

  @Test
  void aFileIsNotForEpoll() {
    assertThatThrownBy(() -> FdReadiness.register(loop, 9_999, this::readOne))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("epoll does not take the descriptor");
  }

  @Test
  void aLoopWithoutEpollIsRefused() throws Exception {
    var other = new MultiThreadIoEventLoopGroup(1, LocalIoHandler.newFactory());
    try {
      assertThatThrownBy(
              () -> FdReadiness.register((IoEventLoop) other.next(), out.intValue(), this::readOne))
          .isInstanceOf(IllegalArgumentException.class);
    } finally {
      other.shutdownGracefully(0, 1, TimeUnit.SECONDS).sync();
    }
  }
}
