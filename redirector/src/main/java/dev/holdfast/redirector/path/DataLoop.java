package dev.holdfast.redirector.path;

import io.netty.channel.IoEventLoop;
import io.netty.channel.IoEventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;

/**
 * The one thread that carries packets. It owns the TUN, the links and all state of the two paths;
 * others reach that state by posting a task here.
 */
public final class DataLoop implements AutoCloseable {
  private final IoEventLoopGroup group;
  private final IoEventLoop loop;

  public DataLoop() {
    this("data", false, Thread.MAX_PRIORITY);
  }

  private DataLoop(String name, boolean daemon, int priority) {
    group =
        new MultiThreadIoEventLoopGroup(
            1, new DefaultThreadFactory(name, daemon, priority), EpollIoHandler.newFactory());
    loop = group.next();
  }

  /** One that carries no real packets, and gives way to the one that does. */
  public static DataLoop forRehearsal() {
    return new DataLoop("rehearsal-loop", true, Thread.MIN_PRIORITY);
  }

  public IoEventLoopGroup group() {
    return group;
  }

  public IoEventLoop loop() {
    return loop;
  }

  /** Runs {@code task} on the loop's thread, soon. */
  public void post(Runnable task) {
    loop.execute(task);
  }

  /**
   * Runs {@code task} on the loop's thread and waits for what it returns.
   *
   * @throws IllegalStateException with the task's own failure as its cause
   */
  public <T> T call(Callable<T> task) {
    if (loop.inEventLoop()) {
      try {
        return task.call();
      } catch (Exception e) {
        throw new IllegalStateException(e.getMessage(), e);
      }
    }
    try {
      return loop.submit(task).get();
    } catch (ExecutionException e) {
      Throwable cause = e.getCause() == null ? e : e.getCause();
      throw new IllegalStateException(cause.getMessage(), cause);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while the data loop worked", e);
    }
  }

  /** As {@link #call}, for what returns nothing. */
  public void run(Runnable task) {
    call(() -> {
      task.run();
      return true;
    });
  }

  @Override
  public void close() {
    group.shutdownGracefully(0, 2, TimeUnit.SECONDS).awaitUninterruptibly(5, TimeUnit.SECONDS);
  }
}
