package dev.holdfast.tunnel.packet;

import io.netty.buffer.ByteBuf;

/**
 * A packet filter in classic BPF (McCanne and Jacobson, <i>The BSD Packet Filter</i>, 1993;
 * bpf(4)), run over bytes where they lie.
 *
 * <p>A program is checked when it is made, as the kernel checks one: it knows every instruction, it
 * jumps forwards alone and stays inside, and it ends. So it can neither fail nor run for ever; a
 * load from beyond the packet ends it with "no". Running allocates nothing. One thread at a time.
 */
public final class FilterProgram {
  // Codes: class in the low 3 bits, then what the class has.
  private static final int CLASS = 0x07;
  private static final int LD = 0x00;
  private static final int LDX = 0x01;
  private static final int ST = 0x02;
  private static final int STX = 0x03;
  private static final int ALU = 0x04;
  private static final int JMP = 0x05;
  private static final int RET = 0x06;

  private static final int MODE = 0xe0;
  private static final int IMM = 0x00;
  private static final int ABS = 0x20;
  private static final int IND = 0x40;
  private static final int MEM = 0x60;
  private static final int LEN = 0x80;
  private static final int MSH = 0xa0; // 4 * (byte & 15): the length of an IPv4 header

  private static final int SIZE = 0x18;
  private static final int WORD = 0x00;
  private static final int HALF = 0x08;
  private static final int BYTE = 0x10;

  private static final int OPERATION = 0xf0;
  private static final int SOURCE_X = 0x08;
  private static final int RETURN_A = 0x10;
  private static final int TXA = 0x80;

  private static final int MEMORY = 16;
  private static final int LONGEST = 4096; // BPF_MAXINSNS

  private final int[] code;
  private final int[] jumps;
  private final int[] k;
  private final int[] memory = new int[MEMORY];

  /**
   * @param code each instruction's
   * @param jumps each instruction's jump where a test holds (bits 8 to 15), and where it does not
   *     (bits 0 to 7)
   * @param k each instruction's constant
   * @throws IllegalArgumentException saying which instruction is wrong
   */
  public FilterProgram(int[] code, int[] jumps, int[] k) {
    this.code = code.clone();
    this.jumps = jumps.clone();
    this.k = k.clone();
    check();
  }

  private void check() {
    int length = code.length;
    if (length == 0 || length > LONGEST || jumps.length != length || k.length != length) {
      throw new IllegalArgumentException("a program of " + length + " instructions");
    }
    for (int i = 0; i < length; i++) {
      if (!isKnown(i)) {
        throw new IllegalArgumentException(
            "instruction %d is unknown: 0x%x with 0x%x".formatted(i, code[i], k[i]));
      }
      if ((code[i] & CLASS) == JMP && !staysInside(i)) {
        throw new IllegalArgumentException("instruction " + i + " jumps out of the program");
      }
    }
    if ((code[length - 1] & CLASS) != RET) {
      throw new IllegalArgumentException("the last instruction does not end the program");
    }
  }

  private boolean staysInside(int i) {
    long room = code.length - i - 2L; // as far as the last instruction
    return (code[i] & OPERATION) == 0
        ? (k[i] & 0xffff_ffffL) <= room
        : (jumps[i] >> 8) <= room && (jumps[i] & 0xff) <= room;
  }

  private boolean isKnown(int i) {
    int c = code[i];
    boolean cell = k[i] >= 0 && k[i] < MEMORY;
    int operation = c & OPERATION;
    return switch (c & CLASS) {
      case LD ->
          switch (c & MODE) {
            case ABS, IND -> c >> 8 == 0 && (c & SIZE) != SIZE;
            case IMM, LEN -> c == (c & MODE);
            case MEM -> c == MEM && cell;
            default -> false;
          };
      case LDX ->
          c == LDX || c == (LDX | LEN) || c == (LDX | MSH | BYTE) || (c == (LDX | MEM) && cell);
      case ST -> c == ST && cell;
      case STX -> c == STX && cell;
      case ALU -> {
        boolean x = (c & SOURCE_X) != 0;
        boolean divides = operation == 0x30 || operation == 0x90;
        yield c >> 8 == 0 && operation <= 0xa0 && (x || !divides || k[i] != 0);
      }
      case JMP -> c >> 8 == 0 && operation <= 0x40 && c != (JMP | SOURCE_X);
      case RET -> c == RET || c == (RET | RETURN_A);
      default -> c == 0x07 || c == (0x07 | TXA);
    };
  }

  /**
   * Whether it lets a packet pass.
   *
   * @param index absolute index of the packet's first byte
   * @param length how many bytes there are, all of them readable
   */
  public boolean matches(ByteBuf packet, int index, int length) {
    int a = 0;
    int x = 0;
    for (int at = 0; ; at++) {
      int c = code[at];
      switch (c & CLASS) {
        case LD -> {
          int mode = c & MODE;
          if (mode == ABS || mode == IND) {
            long from = (k[at] & 0xffff_ffffL) + (mode == IND ? x & 0xffff_ffffL : 0);
            int size = (c & SIZE) == WORD ? 4 : (c & SIZE) == HALF ? 2 : 1;
            if (from + size > length) {
              return false;
            }
            int there = index + (int) from;
            a =
                switch (size) {
                  case 4 -> packet.getInt(there);
                  case 2 -> packet.getUnsignedShort(there);
                  default -> packet.getUnsignedByte(there);
                };
          } else {
            a = mode == LEN ? length : mode == MEM ? memory[k[at]] : k[at];
          }
        }
        case LDX -> {
          int mode = c & MODE;
          if (mode == MSH) {
            if ((k[at] & 0xffff_ffffL) >= length) {
              return false;
            }
            x = 4 * (packet.getByte(index + k[at]) & 0xf);
          } else {
            x = mode == LEN ? length : mode == MEM ? memory[k[at]] : k[at];
          }
        }
        case ST -> memory[k[at]] = a;
        case STX -> memory[k[at]] = x;
        case ALU -> {
          int operand = (c & SOURCE_X) != 0 ? x : k[at];
          int operation = c & OPERATION;
          if (operand == 0 && (operation == 0x30 || operation == 0x90)) {
            return false;
          }
          a = compute(operation, a, operand);
        }
        case JMP -> {
          if ((c & OPERATION) == 0) {
            at += k[at];
          } else {
            boolean holds = test(c & OPERATION, a, (c & SOURCE_X) != 0 ? x : k[at]);
            at += holds ? jumps[at] >> 8 : jumps[at] & 0xff;
          }
        }
        case RET -> {
          return (c == RET ? k[at] : a) != 0;
        }
        default -> {
          if ((c & TXA) != 0) {
            a = x;
          } else {
            x = a;
          }
        }
      }
    }
  }

  private static int compute(int operation, int a, int operand) {
    return switch (operation) {
      case 0x00 -> a + operand;
      case 0x10 -> a - operand;
      case 0x20 -> a * operand;
      case 0x30 -> Integer.divideUnsigned(a, operand);
      case 0x40 -> a | operand;
      case 0x50 -> a & operand;
      case 0x60 -> shiftsAll(operand) ? 0 : a << operand;
      case 0x70 -> shiftsAll(operand) ? 0 : a >>> operand;
      case 0x80 -> -a;
      case 0x90 -> Integer.remainderUnsigned(a, operand);
      default -> a ^ operand;
    };
  }

  private static boolean shiftsAll(int operand) {
    return (operand & ~31) != 0;
  }

  private static boolean test(int operation, int a, int operand) {
    return switch (operation) {
      case 0x10 -> a == operand;
      case 0x20 -> Integer.compareUnsigned(a, operand) > 0;
      case 0x30 -> Integer.compareUnsigned(a, operand) >= 0;
      default -> (a & operand) != 0;
    };
  }
}
