package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.host.HostPlan;
import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.GuestCable;
import dev.holdfast.redirector.demo.lab.Lab;
import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.redirector.demo.lab.LabOptions;
import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.redirector.demo.lab.Tool;
import dev.holdfast.redirector.migration.MigrationRequest;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import io.netty.buffer.ByteBufUtil;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The demo's lab with a guest of both families between two daemons, and wires at both ends, for
 * packets that no kernel here would send. They go to and from addresses of the client of which
 * neither the client's nor the guest's kernel hears: a wire does, before it is dropped.
 *
 * <pre>
 *   client 10.9.0.2, 10.9.0.77 --- router 10.1.0.1 --- old host 10.1.0.2 ... guest 10.1.0.10
 *                                        |                                      .
 *                                        +------------ new host 10.2.0.2 .......
 * </pre>
 */
final class TrafficLab implements AutoCloseable {
  static final IpAddress SILENT4 = IpAddress.parse("10.9.0.77");
  static final IpAddress SILENT6 = IpAddress.parse("fd00:9::77");

  private static final Duration WITHIN = Duration.ofSeconds(10);

  final Lab lab;
  final TwoHosts hosts;
  final PacketWire client;
  final PacketWire guest;
  private final GuestCable cable;
  private final MacAddress router;
  private final MacAddress gateway;
  private final String encapsulation;

  /**
   * @param outer who has which address in the family of the tunnel's own packets
   */
  TrafficLab(String encapsulation, String capture, LabAddresses outer, Path folder, Cleanup cleanup)
      throws Exception {
    this.encapsulation = encapsulation;
    lab = Lab.build(LabOptions.plain().withPeer(true), cleanup);
    // Deprecated: the client's own connections are not to be from there.
    lab.client()
        .ip(
            "addr add " + SILENT4 + "/32 dev eth0",
            "addr add " + SILENT6 + "/128 dev eth0 preferred_lft 0");
    silence(lab.client(), "daddr");
    silence(lab.guest(), "saddr");
    for (Namespace answering : List.of(lab.router(), lab.guest(), lab.client())) {
      answering.sysctl("net/ipv4/icmp_ratelimit", "0"); // what they say is what is tested
      answering.sysctl("net/ipv6/icmp/ratelimit", "0");
    }
    hosts =
        TwoHosts.start(
            lab,
            LabAddresses.V4,
            new HostPlan("old-host", lab.oldHost(), outer.oldHost(), Lab.BRIDGE, 4, capture),
            new HostPlan("new-host", lab.newHost(), outer.newHost(), Lab.BRIDGE, 4, capture),
            folder,
            cleanup);
    cable = new GuestCable(lab);
    client = PacketWire.open(lab.client(), "eth0");
    guest = PacketWire.open(lab.guest(), "eth0");
    cleanup.add("the wires", this::close);
    router = PacketWire.mac(lab.router(), "to-client");
    gateway = PacketWire.mac(lab.router(), "to-old");
  }

  private static void silence(Namespace where, String which) throws IOException {
    Tool.run(
        where.within("nft", "-f", "-"),
        """
        table netdev silent {
          chain ingress {
            type filter hook ingress device "eth0" priority 0;
            icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
            ip %s %s drop
            ip6 %s %s drop
          }
        }
        """
            .formatted(which, SILENT4, which, SILENT6));
  }

  void arm() throws Exception {
    LabAddresses v4 = LabAddresses.V4;
    LabAddresses v6 = LabAddresses.V6;
    hosts.arm(
        MigrationRequest.of(
                TwoHosts.NAME,
                List.of(v4.guestOld().toString(), v6.guestOld().toString()),
                List.of(v4.guestNew().toString(), v6.guestNew().toString()),
                "new-host",
                Lab.BRIDGE)
            .guestPort(Lab.OLD_PORT)
            .guestMac(Lab.GUEST_MAC)
            .encapsulation(encapsulation)
            .holdPolicy("queue")
            .flowListCommand(String.join(" ", lab.guest().within("ss", "-Htn")))
            .request());
  }

  void hold() throws Exception {
    hosts.hold();
    cable.unplug();
  }

  void release() throws Exception {
    cable.plugInAtNewHost();
    cable.takeNewAddresses();
    hosts.release();
  }

  void finish() throws Exception {
    hosts.old().control().finish(TwoHosts.NAME, true);
    hosts.awaitDone(Duration.ofSeconds(30));
  }

  /** All kinds of packets, of both families, to the guest or from it. */
  static List<Crafted> packets(boolean toGuest, int run) {
    List<Crafted> all = new ArrayList<>();
    IpAddress old4 = LabAddresses.V4.guestOld();
    IpAddress old6 = LabAddresses.V6.guestOld();
    all.addAll(Crafted.all(toGuest ? SILENT4 : old4, toGuest ? old4 : SILENT4, run));
    all.addAll(Crafted.all(toGuest ? SILENT6 : old6, toGuest ? old6 : SILENT6, run));
    return all;
  }

  void sendToGuest(List<Crafted> packets) throws Exception {
    for (Crafted each : packets) {
      client.send(router, each.bytes());
    }
  }

  /** The guest goes on sending to the MAC of its old router. */
  void sendFromGuest(List<Crafted> packets) throws Exception {
    for (Crafted each : packets) {
      guest.send(gateway, each.bytes());
    }
  }

  /** Waits for all of them at a wire, byte for byte but for the hops, and nothing else. */
  static void awaitAt(PacketWire wire, List<Crafted> sent, int hops) throws Exception {
    Map<String, List<String>> expected = new HashMap<>();
    for (Crafted each : sent) {
      expected
          .computeIfAbsent(Crafted.comparable(each.after(hops)), bytes -> new ArrayList<>())
          .add(each.what() + (Crafted.isV4(each.bytes()) ? " (IPv4)" : " (IPv6)"));
    }
    long end = System.nanoTime() + WITHIN.toNanos();
    while (crafted(wire).size() < sent.size() && System.nanoTime() - end < 0) {
      Thread.sleep(5);
    }
    List<String> strange = new ArrayList<>();
    for (byte[] packet : crafted(wire)) {
      String bytes = Crafted.comparable(packet);
      List<String> left = expected.getOrDefault(bytes, List.of());
      if (left.isEmpty()) {
        strange.add(bytes);
      } else {
        left.removeLast();
      }
    }
    List<String> missing = expected.values().stream().flatMap(List::stream).sorted().toList();
    assertThat(missing).as("did not arrive as it was sent; there came: %s", strange).isEmpty();
    assertThat(strange).as("was never sent").isEmpty();
  }

  /** What was heard of and for the silent addresses; not what its neighbours ask. */
  private static List<byte[]> crafted(PacketWire wire) throws IOException {
    return wire.heard().stream().filter(TrafficLab::isCrafted).toList();
  }

  private static boolean isCrafted(byte[] packet) {
    return Crafted.isV4(packet)
        ? names(packet, 12, SILENT4) || names(packet, 16, SILENT4)
        : !isDiscovery(packet) && (names(packet, 8, SILENT6) || names(packet, 24, SILENT6));
  }

  /** RFC 4861: nobody forwards it. */
  private static boolean isDiscovery(byte[] packet) {
    return packet[6] == 58 && (packet[40] & 0xff) >= 133 && packet[7] == (byte) 255;
  }

  /** What the hosts themselves have said at both wires, other than that a packet is too big. */
  List<String> saidByHosts() throws IOException {
    List<String> said = new ArrayList<>();
    for (PacketWire wire : List.of(client, guest)) {
      for (byte[] packet : wire.heard()) {
        boolean v4 = Crafted.isV4(packet);
        LabAddresses family = v4 ? LabAddresses.V4 : LabAddresses.V6;
        int source = v4 ? 12 : 8;
        boolean isHosts =
            names(packet, source, family.oldHost()) || names(packet, source, family.newHost());
        int icmp = v4 ? (packet[0] & 0xf) * 4 : 40;
        boolean isTooBig =
            v4
                ? packet[9] == 1 && packet[icmp] == 3 && packet[icmp + 1] == 4
                : packet[6] == 58 && packet[icmp] == 2;
        if (isHosts && !isTooBig && !(!v4 && isDiscovery(packet))) {
          said.add(ByteBufUtil.hexDump(packet));
        }
      }
    }
    return said;
  }

  static boolean names(byte[] packet, int at, IpAddress address) {
    byte[] bytes = address.toBytes();
    return Arrays.equals(packet, at, at + bytes.length, bytes, 0, bytes.length);
  }

  @Override
  public void close() {
    client.close();
    guest.close();
  }
}
