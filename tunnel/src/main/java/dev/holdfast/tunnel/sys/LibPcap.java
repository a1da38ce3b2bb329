package dev.holdfast.tunnel.sys;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import dev.holdfast.tunnel.sys.ClassicBpf.Instruction;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.util.ArrayList;
import java.util.List;

/**
 * The functions of libpcap (pcap/pcap.h) that compile a filter. Loading this class loads nothing;
 * {@link #load} does.
 */
public final class LibPcap {
  /** As Debian names it, and as all others do. */
  public static final List<String> LIBRARIES = List.of("libpcap.so.0.8", "libpcap.so.1");

  /** {@code DLT_RAW} of pcap/dlt.h on Linux: an IP packet, and nothing before it. */
  public static final int DLT_RAW = 12;

  private static final int NETMASK_UNKNOWN = 0xffff_ffff;
  private static final int PROGRAM = 16;
  private static final int INSTRUCTION = 8;

  private final MethodHandle openDead;
  private final MethodHandle compile;
  private final MethodHandle error;
  private final MethodHandle freeCode;
  private final MethodHandle close;

  private LibPcap(SymbolLookup library) {
    openDead =
        Native.bind(library, "pcap_open_dead", FunctionDescriptor.of(ADDRESS, JAVA_INT, JAVA_INT));
    compile =
        Native.bind(
            library,
            "pcap_compile",
            FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS, JAVA_INT, JAVA_INT));
    error = Native.bind(library, "pcap_geterr", FunctionDescriptor.of(ADDRESS, ADDRESS));
    freeCode = Native.bind(library, "pcap_freecode", FunctionDescriptor.ofVoid(ADDRESS));
    close = Native.bind(library, "pcap_close", FunctionDescriptor.ofVoid(ADDRESS));
  }

  /**
   * Loads the library for the rest of the process.
   *
   * @throws IllegalArgumentException when it cannot be loaded
   * @throws java.util.NoSuchElementException when a function is missing from it
   */
  public static LibPcap load() {
    IllegalArgumentException last = null;
    for (String name : LIBRARIES) {
      try {
        return new LibPcap(SymbolLookup.libraryLookup(name, Arena.global()));
      } catch (IllegalArgumentException e) {
        last = e;
      }
    }
    throw last == null ? new IllegalArgumentException("no libpcap") : last;
  }

  /**
   * What a compilation came to.
   *
   * @param program empty where there is an error
   * @param error libpcap's own words; "" where there is none
   */
  public record Compiled(List<Instruction> program, String error) {}

  /**
   * Compiles an expression of pcap-filter(7). One at a time in the whole process: libpcap before
   * 1.8 has a parser with global state.
   *
   * @param linkType {@code DLT_} number of what the program is for
   */
  public Compiled compile(String expression, int linkType) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment pcap = (MemorySegment) openDead.invokeExact(linkType, 65_535);
      if (pcap.address() == 0) {
        return new Compiled(List.of(), "libpcap has no memory");
      }
      try {
        MemorySegment program = arena.allocate(PROGRAM, 8); // struct bpf_program
        MemorySegment text = arena.allocateFrom(expression);
        int answer = (int) compile.invokeExact(pcap, program, text, 1, NETMASK_UNKNOWN);
        if (answer != 0) {
          MemorySegment words = (MemorySegment) error.invokeExact(pcap);
          return new Compiled(List.of(), words.reinterpret(Long.MAX_VALUE).getString(0));
        }
        try {
          return new Compiled(instructions(program), "");
        } finally {
          freeCode.invokeExact(program);
        }
      } finally {
        close.invokeExact(pcap);
      }
    } catch (Throwable t) {
      throw Native.impossible(t);
    }
  }

  private static List<Instruction> instructions(MemorySegment program) {
    int count = program.get(JAVA_INT, 0);
    MemorySegment code = program.get(ADDRESS, 8).reinterpret((long) count * INSTRUCTION);
    List<Instruction> instructions = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      long at = (long) i * INSTRUCTION;
      instructions.add(
          new Instruction(
              code.get(JAVA_SHORT, at) & 0xffff,
              code.get(JAVA_BYTE, at + 2) & 0xff,
              code.get(JAVA_BYTE, at + 3) & 0xff,
              code.get(JAVA_INT, at + 4)));
    }
    return instructions;
  }
}
