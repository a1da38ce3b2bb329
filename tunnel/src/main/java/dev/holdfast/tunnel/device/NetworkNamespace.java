package dev.holdfast.tunnel.device;

import dev.holdfast.tunnel.sys.Errno;
import dev.holdfast.tunnel.sys.Libc;
import dev.holdfast.tunnel.sys.SysException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/**
 * A network namespace, held open so that threads can be run in it (setns(2)).
 *
 * <p>A thread enters for good: each piece of work gets a fresh platform thread that ends with it,
 * never a virtual or a pooled one. Only the network changes; the mounts, {@code /sys} among them,
 * stay those of the process. Sockets and TUNs opened in a namespace stay in it and may be used from
 * anywhere.
 *
 * <p>Whatever thread is first started from within inherits the namespace, and so does a pool of the
 * whole process that grows there: do not start virtual threads, parallel streams or the common pool
 * from within. A process started from within runs in the namespace, and the JDK's thread that waits
 * for its end keeps the namespace alive for up to a minute. {@code java.net.NetworkInterface} does
 * not see it: {@code /proc/net} is that of the process's first thread.
 */
public final class NetworkNamespace implements AutoCloseable {
  private static final String NAMED = "/run/netns/";

  private final int fd;
  private final String description;

  private NetworkNamespace(int fd, String description) {
    this.fd = fd;
    this.description = description;
  }

  /**
   * The namespace that {@code ip netns add NAME} has made.
   *
   * @throws IOException when there is none of that name, or privilege is missing
   */
  public static NetworkNamespace open(String name) throws IOException {
    if (name.isEmpty() || name.indexOf('/') >= 0) {
      throw new IllegalArgumentException("'" + name + "' cannot be a network namespace's name");
    }
    return openFile(
        NAMED + name,
        "network namespace " + name,
        "there is no network namespace " + name + " (" + NAMED + name + ")");
  }

  /** The namespace in which the process {@code pid} runs. */
  public static NetworkNamespace openPid(long pid) throws IOException {
    return openFile(
        "/proc/" + pid + "/ns/net",
        "network namespace of process " + pid,
        "there is no process " + pid);
  }

  /** The namespace of the calling thread. */
  public static NetworkNamespace current() throws IOException {
    return openFile(
        "/proc/thread-self/ns/net", "the current network namespace", "/proc is not mounted");
  }

  private static NetworkNamespace openFile(String path, String description, String missing)
      throws IOException {
    try {
      return new NetworkNamespace(Libc.open(path, Libc.O_RDONLY | Libc.O_CLOEXEC), description);
    } catch (SysException e) {
      throw switch (e.errno()) {
        case Errno.ENOENT -> new IOException(missing, e);
        case Errno.EPERM, Errno.EACCES ->
            new IOException("no permission to look into the " + description + ": run as root", e);
        default -> e;
      };
    }
  }

  /**
   * Runs {@code body} in this namespace, on a thread of its own, and waits for it.
   *
   * @throws Exception what {@code body} threw, that very object; {@code IOException} when the
   *     namespace may not be entered; {@code InterruptedException} when the caller was interrupted,
   *     after {@code body} was interrupted and has ended
   */
  public <T> T call(Callable<T> body) throws Exception {
    var task =
        new FutureTask<T>(() -> {
          enter();
          return body.call();
        });
    Thread thread = Thread.ofPlatform().name("in " + description).unstarted(task);
    thread.start();
    try {
      thread.join();
    } catch (InterruptedException e) {
      thread.interrupt();
      joinUninterruptibly(thread);
      throw e;
    }
    try {
      return task.get();
    } catch (ExecutionException e) {
      switch (e.getCause()) {
        case Exception exception -> throw exception;
        case Error error -> throw error;
        case null, default -> throw e;
      }
    }
  }

  /**
   * A thread, not yet started, that runs {@code body} in this namespace; it fits a {@code
   * ThreadFactory}. Where the namespace may not be entered, {@code body} does not run and the
   * thread ends with an {@code UncheckedIOException}. This object must stay open until it has
   * started.
   */
  public Thread thread(String name, Runnable body) {
    return Thread.ofPlatform()
        .name(name)
        .unstarted(() -> {
          try {
            enter();
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
          body.run();
        });
  }

  private void enter() throws IOException {
    try {
      Libc.setns(fd, Libc.CLONE_NEWNET, "setns");
    } catch (SysException e) {
      if (e.errno() == Errno.EPERM) {
        throw new IOException(
            "no permission to enter the " + description + ": CAP_SYS_ADMIN is needed", e);
      }
      throw e;
    }
  }

  private static void joinUninterruptibly(Thread thread) {
    while (true) {
      try {
        thread.join();
        return;
      } catch (InterruptedException e) {
        // The caller's interruption is already being reported.
      }
    }
  }

  @Override
  public String toString() {
    return description;
  }

  @Override
  public void close() {
    Libc.close(fd);
  }
}
