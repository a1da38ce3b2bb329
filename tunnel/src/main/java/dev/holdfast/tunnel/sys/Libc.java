package dev.holdfast.tunnel.sys;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/** Calls on file descriptors and on the calling thread. */
public final class Libc {
  // fcntl.h
  public static final int O_RDONLY = 0;
  public static final int O_RDWR = 2;
  public static final int O_NONBLOCK = 0x800;
  public static final int O_CLOEXEC = 0x80000;
  public static final int F_GETFL = 3;
  public static final int F_SETFL = 4;
  // poll.h
  public static final int POLLIN = 0x001;
  public static final int POLLOUT = 0x004;
  public static final int POLLERR = 0x008;
  public static final int POLLHUP = 0x010;
  // sched.h
  public static final int CLONE_NEWNET = 0x40000000;

  private static final MethodHandle OPEN =
      Native.variadic("open", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT), 2);
  private static final MethodHandle CLOSE =
      Native.libc("close", FunctionDescriptor.of(JAVA_INT, JAVA_INT));
  private static final MethodHandle IOCTL =
      Native.variadic("ioctl", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG), 2);
  private static final MethodHandle FCNTL =
      Native.variadic("fcntl", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG), 2);
  private static final MethodHandle READ =
      Native.libc("read", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG));
  private static final MethodHandle WRITE =
      Native.libc("write", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG));
  private static final MethodHandle POLL =
      Native.libc("poll", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT));
  private static final MethodHandle SETNS =
      Native.libc("setns", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT));
  private static final MethodHandle IF_NAMETOINDEX =
      Native.libc("if_nametoindex", FunctionDescriptor.of(JAVA_INT, ADDRESS));

  private Libc() {}

  /** Opens {@code path}; the caller owns the descriptor returned. */
  public static int open(String path, int flags) throws SysException {
    MemorySegment state = Native.state();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = arena.allocateFrom(path);
      while (true) {
        int fd = (int) OPEN.invokeExact(state, name, flags, 0);
        if (fd >= 0) {
          return fd;
        }
        int errno = Native.errno(state);
        if (errno != Errno.EINTR) {
          throw new SysException("open " + path, errno);
        }
      }
    } catch (SysException e) {
      throw e;
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }

  /**
   * Closes a descriptor. Nothing is reported: Linux frees the number whatever the answer, and no
   * descriptor of ours has data to be written back.
   */
  public static void close(int fd) {
    try {
      int unused = (int) CLOSE.invokeExact(Native.state(), fd);
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }

  /**
   * @param argument a number, or the address of what the request reads or writes
   * @param what for the message: the request's name and what it is about
   */
  public static int ioctl(int fd, long request, long argument, String what) throws SysException {
    MemorySegment state = Native.state();
    int result;
    try {
      result = (int) IOCTL.invokeExact(state, fd, request, argument);
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
    if (result < 0) {
      throw new SysException(what, Native.errno(state));
    }
    return result;
  }

  public static int fcntl(int fd, int command, long argument) throws SysException {
    MemorySegment state = Native.state();
    int result;
    try {
      result = (int) FCNTL.invokeExact(state, fd, command, argument);
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
    if (result < 0) {
      throw new SysException("fcntl", Native.errno(state));
    }
    return result;
  }

  /**
   * Allocates nothing.
   *
   * @return bytes read, 0 at the end, or the negative {@code errno}
   */
  public static int read(int fd, long address, int length) {
    MemorySegment state = Native.state();
    try {
      while (true) {
        long n = (long) READ.invokeExact(state, fd, address, (long) length);
        if (n >= 0) {
          return (int) n;
        }
        int errno = Native.errno(state);
        if (errno != Errno.EINTR) {
          return -errno;
        }
      }
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }

  /**
   * Allocates nothing.
   *
   * @return bytes written, or the negative {@code errno}
   */
  public static int write(int fd, long address, int length) {
    MemorySegment state = Native.state();
    try {
      while (true) {
        long n = (long) WRITE.invokeExact(state, fd, address, (long) length);
        if (n >= 0) {
          return (int) n;
        }
        int errno = Native.errno(state);
        if (errno != Errno.EINTR) {
          return -errno;
        }
      }
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }

  /**
   * Waits for one descriptor.
   *
   * @param events what to wait for, {@code POLL*}
   * @param timeoutMillis -1 for ever; counted anew after a signal
   * @return the events that are there; 0 when the time is up
   */
  public static int poll(int fd, int events, int timeoutMillis) throws SysException {
    MemorySegment state = Native.state();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment pollfd = arena.allocate(8, 4);
      pollfd.set(JAVA_INT, 0, fd);
      pollfd.set(JAVA_SHORT, 4, (short) events);
      while (true) {
        int n = (int) POLL.invokeExact(state, pollfd, 1L, timeoutMillis);
        if (n >= 0) {
          return n == 0 ? 0 : pollfd.get(JAVA_SHORT, 6) & 0xffff;
        }
        int errno = Native.errno(state);
        if (errno != Errno.EINTR) {
          throw new SysException("poll", errno);
        }
      }
    } catch (SysException e) {
      throw e;
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }

  /** Moves the calling thread, and only it, into the namespace that {@code fd} stands for. */
  public static void setns(int fd, int type, String what) throws SysException {
    MemorySegment state = Native.state();
    int result;
    try {
      result = (int) SETNS.invokeExact(state, fd, type);
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
    if (result < 0) {
      throw new SysException(what, Native.errno(state));
    }
  }

  /**
   * The index of an interface in the calling thread's network namespace.
   *
   * @return 0 when there is none of that name
   */
  public static int ifNameToIndex(String name) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment text = arena.allocateFrom(name);
      return (int) IF_NAMETOINDEX.invokeExact(Native.state(), text);
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }
}
