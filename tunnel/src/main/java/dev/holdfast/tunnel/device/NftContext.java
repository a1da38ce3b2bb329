package dev.holdfast.tunnel.device;

import dev.holdfast.tunnel.sys.Nftables;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.NoSuchElementException;
import java.util.concurrent.locks.ReentrantLock;

/**
 * nft commands run within this process, through libnftables.
 *
 * <p>A context acts in the network namespace of the thread that opened it, and must be used from
 * threads of that namespace alone: some look-ups of the library (interface names) are made in the
 * namespace of the thread that runs the command. Several contexts may be open; the library keeps
 * global state, so one command runs at a time in the whole process.
 */
public final class NftContext implements AutoCloseable {
  private static final ReentrantLock LIBRARY = new ReentrantLock();

  private final Nftables nftables;
  private MemorySegment context;

  private NftContext(Nftables nftables, MemorySegment context) {
    this.nftables = nftables;
    this.context = context;
  }

  /** Loads the library when the first context is opened. */
  private static final class Loaded {
    static final Nftables NFTABLES = Nftables.load();
  }

  /**
   * Opens a context in the calling thread's network namespace.
   *
   * @throws IOException when the library is not installed, naming the package
   */
  public static NftContext open() throws IOException {
    Nftables nftables;
    try {
      nftables = Loaded.NFTABLES;
    } catch (ExceptionInInitializerError | NoClassDefFoundError e) {
      throw new IOException(cannotLoad(e), e);
    }
    LIBRARY.lock();
    try {
      MemorySegment context = nftables.newContext();
      if (context.address() == 0) {
        throw new IOException("libnftables has no memory for a context");
      }
      return new NftContext(nftables, context);
    } finally {
      LIBRARY.unlock();
    }
  }

  static String cannotLoad(Throwable thrown) {
    return thrown.getCause() instanceof NoSuchElementException missing
        ? Nftables.LIBRARY + " is too old: " + missing.getMessage()
        : Nftables.LIBRARY
            + " cannot be loaded: install the package libnftables1 (Debian, Ubuntu) or nftables"
            + " (Fedora, RHEL, Arch)";
  }

  /**
   * Runs commands in nft's syntax as one transaction: all of it is done, or nothing.
   *
   * @return what the commands print, such as the answer to {@code list}
   * @throws IOException with nft's own error text when it is refused
   */
  public String run(String script) throws IOException {
    LIBRARY.lock();
    try {
      if (context.address() == 0) {
        throw new IOException("the nft context is closed");
      }
      boolean done = nftables.run(context, script);
      String output = nftables.takeOutput(context);
      String error = nftables.takeError(context);
      if (!done) {
        throw new IOException("nft refused: " + (error.isBlank() ? script : error.strip()));
      }
      return output;
    } finally {
      LIBRARY.unlock();
    }
  }

  @Override
  public void close() {
    LIBRARY.lock();
    try {
      if (context.address() != 0) {
        nftables.freeContext(context);
        context = MemorySegment.NULL;
      }
    } finally {
      LIBRARY.unlock();
    }
  }
}
