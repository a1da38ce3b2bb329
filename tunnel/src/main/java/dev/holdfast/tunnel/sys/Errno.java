package dev.holdfast.tunnel.sys;

/** Error numbers (asm-generic/errno-base.h, asm-generic/errno.h) and what they mean. */
public final class Errno {
  public static final int EPERM = 1;
  public static final int ENOENT = 2;
  public static final int EINTR = 4;
  public static final int EIO = 5;
  public static final int ENXIO = 6;
  public static final int EBADF = 9;
  public static final int EAGAIN = 11;
  public static final int ENOMEM = 12;
  public static final int EACCES = 13;
  public static final int EFAULT = 14;
  public static final int EBUSY = 16;
  public static final int EEXIST = 17;
  public static final int ENODEV = 19;
  public static final int EINVAL = 22;
  public static final int EMFILE = 24;
  public static final int ENOTTY = 25;
  public static final int EBADFD = 77;
  public static final int EMSGSIZE = 90;
  public static final int ENOPROTOOPT = 92;
  public static final int EPROTONOSUPPORT = 93;
  public static final int EOPNOTSUPP = 95;
  public static final int EAFNOSUPPORT = 97;
  public static final int EADDRINUSE = 98;
  public static final int EADDRNOTAVAIL = 99;
  public static final int ENETDOWN = 100;
  public static final int ENETUNREACH = 101;
  public static final int ENOBUFS = 105;
  public static final int ECONNREFUSED = 111;
  public static final int EHOSTDOWN = 112;
  public static final int EHOSTUNREACH = 113;

  private Errno() {}

  /** The macro's name, such as {@code ENOENT}; {@code errno 133} for those not listed here. */
  public static String name(int errno) {
    return switch (errno) {
      case EPERM -> "EPERM";
      case ENOENT -> "ENOENT";
      case EINTR -> "EINTR";
      case EIO -> "EIO";
      case ENXIO -> "ENXIO";
      case EBADF -> "EBADF";
      case EAGAIN -> "EAGAIN";
      case ENOMEM -> "ENOMEM";
      case EACCES -> "EACCES";
      case EFAULT -> "EFAULT";
      case EBUSY -> "EBUSY";
      case EEXIST -> "EEXIST";
      case ENODEV -> "ENODEV";
      case EINVAL -> "EINVAL";
      case EMFILE -> "EMFILE";
      case ENOTTY -> "ENOTTY";
      case EBADFD -> "EBADFD";
      case EMSGSIZE -> "EMSGSIZE";
      case ENOPROTOOPT -> "ENOPROTOOPT";
      case EPROTONOSUPPORT -> "EPROTONOSUPPORT";
      case EOPNOTSUPP -> "EOPNOTSUPP";
      case EAFNOSUPPORT -> "EAFNOSUPPORT";
      case EADDRINUSE -> "EADDRINUSE";
      case EADDRNOTAVAIL -> "EADDRNOTAVAIL";
      case ENETDOWN -> "ENETDOWN";
      case ENETUNREACH -> "ENETUNREACH";
      case ENOBUFS -> "ENOBUFS";
      case ECONNREFUSED -> "ECONNREFUSED";
      case EHOSTDOWN -> "EHOSTDOWN";
      case EHOSTUNREACH -> "EHOSTUNREACH";
      default -> "errno " + errno;
    };
  }

  /** What it means, as a clause. */
  public static String text(int errno) {
    return switch (errno) {
      case EPERM -> "the process lacks the privilege";
      case ENOENT -> "there is no such file";
      case EINTR -> "a signal interrupted the call";
      case EIO -> "input or output failed";
      case ENXIO -> "there is no such device";
      case EBADF -> "the descriptor is not open";
      case EAGAIN -> "nothing can be done without waiting";
      case ENOMEM -> "the kernel is out of memory";
      case EACCES -> "access is denied";
      case EFAULT -> "an address is outside of the process";
      case EBUSY -> "it is in use";
      case EEXIST -> "it exists already";
      case ENODEV -> "the kernel has no such device";
      case EINVAL -> "an argument is not valid";
      case EMFILE -> "the process has too many files open";
      case ENOTTY -> "the request does not fit the kind of file";
      case EBADFD -> "the descriptor has lost its device";
      case EMSGSIZE -> "the message is too long";
      case ENOPROTOOPT -> "the kernel does not know the socket option";
      case EPROTONOSUPPORT -> "the kernel does not support the protocol";
      case EOPNOTSUPP -> "the kernel does not support the operation";
      case EAFNOSUPPORT -> "the kernel does not support the address family";
      case EADDRINUSE -> "the address is in use";
      case EADDRNOTAVAIL -> "this host does not have the address";
      case ENETDOWN -> "the interface is down";
      case ENETUNREACH -> "there is no route";
      case ENOBUFS -> "the kernel has no buffer for it";
      case ECONNREFUSED -> "the other side refused";
      case EHOSTDOWN, EHOSTUNREACH -> "the host cannot be reached";
      default -> "the kernel refused";
    };
  }
}
