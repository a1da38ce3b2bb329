package dev.holdfast.tunnel.sys;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;

/**
 * The functions of libnftables (nftables/libnftables.h). Loading this class loads nothing; {@link
 * #load} does.
 */
public final class Nftables {
  public static final String LIBRARY = "libnftables.so.1";

  private final MethodHandle contextNew;
  private final MethodHandle contextFree;
  private final MethodHandle bufferOutput;
  private final MethodHandle bufferError;
  private final MethodHandle output;
  private final MethodHandle error;
  private final MethodHandle run;

  private Nftables(SymbolLookup library) {
    contextNew = Native.bind(library, "nft_ctx_new", FunctionDescriptor.of(ADDRESS, JAVA_INT));
    contextFree = Native.bind(library, "nft_ctx_free", FunctionDescriptor.ofVoid(ADDRESS));
    bufferOutput =
        Native.bind(library, "nft_ctx_buffer_output", FunctionDescriptor.of(JAVA_INT, ADDRESS));
    bufferError =
        Native.bind(library, "nft_ctx_buffer_error", FunctionDescriptor.of(JAVA_INT, ADDRESS));
    output =
        Native.bind(library, "nft_ctx_get_output_buffer", FunctionDescriptor.of(ADDRESS, ADDRESS));
    error =
        Native.bind(library, "nft_ctx_get_error_buffer", FunctionDescriptor.of(ADDRESS, ADDRESS));
    run =
        Native.bind(
            library, "nft_run_cmd_from_buffer", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));
  }

  /**
   * Loads the library for the rest of the process.
   *
   * @throws IllegalArgumentException when it cannot be loaded
   * @throws java.util.NoSuchElementException when a function is missing from it
   */
  public static Nftables load() {
    return new Nftables(SymbolLookup.libraryLookup(LIBRARY, Arena.global()));
  }

  /**
   * A new context that keeps output and errors in memory; its netlink socket is in the calling
   * thread's network namespace.
   *
   * @return null ({@link MemorySegment#NULL}) where there is no memory
   */
  public MemorySegment newContext() {
    try {
      MemorySegment context = (MemorySegment) contextNew.invokeExact(0);
      if (context.address() != 0
          && ((int) bufferOutput.invokeExact(context) != 0
              || (int) bufferError.invokeExact(context) != 0)) {
        contextFree.invokeExact(context);
        return MemorySegment.NULL;
      }
      return context;
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }

  public void freeContext(MemorySegment context) {
    try {
      contextFree.invokeExact(context);
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }

  /**
   * Runs commands as one transaction.
   *
   * @return true if all of it was done, false if nothing was
   */
  public boolean run(MemorySegment context, String commands) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment text = arena.allocateFrom(commands);
      return (int) run.invokeExact(context, text) == 0;
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }

  /** What the commands since the last call of this method have printed. */
  public String takeOutput(MemorySegment context) {
    return take(output, context);
  }

  /** What went wrong since the last call of this method, in nft's words. */
  public String takeError(MemorySegment context) {
    return take(error, context);
  }

  private static String take(MethodHandle buffer, MemorySegment context) {
    try {
      MemorySegment text = (MemorySegment) buffer.invokeExact(context);
      return text.address() == 0 ? "" : text.reinterpret(Long.MAX_VALUE).getString(0);
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }
}
