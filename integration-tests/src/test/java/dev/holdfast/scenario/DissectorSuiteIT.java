package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.capturefile.PcapNgWriter;
import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.redirector.demo.lab.Tool;
import dev.holdfast.scenario.Recorded.Shown;
import dev.holdfast.tunnel.encap.TlsFrame;
import dev.holdfast.tunnel.link.FrameType;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/** tshark, with {@code conf/wireshark/holdfast.lua}, reads what {@code holdfast capture} writes. */
@Tag("suite-wire")
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
class DissectorSuiteIT {
  private static final Path SCRIPT =
      Path.of("..", "conf", "wireshark", "holdfast.lua").toAbsolutePath().normalize();
  private static final int USER0 = 147;
  private static final int RAW = 101;
  private static final int HOPS = 3;

  private final Cleanup cleanup = new Cleanup();

  @TempDir private Path folder;

  @AfterEach
  void takeDown() {
    cleanup.close();
    assertThat(cleanup.problems()).isEmpty();
  }

  /** One line for each packet that the filter shows, its fields with tabs between them. */
  private static List<String> tshark(Path file, String filter, List<String> more, String... fields)
      throws Exception {
    List<String> command =
        new ArrayList<>(List.of("tshark", "-n", "-X", "lua_script:" + SCRIPT, "-r"));
    command.add(file.toString());
    command.addAll(more);
    command.addAll(List.of("-Y", filter, "-T", "fields", "-E", "occurrence=f"));
    for (String each : fields) {
      command.addAll(List.of("-e", each));
    }
    String printed = Tool.run(command);
    assertThat(printed).doesNotContain("Lua");
    return printed.lines().toList();
  }

  @Test
  void framesOfBothFamiliesAreReadAsTheyWereSent() throws Exception {
    TrafficLab there = new TrafficLab("tls", "tun", LabAddresses.V4, folder, cleanup);
    there.arm();
    Recorded recorded =
        Recorded.begin(there.hosts.old(), folder.resolve("a.pcapng"), "--point", "outer,held");
    cleanup.add("a capture", recorded::close);
    there.hold();
    List<Crafted> held = datagrams(0);
    there.sendToGuest(held);
    recorded.await("held-in", held.size());
    there.release();
    TrafficLab.awaitAt(there.guest, held, HOPS);
    there.guest.forget();
    List<Crafted> live = datagrams(100);
    there.sendToGuest(live);
    TrafficLab.awaitAt(there.guest, live, HOPS);
    String unused = recorded.interrupt();
    there.finish();

    List<Shown> packets = recorded.packets();
    List<String> frames = new ArrayList<>();
    for (Shown packet : packets) {
      if (packet.linkType() == USER0) {
        frames.add(
            "%d\t%s\t%s"
                .formatted(
                    ByteBuffer.wrap(packet.bytes()).getInt(),
                    packet.bytes()[4],
                    packet.bytes()[4] == 5
                        ? String.valueOf(ByteBuffer.wrap(packet.bytes()).getLong(5))
                        : ""));
      }
    }
    Path file = folder.resolve("a.pcapng");
    List<String> none = List.of();
    assertThat(frames).hasSizeGreaterThan(held.size() + live.size());
    assertThat(
            tshark(
                file, "holdfast", none, "holdfast.length", "holdfast.type", "holdfast.staging_id"))
        .isEqualTo(frames);
    String guest = LabAddresses.V4.guestOld().toString();
    String guest6 = LabAddresses.V6.guestOld().toString();
    assertThat(
            tshark(file, "holdfast.type == 5 && udp.dstport == 7000", none, "ip.dst", "ipv6.dst"))
        .as("staged inner packets")
        .containsAll(List.of(guest + "\t", "\t" + guest6))
        .hasSize(held.size());
    assertThat(
            tshark(
                file,
                "holdfast.type == 4 && udp.dstport == 7000 && frame.comment contains \"verdict: sent\"",
                none,
                "udp.srcport"))
        .containsExactlyElementsOf(List.of("20100", "20101", "20102", "20103", "20104", "20105"));
    assertThat(tshark(file, "holdfast.type == 7", none, "holdfast.marker")).isNotEmpty();
    assertThat(
            tshark(
                file,
                "udp.dstport == 7000 && !holdfast && frame.interface_name == \"held-in\"",
                none,
                "frame.comment"))
        .as("what is held is plain IP")
        .hasSize(held.size())
        .allMatch(comment -> comment.contains("migration: web1, holding"));
    assertThat(tshark(file, "_ws.malformed || holdfast.truncated", none, "frame.number")).isEmpty();
  }

  private static List<Crafted> datagrams(int first) {
    List<Crafted> made = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      boolean v4 = i % 2 == 0;
      IpAddress peer = v4 ? TrafficLab.SILENT4 : TrafficLab.SILENT6;
      LabAddresses family = v4 ? LabAddresses.V4 : LabAddresses.V6;
      PacketBuilder packet =
          new PacketBuilder(peer, family.guestOld()).udp(20_000 + first + i, 7_000);
      made.add(new Crafted("datagram " + i, Crafted.bytes(packet.ttl(64).payload(100))));
    }
    return made;
  }

  private static byte[] frame(FrameType type, byte[] payload) {
    ByteBuf bytes = Unpooled.buffer();
    TlsFrame.writeHeader(bytes, type.code(), payload.length);
    bytes.writeBytes(payload);
    return ByteBufUtil.getBytes(bytes);
  }

  private static byte[] superPacket() {
    ByteBuf bytes = Unpooled.buffer();
    new PacketBuilder(TrafficLab.SILENT4, LabAddresses.V4.guestOld())
        .tcp(40_000, 443, 1_000, 5, PacketView.ACK, 100)
        .payload(3_000)
        .writeWithVnet(bytes);
    bytes.setByte(0, 1).setByte(1, 0x81).setShortLE(2, 40).setShortLE(4, 1_448);
    bytes.setShortLE(6, 20).setShortLE(8, 16);
    return ByteBufUtil.getBytes(bytes);
  }

  private Path file(int linkType, List<byte[]> packets) throws IOException {
    Path file = folder.resolve("made.pcapng");
    try (OutputStream out = Files.newOutputStream(file);
        PcapNgWriter writer = new PcapNgWriter(out, "a test")) {
      int place = writer.describe("made", "", linkType, 0);
      for (byte[] each : packets) {
        writer.packet(place, 1_700_000_000_000_000_000L, ByteBuffer.wrap(each), each.length, "");
      }
    }
    return file;
  }

  @Test
  void everyFieldOfTheOffloadHeaderIsShown() throws Exception {
    Path file = file(USER0, List.of(frame(FrameType.PACKET, superPacket())));
    assertThat(
            tshark(
                file,
                "holdfast",
                List.of(),
                "holdfast.vnet.needs_checksum",
                "holdfast.vnet.data_valid",
                "holdfast.vnet.gso_type",
                "holdfast.vnet.gso_ecn",
                "holdfast.vnet.header_length",
                "holdfast.vnet.gso_size",
                "holdfast.vnet.checksum_start",
                "holdfast.vnet.checksum_offset",
                "tcp.dstport",
                "tcp.len"))
        .containsExactly(
            "True\tFalse\t1\tTrue\t40\t1448\t20\t16\t443\t3000"
                .replace("True", flag(file, true))
                .replace("False", flag(file, false)));
  }

  /** Later versions of Wireshark print True and False, earlier ones 1 and 0. */
  private static String flag(Path file, boolean value) throws Exception {
    String name = value ? "holdfast.vnet.needs_checksum" : "holdfast.vnet.data_valid";
    String printed = tshark(file, "holdfast", List.of(), name).getFirst();
    assertThat(printed).isIn(value ? List.of("1", "True") : List.of("0", "False"));
    return printed;
  }

  /** Of a stream one frame follows the other, wherever a segment ends. */
  @Test
  void framesAreFoundInAStream() throws Exception {
    ByteBuf stream = Unpooled.buffer();
    for (int i = 0; i < 4; i++) {
      stream.writeBytes(frame(FrameType.MARKER, ByteBuffer.allocate(8).putLong(i).array()));
      stream.writeBytes(frame(FrameType.PACKET, superPacket()));
    }
    List<byte[]> segments = new ArrayList<>();
    long sequence = 1;
    while (stream.isReadable()) {
      byte[] data = new byte[Math.min(1_000, stream.readableBytes())];
      stream.readBytes(data);
      segments.add(
          Crafted.bytes(
              new PacketBuilder(TrafficLab.SILENT4, LabAddresses.V4.guestOld())
                  .tcp(40_000, 4_754, sequence, 5, PacketView.ACK, 100)
                  .payload(data)));
      sequence += data.length;
    }
    List<String> plain = List.of("-d", "tcp.port==4754,holdfast.stream");
    List<String> found =
        tshark(file(RAW, segments), "holdfast", plain, "holdfast.marker", "holdfast.type");
    assertThat(found).isNotEmpty();
    List<String> all =
        Tool.run(
                List.of(
                    "tshark",
                    "-n",
                    "-X",
                    "lua_script:" + SCRIPT,
                    "-d",
                    "tcp.port==4754,holdfast.stream",
                    "-r",
                    folder.resolve("made.pcapng").toString(),
                    "-T",
                    "fields",
                    "-E",
                    "occurrence=a",
                    "-e",
                    "holdfast.type"))
            .lines()
            .flatMap(line -> Arrays.stream(line.strip().split(",")))
            .filter(type -> !type.isEmpty())
            .toList();
    assertThat(all).containsExactly("7", "4", "7", "4", "7", "4", "7", "4");
  }

  /** Nothing that a capture may have in it is an error of the script. */
  @Test
  void whatIsCutOffOrDamagedIsSaidSo() throws Exception {
    List<byte[]> packets = new ArrayList<>();
    Random random = new Random(3);
    for (FrameType type : FrameType.values()) {
      byte[] whole = frame(type, superPacket());
      for (int length = 0; length < 60; length++) {
        packets.add(Arrays.copyOf(whole, length));
      }
      for (int i = 0; i < 40; i++) {
        byte[] noisy = whole.clone();
        noisy[random.nextInt(40)] = (byte) random.nextInt();
        packets.add(noisy);
      }
    }
    packets.removeIf(each -> each.length == 0);
    packets.add(new byte[] {0, 0, 0, 1, 77});
    packets.add(new byte[] {0, 0, 0, 0, 4});
    Path file = file(USER0, packets);
    assertThat(tshark(file, "holdfast.truncated", List.of(), "frame.number"))
        .hasSizeGreaterThan(50);
    assertThat(tshark(file, "holdfast.bad_length", List.of(), "frame.number")).isNotEmpty();
    assertThat(tshark(file, "holdfast.unknown_type", List.of(), "holdfast.type")).contains("77");
    assertThat(tshark(file, "holdfast", List.of(), "frame.number")).hasSize(packets.size());
  }
}
