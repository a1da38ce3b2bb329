package dev.holdfast.tunnel.sys;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Layouts, byte by byte, as the kernel's headers lay them out. */
class StructuresTest {

  private static String hex(MemorySegment segment) {
    return HexFormat.of().formatHex(segment.toArray(ValueLayout.JAVA_BYTE));
  }

  @Test
  void socketAddresses() {
    try (Arena arena = Arena.ofConfined()) {
      assertThat(hex(SocketAddress.inet(arena, 0x0a010203)))
          .isEqualTo("02000000" + "0a010203" + "0000000000000000");
      assertThat(hex(SocketAddress.inet6(arena, 0xfd00_0000_0000_0001L, 0x10L)))
          .isEqualTo("0a000000" + "00000000" + "fd000000000000010000000000000010" + "00000000");
      assertThat(hex(SocketAddress.link(arena, 3, 7)))
          .isEqualTo("1100" + "0003" + "07000000" + "000000000000000000000000");
    }
  }

  @Test
  void extendedErrors() {
    String fields = "5a000000" + "02" + "03" + "04" + "00" + "78050000" + "00000000";
    String four = "0200" + "0000" + "0a090001" + "0000000000000000";
    String six = "0a00" + "0000" + "00000000" + "fd000000000000010000000000000010" + "00000000";
    assertThat(error(fields + four))
        .isEqualTo(new ExtendedError(2, 3, 4, 1400, 0, 0xffff_0a09_0001L));
    assertThat(error(fields + six))
        .isEqualTo(new ExtendedError(2, 3, 4, 1400, 0xfd00_0000_0000_0001L, 0x10));
    assertThat(error(fields)).isEqualTo(new ExtendedError(2, 3, 4, 1400, 0, 0));
    assertThat(error(fields + "0000" + four.substring(4)))
        .as("the kernel does not know who")
        .isEqualTo(new ExtendedError(2, 3, 4, 1400, 0, 0));
  }

  private static ExtendedError error(String hex) {
    try (Arena arena = Arena.ofConfined()) {
      byte[] bytes = HexFormat.of().parseHex(hex);
      MemorySegment segment = arena.allocate(bytes.length, 8);
      segment.copyFrom(MemorySegment.ofArray(bytes));
      return ExtendedError.read(segment);
    }
  }

  @Test
  void filterProgram() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment program =
          ClassicBpf.program(
              arena,
              List.of(
                  new ClassicBpf.Instruction(ClassicBpf.JEQ_K, 3, 255, 0x86dd),
                  new ClassicBpf.Instruction(ClassicBpf.RET_K, 0, 0, -1)));
      assertThat(program.get(ValueLayout.JAVA_SHORT, 0)).isEqualTo((short) 2);
      MemorySegment code =
          MemorySegment.ofAddress(program.get(ValueLayout.JAVA_LONG, 8)).reinterpret(16);
      assertThat(hex(code)).isEqualTo("1500" + "03" + "ff" + "dd860000" + "06000000ffffffff");
    }
  }

  @Test
  void interfaceNamesAreChecked() {
    try (Arena arena = Arena.ofConfined()) {
      assertThat(new InterfaceRequest(arena, "fifteen-letters").name())
          .isEqualTo("fifteen-letters");
      assertThatThrownBy(() -> new InterfaceRequest(arena, "sixteen-letters-"))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("'sixteen-letters-' cannot be an interface: a name has 1 to 15 bytes");
      assertThatThrownBy(() -> new InterfaceRequest(arena, ""))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }
}
