package dev.holdfast.bench;

import dev.holdfast.redirector.capturefile.LinkLayer;
import dev.holdfast.redirector.capturefile.PcapNgWriter;
import dev.holdfast.tunnel.packet.PacketBuilder;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * A capture of a busy web server, made up: 200 connections at a time, each with questions of 300
 * bytes and answers in bursts of up to ten segments of 1448 bytes, an acknowledgment for two of
 * them; when one has ended, another begins. Some 10,000 packets a second.
 */
final class WebTraffic {
  static final String SERVER = "10.1.0.10";
  private static final int AT_A_TIME = 200;
  private static final int SEGMENT = 1_448;
  private static final int QUESTION = 300;
  private static final int[] ANSWERS = {10, 50, 200, 1_000};
  private static final int ACK = 0x10;
  private static final int PSH_ACK = 0x18;
  private static final int FIN_ACK = 0x11;

  private final PcapNgWriter out;
  private final int lan;
  private final Random random = new Random(1);
  private final ByteBuf frame = Unpooled.buffer();
  private final byte[] bytes = new byte[70_000];
  private long nanos = 1_790_000_000_000_000_000L;
  private long packets;
  private int begun;

  private WebTraffic(PcapNgWriter out) throws IOException {
    this.out = out;
    this.lan = out.describe("eth0", "", LinkLayer.ETHERNET, 0);
    random.nextBytes(bytes);
  }

  /**
   * Writes one.
   *
   * @param size of the file, at least
   * @return how many packets
   */
  static long write(Path file, long size) throws IOException {
    try (var out =
        new PcapNgWriter(new BufferedOutputStream(Files.newOutputStream(file), 1 << 20), "bench")) {
      var traffic = new WebTraffic(out);
      List<Connection> connections = new ArrayList<>();
      for (int i = 0; i < AT_A_TIME; i++) {
        connections.add(traffic.begin());
      }
      while (out.written() < size) {
        int turn = traffic.random.nextInt(AT_A_TIME);
        if (traffic.goOn(connections.get(turn))) {
          connections.set(turn, traffic.begin());
        }
      }
      return traffic.packets;
    }
  }

  private static final class Connection {
    final String client;
    final int port;
    long asked;
    long answered;
    int left;
    boolean open;
    boolean idle = true;

    Connection(int number, Random random) {
      client = "10.9." + (number >> 8 & 0xff) + "." + (number & 0xff);
      port = 20_000 + number % 40_000;
      asked = random.nextInt() & 0xffff_ffffL;
      answered = random.nextInt() & 0xffff_ffffL;
      left = ANSWERS[random.nextInt(ANSWERS.length)];
    }
  }

  private Connection begin() {
    return new Connection(begun++, random);
  }

  /** Its next few packets; whether it has ended by them. */
  private boolean goOn(Connection of) throws IOException {
    nanos += 200_000 + random.nextInt(1_400_000);
    if (!of.open) {
      handshake(of);
      return false;
    }
    if (of.left <= 0) {
      end(of);
      return true;
    }
    if (of.idle || random.nextInt(5) == 0) {
      of.idle = false;
      asks(of, PSH_ACK, QUESTION);
      of.asked += QUESTION;
      nanos += 200_000;
    }
    int burst = 1 + random.nextInt(10);
    for (int i = 0; i < burst; i++) {
      answers(of, ACK, SEGMENT);
      of.answered += SEGMENT;
      nanos += 50_000;
      if (i % 2 == 1) {
        asks(of, ACK, 0);
      }
    }
    nanos += 300_000;
    asks(of, ACK, 0);
    of.left -= burst;
    return false;
  }

  private void handshake(Connection of) throws IOException {
    byte[] options = {2, 4, 5, (byte) 0xb4, 1, 3, 3, 7, 4, 2, 1, 1};
    write(from(of).tcp(of.port, 80, of.asked++, 0, 0x02, 64_240, options));
    write(to(of).tcp(80, of.port, of.answered++, of.asked, 0x12, 65_160, options));
    asks(of, ACK, 0);
    of.open = true;
  }

  private void end(Connection of) throws IOException {
    asks(of, FIN_ACK, 0);
    of.asked++;
    answers(of, FIN_ACK, 0);
    of.answered++;
    asks(of, ACK, 0);
  }

  private void asks(Connection of, int flags, int length) throws IOException {
    write(from(of).tcp(of.port, 80, of.asked, of.answered, flags, 502).payload(some(length)));
  }

  private void answers(Connection of, int flags, int length) throws IOException {
    write(to(of).tcp(80, of.port, of.answered, of.asked, flags, 509).payload(some(length)));
  }

  private byte[] some(int length) {
    byte[] some = new byte[length];
    System.arraycopy(bytes, length == 0 ? 0 : random.nextInt(60_000), some, 0, length);
    return some;
  }

  private static PacketBuilder from(Connection of) {
    return PacketBuilder.of(of.client, SERVER);
  }

  private static PacketBuilder to(Connection of) {
    return PacketBuilder.of(SERVER, of.client);
  }

  private void write(PacketBuilder packet) throws IOException {
    nanos += 100;
    frame.clear().writeLong(0x0200_0000_0001_0200L).writeInt(0x0000_0002).writeShort(0x0800);
    int unused = packet.write(frame);
    out.packet(lan, nanos, frame.nioBuffer(), frame.readableBytes(), "");
    packets++;
  }
}
