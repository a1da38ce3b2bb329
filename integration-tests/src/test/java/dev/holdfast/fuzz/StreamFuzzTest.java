package dev.holdfast.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.holdfast.tunnel.encap.TlsFrame;
import dev.holdfast.tunnel.endpoint.ControlCodec;
import dev.holdfast.tunnel.endpoint.ControlFormatException;
import dev.holdfast.tunnel.endpoint.ControlMessage;
import dev.holdfast.tunnel.link.FrameConnection;
import dev.holdfast.tunnel.link.FrameType;
import dev.holdfast.tunnel.observe.DropCounters;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import dev.holdfast.tunnel.packet.MacAddress;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.embedded.EmbeddedChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/** Whatever comes on a TLS connection. */
class StreamFuzzTest {
  private static final UUID ID = new UUID(0x0011223344556677L, 0x8899aabbccddeeffL);

  /** Collects what the connection makes of a stream. */
  private static final class Listening implements FrameConnection.Listener {
    final List<String> frames = new ArrayList<>();
    int ends;

    @Override
    public void onFrame(FrameType type, ByteBuf payload) {
      int sum = 0;
      for (int i = payload.readerIndex(); i < payload.writerIndex(); i++) {
        sum = 31 * sum + payload.getByte(i);
      }
      frames.add(type + " " + payload.readableBytes() + " " + sum);
    }

    @Override
    public void onClosed(String reason) {
      ends++;
    }
  }

  /** How the stream is cut, then the stream: the frames are those that it has in one piece. */
  @MethodSource("streams")
  @FuzzTest
  void frames(byte[] data) {
    var input = new Bytes(data);
    int size = 1 + input.u8();
    byte[] stream = input.rest();
    assertThat(read(stream, size)).isEqualTo(read(stream, Math.max(1, stream.length)));
  }

  private static List<String> read(byte[] stream, int size) {
    var allocator = new UnpooledByteBufAllocator(false);
    var drops = new DropCounters();
    var listening = new Listening();
    var connection = new FrameConnection(listening, String::valueOf, drops::count);
    var channel = new EmbeddedChannel();
    channel.config().setAllocator(allocator);
    channel.pipeline().addLast(connection);
    for (int at = 0; at < stream.length && channel.isOpen(); at += size) {
      int length = Math.min(size, stream.length - at);
      channel.writeInbound(allocator.directBuffer(length, length).writeBytes(stream, at, length));
      long used = allocator.metric().usedDirectMemory();
      assertThat(used).as("a claim alone costs no memory").isLessThan(5L * stream.length + 400_000);
    }
    boolean open = channel.isOpen();
    channel.finishAndReleaseAll();
    listening.frames.add(open ? "open" : "broken");
    assertThat(drops.total()).isEqualTo(open ? 0 : 1);
    assertThat(listening.ends).isEqualTo(1);
    assertThat(allocator.metric().usedDirectMemory()).as("bytes leaked").isZero();
    return listening.frames;
  }

  static Stream<byte[]> streams() {
    byte[] packet = Bytes.withVnet(Bytes.kinds().getFirst());
    return Stream.of(
        Bytes.join(Bytes.hex("07"), frame(4, packet), frame(7, new byte[8]), frame(4, packet)),
        Bytes.join(
            Bytes.hex("00"), frame(5, Bytes.join(new byte[8], packet)), frame(6, new byte[8])),
        Bytes.join(
            Bytes.hex("03"), frame(2, new byte[40]), frame(3, new byte[1]), frame(1, new byte[9])),
        Bytes.hex("04 00000000 04"),
        Bytes.hex("04 ffffffff 04"),
        Bytes.hex("04 00000009 63 0102030405060708"),
        Bytes.hex("ff 00400000 01 00"),
        Bytes.hex("01 0001003a 04 00"));
  }

  private static byte[] frame(int type, byte[] payload) {
    ByteBuf frame = Unpooled.buffer();
    TlsFrame.writeHeader(frame, type, payload.length);
    return Bytes.bytesOf(frame.writeBytes(payload));
  }

  @MethodSource("messages")
  @FuzzTest
  void controlMessages(byte[] data) {
    ControlMessage message;
    try {
      message = ControlCodec.decode(Bounded.of(data));
    } catch (ControlFormatException e) {
      assertThat(e.getMessage()).isNotEmpty();
      return;
    }
    if (message == null) {
      return; // a kind of a later version
    }
    byte[] once = encode(message);
    try {
      ControlMessage again = ControlCodec.decode(Bounded.of(once));
      assertThat(again).isNotNull();
      assertThat(encode(Objects.requireNonNull(again))).isEqualTo(once);
    } catch (ControlFormatException e) {
      throw new AssertionError("what was decoded and encoded is not decoded: " + message, e);
    }
  }

  private static byte[] encode(ControlMessage message) {
    ByteBuf out = Unpooled.buffer();
    ControlCodec.encode(message, out);
    return Bytes.bytesOf(out);
  }

  static Stream<byte[]> messages() {
    IpAddress old = IpAddress.parse("10.1.0.10");
    IpAddress fresh = IpAddress.parse("fd00:2::10");
    return Stream.concat(
        Stream.of(
                new ControlMessage.Hello(1, 1, "host-a", "holdfast 1", List.of("lanes", "auto")),
                new ControlMessage.Ping(1, 2),
                new ControlMessage.ArmRequest(
                    1,
                    ID,
                    "web1",
                    2,
                    false,
                    List.of(old),
                    List.of(fresh),
                    MacAddress.parse("52:54:00:00:00:01"),
                    "br0",
                    "auto",
                    "symmetric",
                    List.of(IpPrefix.parse("10.1.0.0/24")),
                    "vm.lab.test",
                    4,
                    ""),
                new ControlMessage.ArmReply(
                    1,
                    "",
                    List.of(new ControlMessage.CheckEntry("mtu", "ok", "1500", "")),
                    List.of(new ControlMessage.ChangeEntry("route", "no route")),
                    new byte[16],
                    4,
                    "tls",
                    "asked for"),
                new ControlMessage.FlowSnapshot(
                    ID, 2, List.of(new ControlMessage.FlowEntry(6, old, 80, fresh, 40_000))),
                new ControlMessage.Released(ID, 2, 3, 4, List.of(5L, 6L)),
                new ControlMessage.TakeBack(ID, 2, 3, true),
                new ControlMessage.TakenBack(ID, 2, "", List.of(1L)),
                new ControlMessage.Finished(ID, 2, "{}"),
                new ControlMessage.Fault("refused", "no\nsuch \u202e thing", ID, "release"))
            .map(StreamFuzzTest::encode),
        Stream.of(
            Bytes.hex("0001 00000000"),
            Bytes.hex("0006 0000001c 00000000000000000000000000000000 0000000000000000 ffffffff"),
            Bytes.hex("000e 0000000b 00000001c3 00000001 28 00")));
  }
}
