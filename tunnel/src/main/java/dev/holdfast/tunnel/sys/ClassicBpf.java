package dev.holdfast.tunnel.sys;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/** Classic BPF programs as sockets take them (linux/filter.h, linux/bpf_common.h). */
public final class ClassicBpf {
  /** Loads 4 bytes at absolute {@code k}, network order. */
  public static final int LD_W_ABS = 0x20;

  /** Loads 2 bytes at absolute {@code k}, network order. */
  public static final int LD_H_ABS = 0x28;

  /** Loads 1 byte at absolute {@code k}. */
  public static final int LD_B_ABS = 0x30;

  /** Loads the frame's length. */
  public static final int LD_W_LEN = 0x80;

  /** Jumps by {@code jt} where the accumulator is greater than {@code k}, else by {@code jf}. */
  public static final int JGT_K = 0x25;

  /** Jumps by {@code jt} where the accumulator equals {@code k}, else by {@code jf}. */
  public static final int JEQ_K = 0x15;

  /** Ends; {@code k} is how many bytes of the frame to keep, 0 for none of it. */
  public static final int RET_K = 0x06;

  /** {@code SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT}: 1 where a VLAN tag was taken off the frame. */
  public static final int VLAN_TAG_PRESENT = -0x1000 + 48;

  private static final int INSTRUCTION = 8;
  private static final int PROGRAM = 16;

  private ClassicBpf() {}

  /** {@code struct sock_filter}: code 2 bytes, jt 1, jf 1, k 4. */
  public record Instruction(int code, int jt, int jf, int k) {}

  /** A {@code struct sock_fprog} for {@link Sockets#SO_ATTACH_FILTER}: count 2 bytes, address 8. */
  public static MemorySegment program(Arena arena, List<Instruction> instructions) {
    MemorySegment code = arena.allocate((long) instructions.size() * INSTRUCTION, 8);
    long at = 0;
    for (Instruction instruction : instructions) {
      code.set(JAVA_SHORT, at, (short) instruction.code());
      code.set(JAVA_BYTE, at + 2, (byte) instruction.jt());
      code.set(JAVA_BYTE, at + 3, (byte) instruction.jf());
      code.set(JAVA_INT, at + 4, instruction.k());
      at += INSTRUCTION;
    }
    MemorySegment program = arena.allocate(PROGRAM, 8);
    program.set(JAVA_SHORT, 0, (short) instructions.size());
    program.set(JAVA_LONG, 8, code.address());
    return program;
  }
}
