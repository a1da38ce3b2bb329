package dev.holdfast.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.lab.Namespace;
import dev.holdfast.tunnel.device.FrameFilter;
import dev.holdfast.tunnel.device.PacketSocket;
import dev.holdfast.tunnel.packet.MacAddress;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Frames between two interfaces.
 *
 * <pre>
 *   namespace left            namespace right
 *   10.77.2.1 on wire ------- wire on 10.77.2.2
 * </pre>
 */
@Timeout(60)
class PacketSocketIT {
  private static final MacAddress SOMEBODY = MacAddress.parse("52:54:00:77:00:09");
  private static final int ARP = 0x0806;
  private static final int IPV6 = 0x86dd;

  private Namespace left;
  private Namespace right;
  private final ByteBuf buffer = Unpooled.directBuffer(2048);

  @BeforeEach
  void make() throws Exception {
    left = Namespace.create("left");
    right = Namespace.create("right");
    Namespace.connect(left, "wire", right, "wire");
    left.ip("addr add 10.77.2.1/24 dev wire");
    right.ip("addr add 10.77.2.2/24 dev wire");
  }

  @AfterEach
  void remove() throws Exception {
    buffer.release();
    left.close();
    right.close();
  }

  private static PacketSocket open(Namespace where, FrameFilter filter) throws Exception {
    return where.call(() -> PacketSocket.open("wire", filter));
  }

  /** A frame of 60 bytes whose last is {@code mark}. */
  private static ByteBuf frame(MacAddress to, int etherType, int nextHeader, int type, int mark) {
    ByteBuf frame = Unpooled.directBuffer(60);
    frame.writeBytes(to.toBytes()).writeBytes(SOMEBODY.toBytes()).writeShort(etherType);
    frame.writeZero(6).writeByte(nextHeader).writeZero(33).writeByte(type).writeZero(4);
    return frame.writeByte(mark);
  }

  private static void send(PacketSocket socket, ByteBuf frame) throws IOException {
    assertThat(socket.send(frame)).isTrue();
    assertThat(frame.readableBytes()).isEqualTo(60);
    frame.release();
  }

  /** The marks of the frames made here that have come until the one marked {@code last}. */
  private List<Integer> marksUntil(PacketSocket socket, int last) throws IOException {
    var marks = new ArrayList<Integer>();
    while (!marks.contains(last)) {
      int n = socket.receive(buffer.clear());
      if (n == 60 && buffer.getUnsignedMedium(9) == (SOMEBODY.bits() & 0xff_ffff)) {
        marks.add((int) buffer.getUnsignedByte(59));
      }
    }
    return marks;
  }

  @Test
  void givesTheArpRequestsOfARealKernel() throws Exception {
    try (PacketSocket socket = open(right, FrameFilter.ARP_AND_NEIGHBOR_SOLICITATION)) {
      left.ip("neigh flush all");
      left.run("ping", "-c1", "-W5", "10.77.2.2");
      int n = 0;
      while (n == 0 || buffer.getUnsignedShort(12) != ARP) {
        n = socket.receive(buffer.clear());
      }
      assertThat(buffer.getUnsignedShort(20)).as("a request").isEqualTo(1);
      assertThat(buffer.getInt(28)).as("from 10.77.2.1").isEqualTo(0x0a4d0201);
      assertThat(buffer.getInt(38)).as("who has 10.77.2.2").isEqualTo(0x0a4d0202);
      assertThat(socket.macAddress().toString()).isEqualTo(macOf(right));
    }
  }

  private static String macOf(Namespace where) throws Exception {
    String link = where.ip("-o link show dev wire");
    int at = link.indexOf("link/ether ") + "link/ether ".length();
    return link.substring(at, at + 17);
  }

  @Test
  void theKernelFiltersAsTheInterpreterDoes() throws Exception {
    try (PacketSocket sender = open(left, FrameFilter.NONE);
        PacketSocket both = open(right, FrameFilter.ARP_AND_NEIGHBOR_SOLICITATION);
        PacketSocket arp = open(right, FrameFilter.ARP);
        PacketSocket all = open(right, FrameFilter.ALL)) {
      MacAddress to = MacAddress.BROADCAST;
      send(sender, frame(to, 0x0800, 1, 8, 1));
      send(sender, frame(to, IPV6, 58, 135, 2));
      send(sender, frame(to, IPV6, 58, 128, 3));
      send(sender, frame(to, IPV6, 17, 135, 4));
      send(sender, frame(to, ARP, 0, 0, 5));
      assertThat(marksUntil(all, 5)).containsExactly(1, 2, 3, 4, 5);
      assertThat(marksUntil(both, 5)).containsExactly(2, 5);
      assertThat(marksUntil(arp, 5)).containsExactly(5);
      assertThat(sender.receive(buffer.clear())).as("it only sends").isZero();
    }
  }

  @Test
  void framesOfAVlanAreNotTakenForUntaggedOnes() throws Exception {
    try (PacketSocket sender = open(left, FrameFilter.NONE);
        PacketSocket arp = open(right, FrameFilter.ARP);
        PacketSocket all = open(right, FrameFilter.ALL)) {
      ByteBuf plain = frame(MacAddress.BROADCAST, ARP, 0, 0, 1);
      ByteBuf tagged = Unpooled.directBuffer(64);
      tagged.writeBytes(plain, 0, 12).writeInt(0x8100_0005).writeBytes(plain, 12, 48);
      plain.release();
      assertThat(sender.send(tagged)).isTrue();
      tagged.release();
      send(sender, frame(MacAddress.BROADCAST, ARP, 0, 0, 2));
      assertThat(marksUntil(all, 2)).as("the kernel takes the tag off").containsExactly(1, 2);
      assertThat(marksUntil(arp, 2)).containsExactly(2);
    }
  }

  @Test
  void whatThisHostSendsCanBeIgnored() throws Exception {
    try (PacketSocket sender = open(left, FrameFilter.NONE);
        PacketSocket ignoring = open(left, FrameFilter.ARP);
        PacketSocket seeing = open(left, FrameFilter.ARP);
        PacketSocket opposite = open(right, FrameFilter.NONE)) {
      ignoring.ignoreOutgoing();
      send(sender, frame(MacAddress.BROADCAST, ARP, 0, 0, 1));
      assertThat(marksUntil(seeing, 1)).containsExactly(1);
      send(opposite, frame(MacAddress.BROADCAST, ARP, 0, 0, 2));
      assertThat(marksUntil(ignoring, 2)).containsExactly(2);
    }
  }

  @Test
  void membershipsAreUndoneByClosing() throws Exception {
    String before = right.ip("-d link show dev wire");
    assertThat(before).contains("promiscuity 0").contains("allmulti 0");
    try (PacketSocket socket = open(right, FrameFilter.ARP)) {
      socket.joinAllMulticast();
      socket.joinPromiscuous();
      socket.join(MacAddress.parse("33:33:ff:77:00:01"));
      assertThat(right.ip("-d link show dev wire"))
          .contains("promiscuity 1")
          .contains("allmulti 1");
      assertThat(right.ip("maddr show dev wire")).contains("33:33:ff:77:00:01");
    }
    assertThat(right.ip("-d link show dev wire")).contains("promiscuity 0").contains("allmulti 0");
    assertThat(right.ip("maddr show dev wire")).doesNotContain("33:33:ff:77:00:01");
  }

  @Test
  void framesLongerThanTheBufferAreSkippedAndCounted() throws Exception {
    try (PacketSocket sender = open(left, FrameFilter.NONE);
        PacketSocket arp = open(right, FrameFilter.ARP)) {
      ByteBuf longOne = frame(MacAddress.BROADCAST, ARP, 0, 0, 1).writeZero(40);
      assertThat(sender.send(longOne)).isTrue();
      longOne.release();
      send(sender, frame(MacAddress.BROADCAST, ARP, 0, 0, 2));
      ByteBuf small = Unpooled.directBuffer(64, 64);
      int n = 0;
      while (n == 0 || small.getUnsignedByte(59) != 2) {
        n = arp.receive(small.clear());
      }
      small.release();
      assertThat(arp.skipped()).isEqualTo(1);
    }
  }

  @Test
  void anInterfaceThatIsDownIsNotAnInterfaceThatIsGone() throws Exception {
    try (PacketSocket socket = open(left, FrameFilter.ARP);
        PacketSocket opposite = open(right, FrameFilter.NONE)) {
      left.ip("link set wire down");
      assertThat(socket.receive(buffer.clear())).isZero();
      ByteBuf frame = frame(MacAddress.BROADCAST, ARP, 0, 0, 1);
      assertThat(socket.send(frame)).isFalse();
      frame.release();
      left.ip("link set wire up");
      ByteBuf again = frame(MacAddress.BROADCAST, ARP, 0, 0, 2);
      while (!opposite.send(again)) {
        Thread.onSpinWait(); // the carrier comes back after the interface
      }
      again.release();
      assertThat(marksUntil(socket, 2)).containsExactly(2);

      left.ip("link del wire");
      assertThatThrownBy(() -> socket.receive(buffer.clear()))
          .isInstanceOf(IOException.class)
          .hasMessage("the interface wire was deleted");
      buffer.writeZero(60);
      assertThatThrownBy(() -> socket.send(buffer)).hasMessage("the interface wire was deleted");
    }
  }

  @Test
  void anInterfaceThatIsNotThereIsSaid() {
    assertThatThrownBy(() -> left.call(() -> PacketSocket.open("nothere", FrameFilter.ARP)))
        .isInstanceOf(IOException.class)
        .hasMessage("there is no interface nothere");
  }
}
