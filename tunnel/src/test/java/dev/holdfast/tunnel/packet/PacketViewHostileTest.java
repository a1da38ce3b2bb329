package dev.holdfast.tunnel.packet;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Bytes from an attacker: once check() has said NONE, nothing that the view offers can throw. */
class PacketViewHostileTest {
  private static final List<Method> ACCESSORS = accessors();

  private final PacketView view = new PacketView();
  private int sound;

  @Test
  void randomBytes() throws ReflectiveOperationException {
    var random = new Random(12);
    for (int i = 0; i < 30_000; i++) {
      byte[] noise = new byte[1 + random.nextInt(90)];
      random.nextBytes(noise);
      // The first byte and the lengths as they should be, or nearly nothing gets in.
      boolean v4 = random.nextBoolean();
      noise[0] = (byte) (v4 ? 0x45 + random.nextInt(3) : 0x60 | noise[0] & 0xf);
      set16(noise, v4 ? 2 : 4, Math.max(0, noise.length - (v4 ? 0 : 40) - random.nextInt(3)));
      setByte(noise, v4 ? 9 : 6, PROTOCOLS[random.nextInt(PROTOCOLS.length)]);
      tryAll(noise, random);
    }
    assertThat(sound).as("packets that passed").isGreaterThan(3000);
  }

  @Test
  void goodPacketsWithDamage() throws ReflectiveOperationException {
    var random = new Random(13);
    List<PacketBuilder> kinds = kinds();
    for (int i = 0; i < 30_000; i++) {
      ByteBuf packet = Bytes.empty(300);
      kinds.get(random.nextInt(kinds.size())).payload(random.nextInt(40)).write(packet);
      byte[] bytes = new byte[packet.writerIndex()];
      packet.readBytes(bytes);
      for (int n = random.nextInt(4); n >= 0; n--) {
        bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
      }
      tryAll(bytes, random);
    }
    assertThat(sound).as("packets that passed").isGreaterThan(3000);
  }

  /** The buffer ends where the packet does, so that a read too far is seen. */
  private void tryAll(byte[] bytes, Random random) throws ReflectiveOperationException {
    int before = random.nextInt(3);
    ByteBuf buf = Bytes.empty(before + bytes.length).writerIndex(before).writeBytes(bytes);
    boolean whole = random.nextInt(4) != 0;
    PacketFault fault =
        whole
            ? view.check(buf, before, bytes.length)
            : view.checkHeaders(buf, before, bytes.length);
    if (fault != PacketFault.NONE) {
      return;
    }
    sound++;
    for (Method accessor : ACCESSORS) {
      accessor.invoke(view);
    }
    assertThat(view.transportStart()).isBetween(view.start() + 20, view.end());
    assertThat(view.tcpPayloadLength()).isBetween(0, view.length());
    if (whole) {
      assertThat(view.end()).isLessThanOrEqualTo(buf.writerIndex());
      Checksums.verifyTransport(view);
    }
  }

  private static final int[] PROTOCOLS = {1, 6, 17, 58, 50, 0, 43, 44, 51, 60, 135, 4, 41, 59};

  private static List<PacketBuilder> kinds() {
    var kinds = new ArrayList<PacketBuilder>();
    for (String[] pair : new String[][] {{"192.0.2.1", "10.1.0.10"}, {"fd00::2", "fd00::10"}}) {
      kinds.add(PacketBuilder.of(pair[0], pair[1]).tcp(1, 2, 3, 4, PacketView.ACK, 5));
      kinds.add(PacketBuilder.of(pair[0], pair[1]).udp(1, 2));
      kinds.add(PacketBuilder.of(pair[0], pair[1]).icmp(8, 0, 1));
      kinds.add(PacketBuilder.of(pair[0], pair[1]).udp(1, 2).fragment(0, true));
      kinds.add(PacketBuilder.of(pair[0], pair[1]).tcp(1, 2, 3, 4, 2, 5).fragment(0, true));
      kinds.add(PacketBuilder.of(pair[0], pair[1]).raw(50).fragment(16, true));
    }
    kinds.add(PacketBuilder.of("fd00::2", "fd00::10").extension(0).extension(60).udp(1, 2));
    kinds.add(PacketBuilder.of("fd00::2", "fd00::10").extension(43, new byte[22]).udp(1, 2));
    kinds.add(PacketBuilder.of("192.0.2.1", "10.1.0.10").ipOptions(new byte[20]).udp(1, 2));
    return kinds;
  }

  private static List<Method> accessors() {
    var accessors = new ArrayList<Method>();
    for (Method method : PacketView.class.getDeclaredMethods()) {
      if (Modifier.isPublic(method.getModifiers()) && method.getParameterCount() == 0) {
        accessors.add(method);
      }
    }
    assertThat(accessors).hasSizeGreaterThan(30);
    return accessors;
  }

  private static void set16(byte[] bytes, int at, int value) {
    setByte(bytes, at, value >> 8);
    setByte(bytes, at + 1, value);
  }

  private static void setByte(byte[] bytes, int at, int value) {
    if (at < bytes.length) {
      bytes[at] = (byte) value;
    }
  }
}
