package dev.holdfast.tunnel.sys;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.util.NoSuchElementException;

/** Binds C functions, and keeps the memory into which the linker captures {@code errno}. */
final class Native {
  private static final Linker LINKER = Linker.nativeLinker();
  private static final Linker.Option ERRNO = Linker.Option.captureCallState("errno");

  // An automatic arena: it goes with the thread's last reference, and threads come and go.
  private static final ThreadLocal<MemorySegment> STATE =
      ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(Linker.Option.captureStateLayout()));

  private Native() {}

  /**
   * A function of the C library that sets {@code errno}; the handle's first parameter is {@link
   * #state()}.
   */
  static MethodHandle libc(String name, FunctionDescriptor type) {
    return LINKER.downcallHandle(find(LINKER.defaultLookup(), name), type, ERRNO);
  }

  /** As {@link #libc}, for a function whose parameters are variadic from {@code index} on. */
  static MethodHandle variadic(String name, FunctionDescriptor type, int index) {
    return LINKER.downcallHandle(
        find(LINKER.defaultLookup(), name), type, ERRNO, Linker.Option.firstVariadicArg(index));
  }

  /** A function of another library, without {@code errno}. */
  static MethodHandle bind(SymbolLookup library, String name, FunctionDescriptor type) {
    return LINKER.downcallHandle(find(library, name), type);
  }

  private static MemorySegment find(SymbolLookup library, String name) {
    return library
        .find(name)
        .orElseThrow(() -> new NoSuchElementException("the function " + name + " is missing"));
  }

  /** The calling thread's own memory for captured call state. */
  static MemorySegment state() {
    return STATE.get();
  }

  /** What the call that was last made with {@code state} left in {@code errno}. */
  static int errno(MemorySegment state) {
    return state.get(JAVA_INT, 0); // the layout's only member on Linux
  }

  /** For the catch clause around {@code invokeExact}: a downcall itself throws nothing checked. */
  static AssertionError impossible(Throwable thrown) {
    if (thrown instanceof Error error) {
      throw error;
    }
    if (thrown instanceof RuntimeException exception) {
      throw exception;
    }
    return new AssertionError("a downcall threw", thrown);
  }
}
