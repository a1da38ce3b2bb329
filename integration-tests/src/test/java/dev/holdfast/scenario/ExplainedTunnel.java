package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.Bystander;
import dev.holdfast.redirector.demo.host.DemoHost;
import dev.holdfast.redirector.demo.lab.Lab;
import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.redirector.demo.measure.Tap;
import dev.holdfast.redirector.migration.ExplainRequest;
import dev.holdfast.redirector.migration.Explanation;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Asks both daemons of a migration by IP-in-IP, over IPv4, what becomes of packets, both ways and
 * of both families; and compares the outer header that is told with one on the wire.
 *
 * <pre>
 *   client - router +- to-old - old host    from its LAN: held, tunnelled; out of it: delivered
 *                   +- to-new - new host    the same the other way; a tap sees the outer packets
 * </pre>
 */
final class ExplainedTunnel implements Bystander {
  private static final int DSCP = 0xb8;
  private static final int DATA = 72;
  private static final int ETHERNET = 14;
  private static final Duration LIMIT = Duration.ofSeconds(20);

  /** Of a path of 1500 bytes, 20 are the outer header's. */
  private static final int LONGEST = 1480;

  /** What the wire, or the explanation, says of an outer IPv4 packet. */
  private record Outer(IpAddress source, IpAddress destination, int added, int dscp, boolean df) {}

  private @Nullable DemoHost old;
  private @Nullable DemoHost fresh;
  private boolean compared;

  /** Whether everything was asked; nothing is proven where it was not. */
  boolean hasCompared() {
    return compared;
  }

  @Override
  public void reached(MigrationState state, DemoHost oldHost, DemoHost newHost) throws Exception {
    old = oldHost;
    fresh = newHost;
    if (state == MigrationState.HOLDING) {
      for (LabAddresses lan : List.of(LabAddresses.V4, LabAddresses.V6)) {
        assertThat(ask(oldHost, false, echo(lan, true)).verdict()).isEqualTo("held");
        assertThat(ask(newHost, false, echo(lan, false)).verdict()).isEqualTo("tunnelled");
      }
    }
  }

  @Override
  public void moved(Lab lab) throws Exception {
    for (LabAddresses lan : List.of(LabAddresses.V4, LabAddresses.V6)) {
      Outer toGuest = tunnelled(Objects.requireNonNull(old), echo(lan, true));
      Outer fromGuest = tunnelled(Objects.requireNonNull(fresh), echo(lan, false));
      IpAddress left = LabAddresses.V4.oldHost();
      IpAddress right = LabAddresses.V4.newHost();
      boolean df = lan.client().isV4(); // it is copied; IPv6 has none (RFC 4213 section 3.2)
      assertThat(toGuest).isEqualTo(new Outer(left, right, 20, DSCP, df));
      assertThat(fromGuest).isEqualTo(new Outer(right, left, 20, DSCP, df));
      assertThat(ask(fresh, true, echo(lan, true)).verdict()).isEqualTo("delivered");
      assertThat(ask(old, true, echo(lan, false)).verdict()).isEqualTo("delivered");
      PacketBuilder plain = between(lan, true).tcp(40_000, 40_001, 1, 1, PacketView.ACK, 500);
      awaitOnTheWire(lab, lan, tunnelled(old, plain));
      sizes(lan);
    }
    compared = true;
  }

  private void sizes(LabAddresses lan) throws Exception {
    boolean v4 = lan.client().isV4();
    int headers = v4 ? 40 : 60;
    for (boolean toGuest : new boolean[] {true, false}) {
      DemoHost at = Objects.requireNonNull(toGuest ? old : fresh);
      PacketBuilder whole =
          between(lan, toGuest)
              .tcp(40_000, 40_001, 1, 1, PacketView.ACK, 500)
              .payload(LONGEST - headers);
      assertThat(ask(at, false, whole).verdict()).isEqualTo("tunnelled");
      PacketBuilder over =
          between(lan, toGuest)
              .tcp(40_000, 40_001, 1, 1, PacketView.ACK, 500)
              .payload(LONGEST - headers + 1);
      Explanation carried = ask(at, false, over);
      assertThat(carried.verdict()).isEqualTo("tunnelled");
      assertThat(carried.steps())
          .anySatisfy(step -> assertThat(step.why()).contains("goes on meanwhile"));
      PacketBuilder datagram = between(lan, toGuest).udp(5, 6).payload(LONGEST - headers + 20);
      Explanation told = ask(at, false, datagram);
      assertThat(told.dropReason()).isEqualTo("too-big");
      assertThat(told.steps().getLast().why())
          .contains(v4 ? "Fragmentation Needed (RFC 1191)" : "Packet Too Big (RFC 8201)", "1480");
    }
    if (v4) {
      PacketBuilder cut = between(lan, true).dontFragment(false).udp(5, 6).payload(1_472);
      Explanation said = ask(Objects.requireNonNull(old), false, cut);
      assertThat(said.verdict()).isEqualTo("tunnelled");
      assertThat(said.outcome()).contains("in fragments of its own");
    }
  }

  private static PacketBuilder between(LabAddresses lan, boolean toGuest) {
    return toGuest
        ? new PacketBuilder(lan.client(), lan.guestOld())
        : new PacketBuilder(lan.guestOld(), lan.client());
  }

  private static PacketBuilder echo(LabAddresses lan, boolean toGuest) {
    int request = lan.client().isV4() ? 8 : 128;
    int reply = lan.client().isV4() ? 0 : 129;
    return between(lan, toGuest)
        .trafficClass(DSCP)
        .icmp(toGuest ? request : reply, 0, 1)
        .payload(DATA);
  }

  private static Explanation ask(DemoHost host, boolean outOfTunnel, PacketBuilder packet)
      throws Exception {
    ByteBuf bytes = Unpooled.buffer();
    int unused = packet.write(bytes);
    Explanation said =
        host.control().explain(new ExplainRequest(ByteBufUtil.hexDump(bytes), outOfTunnel, null));
    assertThat(said.migration()).as("%s", said).isEqualTo("web1");
    return said;
  }

  /** The outer packet that {@code host} says it would send. */
  private static Outer tunnelled(DemoHost host, PacketBuilder packet) throws Exception {
    Explanation said = ask(host, false, packet);
    assertThat(said.verdict()).as("%s", said).isEqualTo("tunnelled");
    Explanation.Step last = said.steps().getLast();
    assertThat(last.step()).isEqualTo("encapsulation");
    String[] ends = last.result().replaceFirst("IPv[46]-in-IPv4, ", "").split(" > ", -1);
    String why = last.why();
    assertThat(why)
        .matches("\\d+ more bytes; TTL 64, traffic class 0x[0-9a-f]{2}, (DF|may be fragmented)");
    return new Outer(
        IpAddress.parse(ends[0]),
        IpAddress.parse(ends[1]),
        Integer.parseInt(why.substring(0, why.indexOf(' '))),
        Integer.parseInt(why.replaceFirst(".*0x([0-9a-f]{2}).*", "$1"), 16),
        why.endsWith(", DF"));
  }

  /** The old host sends such outer packets for what clients send all the time. */
  private static void awaitOnTheWire(Lab lab, LabAddresses lan, Outer told) throws Exception {
    Set<Outer> seen = ConcurrentHashMap.newKeySet();
    String filter =
        "ip proto %d and src host %s".formatted(lan.client().isV4() ? 4 : 41, told.source());
    long end = System.nanoTime() + LIMIT.toNanos();
    try (Tap tap =
        Tap.open(lab.router(), "to-new", filter, null, (at, frame) -> seen.add(outer(frame)))) {
      while (!seen.contains(told)) {
        assertThat(System.nanoTime() - end).as("%s among %s", told, seen).isNegative();
        Thread.sleep(10);
      }
    }
  }

  private static Outer outer(byte[] frame) {
    int inner = ETHERNET + (frame[ETHERNET] & 0xf) * 4;
    boolean v4 = (frame[inner] & 0xf0) == 0x40;
    int length = v4 ? u16(frame, inner + 2) : 40 + u16(frame, inner + 4);
    return new Outer(
        IpAddress.ofBytes(Arrays.copyOfRange(frame, 26, 30)),
        IpAddress.ofBytes(Arrays.copyOfRange(frame, 30, 34)),
        u16(frame, ETHERNET + 2) - length,
        frame[ETHERNET + 1] & 0xff,
        (frame[ETHERNET + 6] & 0x40) != 0);
  }

  private static int u16(byte[] bytes, int at) {
    return (bytes[at] & 0xff) << 8 | (bytes[at + 1] & 0xff);
  }
}
