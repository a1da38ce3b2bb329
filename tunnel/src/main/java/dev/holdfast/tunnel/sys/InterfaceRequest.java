package dev.holdfast.tunnel.sys;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * {@code struct ifreq} (linux/if.h): a name of 16 bytes, then 24 bytes that each request reads its
 * way.
 */
public final class InterfaceRequest {
  // linux/sockios.h
  public static final int SIOCGIFHWADDR = 0x8927;
  public static final int SIOCGIFINDEX = 0x8933;

  /** The longest name of an interface, without its closing zero ({@code IFNAMSIZ} - 1). */
  public static final int LONGEST_NAME = 15;

  private static final int SIZE = 40;
  private static final int UNION = 16;

  private final MemorySegment segment;

  /**
   * @param arena owns the memory
   * @throws IllegalArgumentException when no interface can have that name
   */
  public InterfaceRequest(Arena arena, String name) {
    byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
    if (bytes.length == 0 || bytes.length > LONGEST_NAME || name.indexOf('\0') >= 0) {
      throw new IllegalArgumentException(
          "'" + name + "' cannot be an interface: a name has 1 to 15 bytes");
    }
    segment = arena.allocate(SIZE, 8);
    MemorySegment.copy(MemorySegment.ofArray(bytes), 0, segment, 0, bytes.length);
  }

  /** {@code ifr_flags}. */
  public void setFlags(int flags) {
    segment.set(JAVA_SHORT, UNION, (short) flags);
  }

  /** {@code ifr_ifindex}. */
  public int index() {
    return segment.get(JAVA_INT, UNION);
  }

  /** The 48 bits of {@code ifr_hwaddr}, first byte on the wire highest. */
  public long hardwareAddress() {
    return segment.get(JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN), UNION + 2) >>> 16;
  }

  /** The name as the kernel left it; it fills in patterns such as {@code hf%d}. */
  public String name() {
    return segment.getString(0);
  }

  public long address() {
    return segment.address();
  }
}
