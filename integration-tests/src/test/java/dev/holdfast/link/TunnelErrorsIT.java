package dev.holdfast.link;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.lab.Namespace;
import dev.holdfast.redirector.decide.Role;
import dev.holdfast.tunnel.device.FdReadiness;
import dev.holdfast.tunnel.device.IcmpErrorSocket;
import dev.holdfast.tunnel.device.RawIpSocket;
import dev.holdfast.tunnel.encap.TunnelPathMtu;
import dev.holdfast.tunnel.link.Link.Sent;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.IoEventLoop;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * ICMP errors from inside an IP-in-IP tunnel, made by a real router on its way; once for each
 * family outside.
 *
 * <pre>
 *   namespace left                   namespace router                   namespace right
 *   10.79.1.1, fd79:1::1 --- west 10.79.1.9 | 10.79.2.9 east --- 10.79.2.2, fd79:2::2
 *   (redirector)                     fd79:1::9 | fd79:2::9              (endpoint)
 * </pre>
 *
 * The migration's old addresses are 10.1.0.10 and fd00:1::10.
 */
@Timeout(60)
@ParameterizedClass(name = "outside: {0}")
@ValueSource(strings = {"IPv4", "IPv6"})
class TunnelErrorsIT {
  private static final int MTU = 1500;
  private static final int NARROW = 1400;

  private static Namespace left;
  private static Namespace router;
  private static Namespace right;

  private final boolean v4;
  private final int outer;
  private final IpAddress leftAddress;
  private final IpAddress rightAddress;
  private final IpAddress routerAddress;
  private final MultiThreadIoEventLoopGroup group =
      new MultiThreadIoEventLoopGroup(2, EpollIoHandler.newFactory());
  private final IoEventLoop leftLoop = group.next();
  private TunnelEnd atLeft;
  private TunnelEnd atRight;
  private RawIpSocket forger;

  TunnelErrorsIT(String family) {
    v4 = family.equals("IPv4");
    outer = v4 ? 20 : 40;
    leftAddress = IpAddress.parse(v4 ? "10.79.1.1" : "fd79:1::1");
    rightAddress = IpAddress.parse(v4 ? "10.79.2.2" : "fd79:2::2");
    routerAddress = IpAddress.parse(v4 ? "10.79.1.9" : "fd79:1::9");
  }

  @BeforeAll
  static void makeLab() throws Exception {
    left = Namespace.create("left");
    router = Namespace.create("router");
    right = Namespace.create("right");
    Namespace.connect(left, "wire", router, "west");
    Namespace.connect(router, "east", right, "wire");
    address(left, "wire", "10.79.1.1/24", "fd79:1::1/64");
    address(router, "west", "10.79.1.9/24", "fd79:1::9/64");
    address(router, "east", "10.79.2.9/24", "fd79:2::9/64");
    address(right, "wire", "10.79.2.2/24", "fd79:2::2/64");
    route(left, "10.79.1.9", "fd79:1::9");
    route(right, "10.79.2.9", "fd79:2::9");
    router.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1");
    // A router may send as many as it likes; this one is asked for several in a second.
    router.run("sysctl", "-qw", "net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0");
  }

  private static void address(Namespace host, String device, String four, String six)
      throws Exception {
    host.ip("addr add " + four + " dev " + device);
    host.ip("addr add " + six + " dev " + device + " nodad");
  }

  private static void route(Namespace host, String four, String six) throws Exception {
    host.ip("route add default via " + four);
    host.ip("-6 route add default via " + six);
  }

  @AfterAll
  static void removeLab() throws Exception {
    left.close();
    router.close();
    right.close();
  }

  @BeforeEach
  void open() throws Exception {
    atLeft = TunnelEnd.open(left, leftLoop, leftAddress, Role.REDIRECTOR, rightAddress, MTU);
    atRight = TunnelEnd.open(right, group.next(), rightAddress, Role.ENDPOINT, leftAddress, MTU);
    forger =
        router.call(
            () -> RawIpSocket.open(routerAddress, RawIpSocket.PROTOCOL_IPV4, (packet, why) -> {}));
  }

  @AfterEach
  void remove() throws Exception {
    forger.close();
    atLeft.close();
    atRight.close();
    group.shutdownGracefully(0, 0, TimeUnit.SECONDS).syncUninterruptibly();
    narrow(MTU);
    for (Namespace host : new Namespace[] {left, right}) {
      host.ip("route flush cache");
      host.ip("-6 route flush cache");
    }
  }

  /** The link between router and right, at both of its ends. */
  private static void narrow(int mtu) throws Exception {
    router.ip("link set east mtu " + mtu);
    right.ip("link set wire mtu " + mtu);
  }

  /** To the guest, of {@code length} bytes inside, with Don't Fragment. */
  private static PacketBuilder toGuest(int length) {
    return PacketBuilder.of("10.9.0.2", "10.1.0.10").udp(5_000, 80).payload(length - 28);
  }

  private static PacketBuilder toGuest6(int length) {
    return PacketBuilder.of("fd00:9::2", "fd00:1::10").udp(5_000, 80).payload(length - 48);
  }

  private static PacketBuilder fromGuest(int length) {
    return PacketBuilder.of("10.1.0.10", "10.9.0.2").udp(80, 5_000).payload(length - 28);
  }

  private static byte[] bytes(PacketBuilder packet) {
    ByteBuf plain = Unpooled.buffer();
    int unused = packet.write(plain);
    return ByteBufUtil.getBytes(plain);
  }

  @Test
  void aPathThatBecomesNarrowIsLearntForAWhile() throws Exception {
    int longest = MTU - outer;
    assertThat(atLeft.send(toGuest(longest))).isEqualTo(Sent.OK);
    assertThat(atRight.next()).isEqualTo(bytes(toGuest(longest)));
    assertThat(atLeft.innerMtu()).isEqualTo(longest);

    narrow(NARROW);
    assertThat(atLeft.send(toGuest(longest))).isEqualTo(Sent.OK); // and lost at the router
    atLeft.await(() -> atLeft.innerMtu() == NARROW - outer, "the path MTU to fall");
    assertThat(atLeft.counted()).isEqualTo(Map.of("too-big", 1L));
    assertThat(atLeft.send(toGuest(NARROW - outer))).isEqualTo(Sent.OK);
    assertThat(atRight.next()).isEqualTo(bytes(toGuest(NARROW - outer)));
    assertThat(atLeft.send(toGuest6(NARROW - outer))).isEqualTo(Sent.OK);
    assertThat(atRight.next()).isEqualTo(bytes(toGuest6(NARROW - outer)));
    PacketBuilder large = toGuest(MTU).dontFragment(false).identification(3);
    assertThat(atLeft.send(large)).isEqualTo(Sent.OK);
    assertThat(atRight.next()).as("fragmented outside").isEqualTo(bytes(large));
    assertThat(atLeft.counted()).isEqualTo(Map.of("too-big", 1L));
    assertThat(atLeft.news).isEmpty();

    // The kernel has learnt it too, for as long as it likes; the tunnel's packets do not ask it.
    assertThat(left.ip("route get " + rightAddress)).contains("mtu " + NARROW);
    narrow(MTU);
    atLeft.onLoop(() -> {
      atLeft.link.learntMtu(TunnelPathMtu.UNLIMITED); // as ten minutes later
      return 0;
    });
    assertThat(atLeft.send(toGuest(longest))).isEqualTo(Sent.OK);
    assertThat(atRight.next()).isEqualTo(bytes(toGuest(longest)));
    assertThat(atLeft.dropped()).isEmpty();
    assertThat(atRight.dropped()).isEmpty();
  }

  /** The data connections of TLS are the kernel's own business; it has the same errors. */
  @Test
  void aTcpConnectionAcrossTheSamePathRecovers() throws Exception {
    try (ServerSocket listener =
            right.call(() -> new ServerSocket(0, 1, rightAddress.toInetAddress()));
        Socket client =
            left.call(() -> new Socket(rightAddress.toInetAddress(), listener.getLocalPort()))) {
      try (Socket server = listener.accept()) {
        client.getOutputStream().write(new byte[10_000]);
        assertThat(server.getInputStream().readNBytes(10_000)).hasSize(10_000);
        narrow(NARROW);
        var sending =
            CompletableFuture.runAsync(() -> {
              try {
                client.getOutputStream().write(new byte[300_000]);
              } catch (IOException e) {
                throw new AssertionError(e);
              }
            });
        assertThat(server.getInputStream().readNBytes(300_000)).hasSize(300_000);
        sending.get(5, TimeUnit.SECONDS);
      }
    }
    assertThat(atLeft.counted()).as("not the tunnel's packets").isEmpty();
    assertThat(atLeft.innerMtu()).isEqualTo(MTU - outer);
  }

  /** What the tunnel would have sent, to be quoted. */
  private byte[] outerPacket(IpAddress from, IpAddress to, PacketBuilder inside) {
    return bytes(new PacketBuilder(from, to).raw(4).payload(bytes(inside)));
  }

  private void forge(int type, int code, int mtu, byte[] quoted) throws Exception {
    ByteBuf packet = Unpooled.directBuffer();
    int unused =
        new PacketBuilder(routerAddress, leftAddress)
            .icmp(type, code, mtu)
            .payload(quoted)
            .write(packet);
    forger.send(packet);
    assertThat(forger.flush()).isOne();
  }

  private void forgeTooBig(int mtu, byte[] quoted) throws Exception {
    forge(v4 ? 3 : 2, v4 ? 4 : 0, mtu, Arrays.copyOf(quoted, Math.min(quoted.length, 500)));
  }

  @Test
  void whatIsForgedIsCountedAndChangesNothing() throws Exception {
    IpAddress stranger = IpAddress.parse(v4 ? "10.79.1.77" : "fd79:1::77");
    PacketBuilder inside = toGuest(1_400);
    byte[] genuine = outerPacket(leftAddress, rightAddress, inside);
    // These the kernel gives to nobody: they quote no packet of this host and protocol.
    forgeTooBig(1_300, outerPacket(stranger, rightAddress, inside));
    byte[] otherProtocol = genuine.clone();
    otherProtocol[v4 ? 9 : 6] = 17;
    forgeTooBig(1_300, otherProtocol);
    // These it gives to us.
    forgeTooBig(1_300, outerPacket(leftAddress, stranger, inside));
    PacketBuilder notGranted = PacketBuilder.of("10.9.0.2", "10.1.0.11").udp(1, 2).payload(1_372);
    forgeTooBig(1_300, outerPacket(leftAddress, rightAddress, notGranted));
    byte[] otherLength = genuine.clone();
    otherLength[outer + 3]++;
    forgeTooBig(1_300, Arrays.copyOf(otherLength, outer + 8));
    forgeTooBig(68, genuine);
    forgeTooBig(v4 ? 571 : 1_279, genuine);
    forgeTooBig(1_400 + outer, genuine);
    atLeft.await(
        () ->
            atLeft.counted().equals(Map.of("not-granted", 2L, "bad-mtu", 3L))
                && atLeft.countedOfNobody().equals(Map.of("not-sent", 1L)),
        "six forged errors to be counted");
    assertThat(atLeft.innerMtu()).isEqualTo(MTU - outer);
    assertThat(atLeft.news).isEmpty();

    // One that a router could have sent, so that the above was refused for what it says.
    forgeTooBig(1_300, genuine);
    atLeft.await(() -> atLeft.innerMtu() == 1_300 - outer, "the path MTU to fall");
    forgeTooBig(1_290, genuine);
    atLeft.await(() -> atLeft.counted().containsKey("too-soon"), "the next to be too soon");
    assertThat(atLeft.innerMtu()).isEqualTo(1_300 - outer);
  }

  @Test
  void packetsThatComeBackAreToldOnceAndWhenTheyPassAgain() throws Exception {
    String unreachable = (v4 ? "" : "-6 ") + "route %s unreachable " + rightAddress;
    router.ip(unreachable.formatted("add"));
    try {
      // Linux answers a host about five times in a row (ip_error), and then once a second.
      for (int i = 0; i < 4; i++) {
        assertThat(atLeft.send(toGuest(200))).isEqualTo(Sent.OK);
      }
      assertThat(atLeft.news.take())
          .isEqualTo((v4 ? "host" : "network") + " unreachable, from " + routerAddress);
      String error = v4 ? "host-unreachable" : "net-unreachable";
      atLeft.await(() -> atLeft.counted().equals(Map.of(error, 4L)), "all four errors");
      assertThat(atLeft.send(toGuest(100))).as("the link stays up").isEqualTo(Sent.OK);
    } finally {
      router.ip(unreachable.formatted("del"));
    }
    atLeft.clock.addAndGet(6_000_000_000L);
    assertThat(atRight.send(fromGuest(100))).isEqualTo(Sent.OK);
    assertThat(atLeft.next()).isEqualTo(bytes(fromGuest(100)));
    assertThat(atLeft.news.take()).isEqualTo(TunnelEnd.PASS_AGAIN);
    assertThat(atLeft.news).isEmpty();
  }

  @Test
  void aStormOfErrorsCostsNoPacket() throws Exception {
    byte[] quoted = Arrays.copyOf(outerPacket(leftAddress, rightAddress, toGuest(200)), outer + 40);
    AtomicBoolean over = new AtomicBoolean();
    AtomicInteger forged = new AtomicInteger();
    var storm =
        CompletableFuture.runAsync(() -> {
          try {
            while (!over.get()) {
              forge(v4 ? 3 : 1, v4 ? 1 : 3, 0, quoted);
              forged.incrementAndGet();
            }
          } catch (Exception e) {
            throw new AssertionError(e);
          }
        });
    for (int round = 0; round < 20 || forged.get() < 3_000; round++) {
      for (int i = 0; i < 50; i++) {
        assertThat(atLeft.send(toGuest(1_000))).isEqualTo(Sent.OK);
        assertThat(atRight.send(fromGuest(1_000))).isEqualTo(Sent.OK);
      }
      for (int i = 0; i < 50; i++) {
        assertThat(atRight.next()).hasSize(1_000);
        assertThat(atLeft.next()).hasSize(1_000);
      }
    }
    over.set(true);
    storm.get(5, TimeUnit.SECONDS);
    assertThat(atLeft.dropped()).isEmpty();
    assertThat(atRight.dropped()).isEmpty();
    assertThat(atLeft.counted().get("host-unreachable")).isGreaterThan(20);
    assertThat(atLeft.news).hasSize(1);
  }

  /** An error that was read is not reported again, and packets are never reported here. */
  @Test
  void errorsAreReadInBatchesAndThenTheLoopRests() throws Exception {
    AtomicInteger turns = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    AtomicInteger read = new AtomicInteger();
    byte[] quoted = outerPacket(leftAddress, rightAddress, toGuest(200));
    IcmpErrorSocket socket =
        left.call(() -> IcmpErrorSocket.open(leftAddress, RawIpSocket.PROTOCOL_IPV4));
    FdReadiness readiness =
        FdReadiness.register(
            leftLoop,
            socket.fd(),
            () -> {
              try {
                turns.incrementAndGet();
                int n =
                    socket.readBatch((packet, type, code, mtu, from) -> {
                      assertThat(packet.readableBytes()).isEqualTo(200 + outer);
                      assertThat(from).isEqualTo(routerAddress);
                    });
                read.addAndGet(n);
                most.accumulateAndGet(n, Math::max);
              } catch (IOException e) {
                throw new AssertionError(e);
              }
            });
    try {
      assertThat(atRight.send(fromGuest(100))).isEqualTo(Sent.OK);
      assertThat(atLeft.next()).hasSize(100);
      assertThat(turns).hasValue(0);
      var asleep = new CompletableFuture<Void>();
      leftLoop.execute(asleep::join);
      for (int i = 0; i < 40; i++) {
        forge(v4 ? 3 : 1, v4 ? 1 : 3, 0, quoted);
      }
      asleep.complete(null);
      atLeft.await(() -> read.get() == 40, "all errors to be read");
      assertThat(most).hasValue(IcmpErrorSocket.BATCH);
      int before = turns.get();
      Thread.sleep(200);
      assertThat(turns.get() - before).isLessThanOrEqualTo(1);
    } finally {
      readiness.close();
      socket.close();
    }
  }
}
