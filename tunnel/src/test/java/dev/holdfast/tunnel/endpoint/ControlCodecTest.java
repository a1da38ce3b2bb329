package dev.holdfast.tunnel.endpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.tunnel.encap.TlsFrame;
import dev.holdfast.tunnel.endpoint.ControlMessage.ArmReply;
import dev.holdfast.tunnel.endpoint.ControlMessage.ArmRequest;
import dev.holdfast.tunnel.endpoint.ControlMessage.Fault;
import dev.holdfast.tunnel.endpoint.ControlMessage.Finish;
import dev.holdfast.tunnel.endpoint.ControlMessage.Finished;
import dev.holdfast.tunnel.endpoint.ControlMessage.FlowEntry;
import dev.holdfast.tunnel.endpoint.ControlMessage.FlowSnapshot;
import dev.holdfast.tunnel.endpoint.ControlMessage.Held;
import dev.holdfast.tunnel.endpoint.ControlMessage.Hello;
import dev.holdfast.tunnel.endpoint.ControlMessage.Ping;
import dev.holdfast.tunnel.endpoint.ControlMessage.Pong;
import dev.holdfast.tunnel.endpoint.ControlMessage.Release;
import dev.holdfast.tunnel.endpoint.ControlMessage.Released;
import dev.holdfast.tunnel.endpoint.ControlMessage.Rollback;
import dev.holdfast.tunnel.endpoint.ControlMessage.RolledBack;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import dev.holdfast.tunnel.packet.MacAddress;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class ControlCodecTest {
  private static final UUID ID = UUID.fromString("00112233-4455-6677-8899-aabbccddeeff");
  private static final byte[] TOKEN = "0123456789abcdef".getBytes(StandardCharsets.US_ASCII);

  static List<ControlMessage> messages() {
    IpAddress v4 = IpAddress.parse("10.1.0.10");
    IpAddress v6 = IpAddress.parse("fd00:1::10");
    return List.of(
        new Hello(1, 3, "host-a", "holdfast 0.1.0", List.of("tls", "größer")),
        new Hello(1, 1, "", "", List.of()),
        new Ping(7, -1),
        new Pong(Long.MIN_VALUE, Long.MAX_VALUE),
        new ArmRequest(
            42,
            ID,
            "web1",
            3,
            true,
            List.of(v4, v6),
            List.of(IpAddress.parse("10.2.0.10")),
            MacAddress.parse("52:54:00:10:00:10"),
            "br0",
            "tls",
            "symmetric",
            List.of(IpPrefix.parse("10.1.0.0/24"), IpPrefix.parse("fd00:1::/64")),
            "vm.lab.test",
            4,
            "auto: tls, since it is so",
            true,
            List.of(new byte[] {0x60, 1}, new byte[0])),
        new ArmRequest(
            0, ID, "", 0, false, List.of(), List.of(), null, "", "", "", List.of(), "", 1, ""),
        new ArmReply(
            42,
            "",
            List.of(new ControlMessage.CheckEntry("route", "warning", "none", "add one")),
            List.of(new ControlMessage.ChangeEntry("add a route", "delete it")),
            TOKEN,
            4,
            "ipip",
            "auto: ipip, which both hosts allow"),
        new ArmReply(42, "not granted", List.of(), List.of(), new byte[0], 0, "", ""),
        new FlowSnapshot(
            ID, 3, List.of(new FlowEntry(6, v4, 80, v6, 65_535), new FlowEntry(255, v6, 0, v4, 1))),
        new Held(ID, 3),
        new Release(ID, 3, 1_700_000_000_000_000_000L),
        new Released(ID, 3, 5, 6, List.of(7L)),
        new Released(ID, 3, 5, 6, List.of(7L, 0L, Long.MAX_VALUE, -1L)),
        new Rollback(ID, 3),
        new RolledBack(ID, 3, "already released"),
        new ControlMessage.TakeBack(ID, 3, 4, true),
        new ControlMessage.TakenBack(ID, 3, "the guest is heard here", List.of(77L, 5L)),
        new ControlMessage.TakenBack(ID, 3, "", List.of(), List.of(v4, v6)),
        new ControlMessage.PathMtu(ID, 3, 1380),
        new ControlMessage.SpoofProbe(
            ID, 3, 5, List.of(IpAddress.parse("10.1.0.2"), IpAddress.parse("fd00:1::2"))),
        new ControlMessage.DirectReturn(ID, 3),
        new ControlMessage.HoldToReturn(ID, 3, true),
        new ControlMessage.HeldToReturn(ID, 3, false, "no"),
        new Finish(ID, 3),
        new Finished(ID, 3, "{\"packets\":1}"),
        new ControlMessage.Inquiry(ID, 7),
        new Fault("state", "no such migration", ID),
        new Fault("version", "too old", null),
        Fault.of(new Rollback(ID, 3), "refused", "released here", ID));
  }

  @Test
  void everyKindOfMessageIsTriedHere() {
    assertThat(messages().stream().<Class<?>>map(Object::getClass).collect(Collectors.toSet()))
        .containsExactlyInAnyOrder(ControlMessage.class.getPermittedSubclasses());
  }

  @ParameterizedTest
  @MethodSource("messages")
  void whatIsWrittenIsRead(ControlMessage message) throws Exception {
    assertThat(decode(encode(message))).usingRecursiveComparison().isEqualTo(message);
  }

  @ParameterizedTest
  @MethodSource("messages")
  void aMessageCutShortIsRefused(ControlMessage message) {
    byte[] whole = encode(message);
    for (int length = 0; length < whole.length; length++) {
      byte[] cut = Arrays.copyOf(whole, length);
      assertThatThrownBy(() -> decode(cut)).isInstanceOf(ControlFormatException.class);
      if (length >= 6) {
        byte[] consistent = cut.clone();
        Unpooled.wrappedBuffer(consistent).setInt(2, length - 6);
        if (appended(message).contains(whole.length - length)) {
          continue; // as an earlier version wrote it
        }
        assertThatThrownBy(() -> decode(consistent)).isInstanceOf(ControlFormatException.class);
      }
    }
  }

  /** How many bytes at its end a message may do without: what earlier versions had not. */
  private static List<Integer> appended(ControlMessage message) {
    return switch (message) {
      case ArmRequest request -> {
        int last = 4 + request.advertisements().stream().mapToInt(each -> 4 + each.length).sum();
        int reason = last + 1 + 4 + length(request.encapsulationReason());
        yield List.of(last, last + 1, reason, reason + 2);
      }
      case ArmReply reply -> {
        int last = 4 + length(reply.encapsulationReason());
        int before = last + 4 + length(reply.encapsulation());
        yield List.of(last, before, before + 2);
      }
      case Released released -> List.of(4 + 8 * (released.stagedUpTo().size() - 1));
      case ControlMessage.TakenBack back ->
          List.of(4 + back.answeredFor().stream().mapToInt(each -> each.isV4() ? 5 : 17).sum());
      case Fault fault -> List.of(4 + length(fault.request()));
      default -> List.of();
    };
  }

  private static int length(String text) {
    return text.getBytes(StandardCharsets.UTF_8).length;
  }

  @ParameterizedTest
  @MethodSource("messages")
  void whatAnEarlierVersionDidNotSendIsEmpty(ControlMessage message) throws Exception {
    if (appended(message).isEmpty()) {
      return;
    }
    byte[] whole = encode(message);
    byte[] earlier = Arrays.copyOf(whole, whole.length - appended(message).getLast());
    Unpooled.wrappedBuffer(earlier).setInt(2, earlier.length - 6);
    switch (decode(earlier)) {
      case ArmRequest request -> {
        assertThat(request.connections()).isEqualTo(1);
        assertThat(request.encapsulationReason()).isEmpty();
        assertThat(request.guestUnaware()).isFalse();
        assertThat(request.advertisements()).isEmpty();
      }
      case ArmReply reply -> {
        assertThat(reply.connections()).isEqualTo(1);
        assertThat(reply.encapsulation()).isEmpty();
        assertThat(reply.encapsulationReason()).isEmpty();
      }
      case Released released -> assertThat(released.stagedUpTo()).containsExactly(7L);
      case ControlMessage.TakenBack back -> assertThat(back.answeredFor()).isEmpty();
      case Fault fault -> assertThat(fault.request()).isEmpty();
      case null, default -> throw new AssertionError("not what was written: " + message);
    }
  }

  @ParameterizedTest
  @MethodSource("messages")
  void whatALaterVersionAppendsIsSkipped(ControlMessage message) throws Exception {
    ByteBuf longer = Unpooled.buffer().writeBytes(encode(message)).writeLong(0xa5a5a5a5a5a5a5a5L);
    longer.setInt(2, longer.readableBytes() - 6);
    assertThat(ControlCodec.decode(longer)).usingRecursiveComparison().isEqualTo(message);
  }

  @Test
  void whatALaterVersionAppendsToAFlowIsSkipped() throws Exception {
    ByteBuf body = Unpooled.buffer();
    BodyWriter out = new BodyWriter(body);
    out.uuid(ID);
    out.s64(1);
    FlowEntry flow =
        new FlowEntry(6, IpAddress.parse("10.1.0.10"), 80, IpAddress.parse("10.9.0.2"), 40_000);
    out.list(
        List.of(flow, flow),
        (list, value) ->
            list.sized(
                value,
                (fields, f) -> {
                  fields.u8(f.protocol());
                  fields.address(f.guest());
                  fields.u16(f.guestPort());
                  fields.address(f.peer());
                  fields.u16(f.peerPort());
                  fields.text("new in version 2");
                }));
    ByteBuf whole = Unpooled.buffer().writeShort(6).writeInt(body.readableBytes()).writeBytes(body);
    assertThat(ControlCodec.decode(whole)).isEqualTo(new FlowSnapshot(ID, 1, List.of(flow, flow)));
  }

  @Test
  void aKindOfALaterVersionIsSkipped() throws Exception {
    assertThat(ControlCodec.decode(Unpooled.buffer().writeShort(999).writeInt(2).writeShort(1)))
        .isNull();
  }

  @Test
  void aListThatClaimsMoreThanThereIsCostsNothing() {
    ByteBuf lie = Unpooled.buffer().writeShort(6).writeInt(28).writeZero(24).writeInt(-1);
    assertThatThrownBy(() -> ControlCodec.decode(lie))
        .isInstanceOf(ControlFormatException.class)
        .hasMessage("message kind 6: a list needs 4294967295 bytes, there are 0");
  }

  @Test
  void aMappedAddressDoesNotPassForIpv6() {
    ByteBuf body = Unpooled.buffer().writeByte(6).writeLong(0).writeLong(0xffff_0a01_000aL);
    assertThatThrownBy(() -> new BodyReader(body).address())
        .isInstanceOf(ControlFormatException.class)
        .hasMessageContaining("IPv4-mapped");
  }

  @Test
  void theLargestSnapshotFitsAndALargerMessageIsRefusedWhole() throws Exception {
    FlowEntry flow = new FlowEntry(6, IpAddress.parse("fd00::1"), 1, IpAddress.parse("fd00::2"), 2);
    byte[] bytes =
        encode(new FlowSnapshot(ID, 1, Collections.nCopies(ControlCodec.MAX_FLOWS, flow)));
    assertThat(bytes.length).isLessThan(TlsFrame.MAX_CONTROL_FRAME);
    ByteBuf out = Unpooled.buffer().writeByte(1);
    assertThatThrownBy(() ->
            ControlCodec.encode(
                new FlowSnapshot(ID, 1, Collections.nCopies(ControlCodec.MAX_FLOWS + 5_000, flow)),
                out))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("FlowSnapshot");
    assertThat(out.readableBytes()).isOne();
  }

  @Test
  void aLongListOfFlowsIsSentAsSeveral() throws Exception {
    List<FlowEntry> flows = new ArrayList<>();
    for (int i = 0; i < 2 * ControlCodec.MAX_FLOWS + 5; i++) {
      flows.add(
          new FlowEntry(6, IpAddress.parse("fd00::1"), i & 0xffff, IpAddress.parse("fd00::2"), 2));
    }
    List<FlowEntry> read = new ArrayList<>();
    for (FlowSnapshot message : FlowSnapshot.of(ID, 1, flows)) {
      ControlMessage part = java.util.Objects.requireNonNull(decode(encode(message)));
      read.addAll(((FlowSnapshot) part).flows());
    }
    assertThat(read).isEqualTo(flows);
    assertThat(FlowSnapshot.of(ID, 1, flows)).hasSize(3);
    assertThat(FlowSnapshot.of(ID, 1, flows.subList(0, ControlCodec.MAX_FLOWS))).hasSize(1);
    assertThat(FlowSnapshot.of(ID, 1, List.of()))
        .containsExactly(new FlowSnapshot(ID, 1, List.of()));
  }

  /** It goes to logs and terminals. */
  @Test
  void aTextIsOneLineWithoutControlsAndIsCutWhereItIsEndless() throws Exception {
    String hostile = "a\u001b]0;owned\u0007b\r\n12:00 WARN c\u009b2J\u202e\u2028\u0000d größer";
    String clean = "a ]0;owned b  12:00 WARN c 2J   d größer";
    assertThat(decode(encode(new Fault(hostile, hostile, null))))
        .isEqualTo(new Fault(clean, clean, null));
    assertThat(decode(encode(new Hello(1, 1, "x", hostile, List.of(hostile)))))
        .isEqualTo(new Hello(1, 1, "x", clean, List.of(clean)));
    var check = new ControlMessage.CheckEntry(hostile, hostile, hostile, "f".repeat(60_000));
    var reply = new ArmReply(1, hostile, List.of(check), List.of(), TOKEN, 1, "", hostile);
    ArmReply read = (ArmReply) java.util.Objects.requireNonNull(decode(encode(reply)));
    assertThat(read.refusal()).isEqualTo(clean);
    assertThat(read.encapsulationReason()).isEqualTo(clean);
    assertThat(read.checks())
        .containsExactly(
            new ControlMessage.CheckEntry(clean, clean, clean, "f".repeat(4_000) + "..."));
    assertThat(decode(encode(new RolledBack(ID, 1, "x" + "\ud83d\ude00".repeat(500_000)))))
        .isEqualTo(new RolledBack(ID, 1, "x" + "\ud83d\ude00".repeat(1_999) + " ..."));
  }

  /** Broken messages end in the one exception that says so, whatever is broken in them. */
  @Test
  void garbageIsReadOrRefusedButNothingElse() {
    Random random = new Random(20_260_301);
    List<ControlMessage> messages = messages();
    int read = 0;
    int refused = 0;
    for (int round = 0; round < 200_000; round++) {
      byte[] bytes = encode(messages.get(random.nextInt(messages.size())));
      for (int n = 1 + random.nextInt(3); n > 0; n--) {
        int at = random.nextInt(bytes.length);
        bytes[at] = random.nextBoolean() ? (byte) random.nextInt() : (byte) 0xff;
      }
      try {
        decode(bytes);
        read++;
      } catch (ControlFormatException e) {
        refused++;
        assertThat(e.getMessage()).isNotBlank();
      }
    }
    assertThat(read).isPositive();
    assertThat(refused).isPositive();
  }

  private static byte[] encode(ControlMessage message) {
    ByteBuf out = Unpooled.buffer();
    ControlCodec.encode(message, out);
    return ByteBufUtil.getBytes(out);
  }

  private static @Nullable ControlMessage decode(byte[] bytes) throws ControlFormatException {
    return ControlCodec.decode(Unpooled.wrappedBuffer(bytes));
  }
}
