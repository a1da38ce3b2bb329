package dev.holdfast.tunnel.packet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FilterProgramTest {
  private static final int RETURN = 0x06;
  private static final int RETURN_A = 0x16;

  private static FilterProgram program(int[]... instructions) {
    int[] code = new int[instructions.length];
    int[] jumps = new int[instructions.length];
    int[] k = new int[instructions.length];
    for (int i = 0; i < instructions.length; i++) {
      code[i] = instructions[i][0];
      jumps[i] = instructions[i][1] << 8 | instructions[i][2];
      k[i] = instructions[i][3];
    }
    return new FilterProgram(code, jumps, k);
  }

  private static int[] i(int code, int k) {
    return new int[] {code, 0, 0, k};
  }

  private static boolean run(FilterProgram program, int... bytes) {
    ByteBuf packet = Unpooled.buffer().writeZero(3); // the packet is not the buffer's begin
    for (int each : bytes) {
      packet.writeByte(each);
    }
    return program.matches(packet, 3, bytes.length);
  }

  @Test
  void loadsStayInThePacket() {
    FilterProgram word = program(i(0x20, 2), i(RETURN_A, 0));
    assertThat(run(word, 0, 0, 0, 0, 0, 1)).isTrue();
    assertThat(run(word, 0, 0, 0, 0, 0, 0)).isFalse();
    assertThat(run(word, 0, 0, 0, 0, 0)).as("a byte is missing").isFalse();
    FilterProgram far = program(i(0x30, -1), i(RETURN, 1));
    assertThat(run(far, 1, 1)).as("offsets are unsigned").isFalse();
    FilterProgram indirect = program(i(0x01, -1), i(0x50, 2), i(RETURN, 1)); // ldx -1; ldb [x+2]
    assertThat(run(indirect, 1, 1, 1)).as("and do not wrap").isFalse();
  }

  @Test
  void headerLengthsAreSkipped() {
    // ldxb 4*([0]&0xf); ldh [x+0]; jeq 443
    FilterProgram port =
        program(i(0xb1, 0), i(0x48, 0), new int[] {0x15, 0, 1, 443}, i(RETURN, 1), i(RETURN, 0));
    assertThat(run(port, 0x41, 0, 0, 0, 443 >> 8, 443 & 0xff)).isTrue();
    assertThat(run(port, 0x41, 0, 0, 0, 0, 80)).isFalse();
    assertThat(run(port, 0x4f, 0, 0, 0)).isFalse();
  }

  @ParameterizedTest
  @CsvSource({
    "0x04, 5, 3, 8", // add
    "0x14, 5, 3, 2",
    "0x24, 5, 3, 15",
    "0x34, -1, 2, 2147483647", // unsigned
    "0x44, 5, 2, 7",
    "0x54, 5, 4, 4",
    "0x64, 1, 4, 16",
    "0x64, 1, 32, 0",
    "0x74, -1, 28, 15",
    "0x84, 5, 0, -5",
    "0x94, -1, 10, 5", // unsigned
    "0xa4, 5, 1, 4",
  })
  void arithmeticIsThatOfThirtyTwoBits(String code, int a, int k, int result) {
    FilterProgram program =
        program(
            i(0x00, a),
            i(Integer.decode(code), k),
            new int[] {0x15, 0, 1, result},
            i(RETURN, 1),
            i(RETURN, 0));
    assertThat(run(program, 0)).isTrue();
  }

  @Test
  void aDivisionByZeroIsNoMatch() {
    FilterProgram program = program(i(0x00, 5), i(0x01, 0), i(0x3c, 0), i(RETURN, 1));
    assertThat(run(program, 0)).isFalse();
  }

  @Test
  void memoryAndRegistersKeepTheirValues() {
    FilterProgram program =
        program(
            i(0x80, 0), // ld length
            i(0x02, 15), // st M[15]
            i(0x00, 0),
            i(0x61, 15), // ldx M[15]
            i(0x87, 0), // txa
            new int[] {0x15, 0, 1, 4},
            i(RETURN, 1),
            i(RETURN, 0));
    assertThat(run(program, 1, 2, 3, 4)).isTrue();
    assertThat(run(program, 1, 2, 3)).isFalse();
  }

  @Test
  void whatCouldFailIsRefusedBefore() {
    assertThatThrownBy(() -> program()).hasMessageContaining("0 instructions");
    assertThatThrownBy(() -> program(i(0x00, 1))).hasMessageContaining("does not end");
    assertThatThrownBy(() -> program(i(0x05, 1), i(RETURN, 1)))
        .hasMessageContaining("instruction 0 jumps out");
    assertThatThrownBy(() -> program(i(0x05, -1), i(RETURN, 1))).hasMessageContaining("jumps out");
    assertThatThrownBy(() -> program(new int[] {0x15, 0, 1, 1}, i(RETURN, 1)))
        .hasMessageContaining("jumps out");
    assertThatThrownBy(() -> program(i(0x60, 16), i(RETURN, 1))).hasMessageContaining("unknown");
    assertThatThrownBy(() -> program(i(0x02, -1), i(RETURN, 1))).hasMessageContaining("unknown");
    assertThatThrownBy(() -> program(i(0x34, 0), i(RETURN, 1))).hasMessageContaining("unknown");
    assertThatThrownBy(() -> program(i(0x38, 0), i(RETURN, 1))).hasMessageContaining("unknown");
    assertThatThrownBy(() -> program(i(0xffff, 0), i(RETURN, 1))).hasMessageContaining("unknown");
  }
}
