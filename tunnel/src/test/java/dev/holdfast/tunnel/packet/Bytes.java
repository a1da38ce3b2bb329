package dev.holdfast.tunnel.packet;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HexFormat;

/** Buffers for tests: what has not been written is 0xa5, so that a byte left out shows. */
public final class Bytes {
  private Bytes() {}

  /** An empty buffer over {@code capacity} bytes of 0xa5, in direct memory as in the daemon. */
  public static ByteBuf empty(int capacity) {
    byte[] fill = new byte[capacity];
    Arrays.fill(fill, (byte) 0xa5);
    // Wrapped, so that the garbage collector frees it and no test has to.
    return Unpooled.wrappedBuffer(ByteBuffer.allocateDirect(capacity).put(fill).flip()).clear();
  }

  /** The bytes of a hex string; blanks are for reading. */
  public static ByteBuf hex(String text) {
    byte[] bytes = HexFormat.of().parseHex(text.replaceAll("\\s", ""));
    return empty(bytes.length).writeBytes(bytes);
  }

  /** The readable bytes as hex. */
  public static String hexOf(ByteBuf buf) {
    return ByteBufUtil.hexDump(buf);
  }

  /** A plain packet as the builder describes it. */
  public static ByteBuf packet(PacketBuilder builder) {
    ByteBuf buf = empty(70_000);
    builder.write(buf);
    return buf;
  }

  /** A checked view of the packet that fills the readable bytes. */
  public static PacketView view(ByteBuf buf) {
    return viewAt(buf, buf.readerIndex());
  }

  /** A checked view of the packet from {@code index} to the end. */
  public static PacketView viewAt(ByteBuf buf, int index) {
    var view = new PacketView();
    PacketFault fault = view.check(buf, index, buf.writerIndex() - index);
    if (fault != PacketFault.NONE) {
      throw new AssertionError("not a packet: " + fault + ": " + hexOf(buf));
    }
    return view;
  }
}
