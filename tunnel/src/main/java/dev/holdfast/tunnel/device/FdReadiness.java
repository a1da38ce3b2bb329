package dev.holdfast.tunnel.device;

import io.netty.channel.IoEvent;
import io.netty.channel.IoEventLoop;
import io.netty.channel.IoRegistration;
import io.netty.channel.epoll.EpollIoEvent;
import io.netty.channel.epoll.EpollIoHandle;
import io.netty.channel.epoll.EpollIoOps;
import io.netty.channel.unix.FileDescriptor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells on an epoll event loop when a descriptor that is not Netty's can be read.
 *
 * <p>Level-triggered: {@code onReadable} is called again while there is something left, so it may
 * stop after a bounded number of packets. It is called for errors and hang-ups too, which the next
 * read reports. While paused nothing is called.
 *
 * <p>The descriptor stays its owner's, who closes it <em>after</em> this object: a number that is
 * closed while registered may come back as another file.
 */
public final class FdReadiness implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(FdReadiness.class);

  // sys/epoll.h
  private static final int EPOLLERR = 0x008;
  private static final int EPOLLHUP = 0x010;

  private final IoEventLoop loop;
  private final Runnable onReadable;
  private final Handle handle;

  // All fields below are the loop's thread's.
  private @Nullable IoRegistration registration;
  private boolean paused;
  private boolean closed;

  private FdReadiness(IoEventLoop loop, int fd, Runnable onReadable) {
    this.loop = loop;
    this.onReadable = onReadable;
    this.handle = new Handle(new FileDescriptor(fd));
  }

  /**
   * Registers {@code fd} and waits until that is done, from whatever thread.
   *
   * @param loop runs on epoll
   * @param onReadable called on the loop's thread; what it throws is logged, and it is called again
   * @throws IOException when epoll does not take the descriptor
   */
  public static FdReadiness register(IoEventLoop loop, int fd, Runnable onReadable)
      throws IOException {
    if (!loop.isCompatible(EpollIoHandle.class)) {
      throw new IllegalArgumentException("the event loop does not run on epoll");
    }
    var readiness = new FdReadiness(loop, fd, onReadable);
    readiness.onLoop(readiness::watch);
    return readiness;
  }

  /**
   * Stops the calls until {@link #resume}: at once on the loop's thread, in the loop's next turn
   * from any other.
   */
  public void pause() {
    if (loop.inEventLoop()) {
      setPaused(true);
    } else {
      loop.execute(() -> setPaused(true));
    }
  }

  public void resume() {
    if (loop.inEventLoop()) {
      setPaused(false);
    } else {
      loop.execute(() -> setPaused(false));
    }
  }

  /**
   * Takes the descriptor off the loop. When this returns it is registered no more and no call is
   * under way or will come, unless this is that call. Safe from any thread, twice, and after the
   * loop has ended; the loop must not be waiting for the calling thread.
   */
  @Override
  public void close() {
    try {
      onLoop(this::unwatch);
    } catch (IOException e) {
      throw new AssertionError("unwatch() throws nothing", e);
    }
  }

  private interface Step {
    void run() throws IOException;
  }

  private void onLoop(Step step) throws IOException {
    if (loop.inEventLoop()) {
      step.run();
      return;
    }
    Future<?> done;
    try {
      done =
          loop.submit(() -> {
            step.run();
            return null;
          });
    } catch (RejectedExecutionException e) {
      return; // the loop has ended, and its epoll instance with it
    }
    boolean interrupted = false;
    try {
      while (true) {
        try {
          done.get();
          return;
        } catch (InterruptedException e) {
          interrupted = true; // half-way is no place to stop
        } catch (ExecutionException e) {
          if (e.getCause() instanceof IOException cause) {
            throw new IOException(cause.getMessage(), cause);
          }
          throw new IllegalStateException(e.getCause());
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private void watch() throws IOException {
    io.netty.util.concurrent.Future<IoRegistration> future = loop.register(handle);
    if (!future.isSuccess()) { // on the loop's own thread it is decided at once
      throw new IOException("epoll does not take the descriptor", future.cause());
    }
    registration = future.getNow();
    submit(paused ? EpollIoOps.EPOLLERR : EpollIoOps.EPOLLIN);
  }

  private void submit(EpollIoOps ops) throws IOException {
    IoRegistration current = registration;
    if (current == null || !current.isValid()) {
      return;
    }
    try {
      current.submit(ops);
    } catch (UncheckedIOException e) {
      cancel();
      throw new IOException("epoll does not take the descriptor", e.getCause());
    }
  }

  private void setPaused(boolean wanted) {
    if (closed || paused == wanted) {
      return;
    }
    paused = wanted;
    try {
      if (registration == null) {
        if (!paused) {
          watch();
        }
        return;
      }
      // EPOLLERR is always reported, so asking for it alone means "nothing"; EpollIoOps.NONE would
      // take the descriptor off epoll for good.
      submit(paused ? EpollIoOps.EPOLLERR : EpollIoOps.EPOLLIN);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void unwatch() {
    closed = true;
    cancel();
  }

  private void cancel() {
    IoRegistration current = registration;
    registration = null;
    if (current != null) {
      boolean unused = current.cancel();
    }
  }

  private void onEvent(IoEvent event) {
    if (closed) {
      return;
    }
    if (!paused) {
      try {
        onReadable.run();
      } catch (RuntimeException e) {
        // Netty would let the whole loop sleep for a second.
        LOG.error("reading from descriptor {} failed", handle.fd().intValue(), e);
      }
      return;
    }
    if ((((EpollIoEvent) event).ops().value() & (EPOLLERR | EPOLLHUP)) != 0) {
      // An error stays until it is read; left on epoll it would keep the loop busy. resume()
      // registers anew and the error is then reported.
      cancel();
    }
  }

  private final class Handle implements EpollIoHandle {
    private final FileDescriptor descriptor;

    Handle(FileDescriptor descriptor) {
      this.descriptor = descriptor;
    }

    @Override
    public FileDescriptor fd() {
      return descriptor;
    }

    @Override
    public void handle(IoRegistration unused, IoEvent event) {
      onEvent(event);
    }

    /** The loop is shutting down; the descriptor is not ours to close. */
    @Override
    public void close() {
      unwatch();
    }
  }
}
