package dev.holdfast.redirector.path;

import static dev.holdfast.redirector.path.Site.OLD;
import static dev.holdfast.redirector.path.Site.PEER;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.config.Config.StaleSyn;
import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.migration.Explanation;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.tunnel.link.ForwardingLink;
import dev.holdfast.tunnel.link.FrameType;
import dev.holdfast.tunnel.link.Link;
import dev.holdfast.tunnel.link.LoopbackLink;
import dev.holdfast.tunnel.observe.DropCounters;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What is said of a packet is what is then done with it. */
class ExplainerTest {
  private static final IpAddress OTHER = IpAddress.parse("10.1.0.99");
  private static final int NARROW = 1480;

  private final List<Site> opened = new ArrayList<>();

  @AfterEach
  void close() {
    for (Site site : opened) {
      site.close();
      site.tun.close();
    }
  }

  /** How a host stands when the packet comes. */
  private enum Links {
    UP,
    NARROW,
    DOWN
  }

  private static final class Narrow extends ForwardingLink {
    Narrow(Link link) {
      super(link);
    }

    @Override
    public int innerMtu() {
      return NARROW;
    }
  }

  // ---- the packets ----

  static PacketBuilder between(IpAddress from, IpAddress to) {
    return new PacketBuilder(from, to);
  }

  /** Of each kind one, from a peer's side or the guest's. */
  private static Map<String, PacketBuilder> packets(IpAddress from, IpAddress to) {
    Map<String, PacketBuilder> all = new LinkedHashMap<>();
    all.put("SYN", between(from, to).tcp(40_001, 80, 1, 0, PacketView.SYN, 500));
    all.put("known", between(from, to).tcp(40_000, 80, 900, 1, PacketView.ACK, 500).payload(10));
    all.put("known swapped", between(from, to).tcp(80, 40_000, 900, 1, PacketView.ACK, 500));
    all.put("midstream", between(from, to).tcp(40_002, 80, 5, 1, PacketView.ACK, 500));
    all.put("FIN", between(from, to).tcp(40_003, 80, 5, 1, 0x11, 500));
    all.put("RST", between(from, to).tcp(40_000, 80, 900, 1, PacketView.RST, 0));
    all.put("UDP", between(from, to).udp(5_000, 53).payload(30));
    all.put("echo request", between(from, to).icmp(8, 0, 1));
    all.put("echo reply", between(from, to).icmp(0, 0, 1));
    all.put("unreachable", between(from, to).icmp(3, 1, 0).payload(28));
    all.put("ESP", between(from, to).raw(50).payload(40));
    all.put("first fragment", between(from, to).udp(5_000, 53).fragment(0, true).payload(64));
    all.put("later fragment", between(from, to).udp(5_000, 53).fragment(64, false).payload(64));
    all.put("to itself", between(OLD, OLD).udp(1, 2));
    all.put("to a group", between(from, IpAddress.parse("224.0.0.251")).udp(5353, 5353));
    all.put("of others", between(OTHER, PEER).udp(1, 2));
    all.put("big", between(from, to).tcp(40_004, 80, 5, 1, PacketView.ACK, 500).payload(1_460));
    all.put("big, no DF", between(from, to).dontFragment(false).udp(5, 6).payload(4_000));
    all.put("super", between(from, to).tcp(40_005, 80, 5, 1, 16, 500).payload(9_000).gso(1_400));
    all.put(
        "big super", between(from, to).tcp(40_006, 80, 5, 1, 16, 500).payload(9_000).gso(1_460));
    return all;
  }

  // ---- what the path did ----

  private static Map<DropReason, Long> counts(DropCounters drops) {
    Map<DropReason, Long> counts = new LinkedHashMap<>();
    for (DropReason reason : DropReason.values()) {
      counts.put(reason, drops.get(reason));
    }
    return counts;
  }

  private record Before(
      Map<DropReason, Long> drops, Map<DropReason, Long> host, long sent, long held, long passed) {
    static Before of(Site site) {
      return new Before(
          counts(site.path.drops()),
          counts(site.hostDrops),
          site.path.toGuestPackets() + site.path.fromGuestPackets(),
          site.path.hold().total(),
          site.path.passed());
    }

    /** In the words of an explanation; a drop with its label. */
    String since(Site site) {
      Before now = of(site);
      if (now.sent > sent) {
        return "tunnelled";
      }
      if (now.held > held) {
        return "held";
      }
      if (now.passed > passed) {
        return "passed";
      }
      for (DropReason reason : DropReason.values()) {
        if (now.drops.getOrDefault(reason, 0L) > drops.getOrDefault(reason, 0L)) {
          ByteBuf answer = reason == DropReason.STALE_SYN ? site.tun.take() : null;
          if (answer != null) {
            answer.release();
            return "rejected " + reason.label();
          }
          return "dropped " + reason.label();
        }
        if (now.host.getOrDefault(reason, 0L) > host.getOrDefault(reason, 0L)) {
          boolean isNobodys = reason == DropReason.NO_MIGRATION || reason == DropReason.MULTICAST;
          return isNobodys ? "not-captured" : "dropped " + reason.label();
        }
      }
      return "nothing";
    }
  }

  static String said(Explanation explanation) {
    return explanation.dropReason() == null
        ? explanation.verdict()
        : explanation.verdict() + " " + explanation.dropReason();
  }

  private static Explainer explainer(Site site) {
    PathTable table = new PathTable();
    table.add(site.path);
    return new Explainer(
        table, path -> new MigrationFacts("web1", "host-b", false, "br0", "hf0", false, false));
  }

  private static ByteBuf bytes(PacketBuilder packet) {
    ByteBuf bytes = Unpooled.buffer();
    packet.writeWithVnet(bytes);
    return bytes;
  }

  private Site site(Role role, MigrationState state, StaleSyn stale, Links links)
      throws IOException {
    Site site = new Site(role, 2, 0, stale);
    Site far = new Site(role == Role.REDIRECTOR ? Role.ENDPOINT : Role.REDIRECTOR, 2);
    far.path.enter(MigrationState.REDIRECTING);
    opened.add(site);
    opened.add(far);
    for (int lane = 0; lane < 2; lane++) {
      LoopbackLink.Pair pair = LoopbackLink.pair(site.inbound.get(lane), far.inbound.get(lane));
      Link live = links == Links.NARROW ? new Narrow(pair.a()) : pair.a();
      site.path.linkUp(lane, pair.a(), live);
      far.path.linkUp(lane, pair.b(), pair.b());
    }
    site.path.enter(MigrationState.REDIRECTING); // so that a connection is known
    boolean isOld = role == Role.REDIRECTOR;
    site.arrives(
        between(isOld ? PEER : OLD, isOld ? OLD : PEER)
            .tcp(isOld ? 40_000 : 80, isOld ? 80 : 40_000, 800, 1, PacketView.ACK, 500));
    site.path.enter(state);
    if (links == Links.DOWN) {
      site.path.linkDown(0);
      site.path.linkDown(1);
    }
    return site;
  }

  static Stream<Arguments> standings() {
    return Stream.of(Role.values())
        .flatMap(role ->
            Stream.of(
                    MigrationState.ARMED,
                    MigrationState.HOLDING,
                    MigrationState.REDIRECTING,
                    MigrationState.DRAINING)
                .flatMap(
                    state -> Stream.of(Links.values()).map(l -> Arguments.of(role, state, l))));
  }

  @ParameterizedTest
  @MethodSource("standings")
  void whatComesFromTheLanIsDealtWithAsItIsExplained(Role role, MigrationState state, Links links)
      throws IOException {
    boolean isOld = role == Role.REDIRECTOR;
    for (StaleSyn stale : StaleSyn.values()) {
      for (var each : packets(isOld ? PEER : OLD, isOld ? OLD : PEER).entrySet()) {
        try (Site site = site(role, state, stale, links)) {
          Explainer explainer = explainer(site);
          Before before = Before.of(site);
          Explanation first = explainer.outbound(bytes(each.getValue()), Site.CLOCK.nanoTime());
          Explanation again = explainer.outbound(bytes(each.getValue()), Site.CLOCK.nanoTime());
          assertThat(again).as("%s, asked twice", each.getKey()).isEqualTo(first);
          assertThat(Before.of(site))
              .as("%s: asking changes nothing", each.getKey())
              .isEqualTo(before);

          site.arrives(each.getValue());

          String done = before.since(site);
          boolean isOfGuestHere =
              isOld && state == MigrationState.ARMED && !done.equals("not-captured");
          if (isOfGuestHere) { // nothing comes to the path then; if it did, this is what it would
            // do
            assertThat(first.verdict()).as("%s", each.getKey()).isEqualTo("not-captured");
            String wouldBe = step(first, "decide").split(",")[0].replace("drop as", "dropped");
            assertThat(done)
                .as("%s", each.getKey())
                .isEqualTo(wouldBe.equals("pass") ? "passed" : wouldBe);
          } else {
            assertThat(said(first)).as("%s by %s: %s", each.getKey(), stale, first).isEqualTo(done);
          }
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("standings")
  void whatComesOutOfTheTunnelIsDealtWithAsItIsExplained(
      Role role, MigrationState state, Links links) throws IOException {
    boolean isOld = role == Role.REDIRECTOR;
    for (var each : packets(isOld ? OLD : PEER, isOld ? PEER : OLD).entrySet()) {
      try (Site site = site(role, state, StaleSyn.TUNNEL, links)) {
        site.delivered();
        Explainer explainer = explainer(site);
        Before before = Before.of(site);
        Explanation said =
            explainer.inbound(bytes(each.getValue()), site.path, Site.CLOCK.nanoTime());
        assertThat(Before.of(site))
            .as("%s: asking changes nothing", each.getKey())
            .isEqualTo(before);

        ByteBuf payload = bytes(each.getValue());
        site.inbound.getFirst().onFrame(FrameType.PACKET, payload);

        ByteBuf written = site.tun.take();
        if (written != null) {
          written.release();
        }
        String done = written != null ? "delivered" : before.since(site);
        assertThat(said(said)).as("%s: %s", each.getKey(), said).isEqualTo(done);
      }
    }
  }

  static String step(Explanation explanation, String name) {
    return explanation.steps().stream()
        .filter(each -> each.step().equals(name))
        .findFirst()
        .orElseThrow(() -> new AssertionError("no step " + name + " in " + explanation))
        .result();
  }

  // ---- the words ----

  static byte[] plain(PacketBuilder packet) {
    ByteBuf bytes = Unpooled.buffer();
    packet.write(bytes);
    return ByteBufUtil.getBytes(bytes);
  }

  private static Explanation fromLan(Site site, PacketBuilder packet) {
    return explainer(site).fromLan(plain(packet), Site.CLOCK.nanoTime());
  }

  private static List<String> names(Explanation explanation) {
    return explanation.steps().stream().map(Explanation.Step::step).toList();
  }

  @Test
  void aTunnelledPacketIsToldFromTheLanToTheFrame() throws IOException {
    try (Site site = site(Role.REDIRECTOR, MigrationState.DRAINING, StaleSyn.DROP, Links.UP)) {
      Explanation said =
          fromLan(
              site,
              between(PEER, OLD).tcp(40_000, 80, 900, 7, PacketView.ACK | 8, 500).payload(10));
      assertThat(names(said))
          .containsExactly(
              "packet",
              "capture",
              "migration",
              "flow",
              "decide",
              "data connection",
              "size",
              "encapsulation");
      assertThat(step(said, "packet"))
          .isEqualTo(
              "IPv4 tcp 10.9.0.2:40000 > 10.1.0.10:80, flags [P.], seq 900, ack 7, length 50,"
                  + " TTL 64, DF");
      assertThat(said.steps().get(1).why()).contains("br0", "hf0", "TTL 63");
      assertThat(step(said, "migration"))
          .isEqualTo("web1: this host is its redirector, and it is draining");
      assertThat(step(said, "flow")).startsWith("known, TCP state ");
      assertThat(step(said, "decide")).isEqualTo("tunnel, by rule known-flow");
      assertThat(step(said, "data connection")).matches("number [12] of 2");
      assertThat(step(said, "size")).isEqualTo("50 bytes; the tunnel takes any length");
      assertThat(step(said, "encapsulation")).isEqualTo("a TLS frame of 65 bytes");
      assertThat(said.outcome())
          .isEqualTo(
              "It goes through the tunnel to host-b, because its connection began before, and is"
                  + " served until it ends.");
      assertThat(said.migration()).isEqualTo("web1");
    }
  }

  @Test
  void whoIsToldOfTheMtuIsNamed() throws IOException {
    try (Site site =
        site(Role.REDIRECTOR, MigrationState.REDIRECTING, StaleSyn.TUNNEL, Links.NARROW)) {
      Explanation carried =
          fromLan(site, between(PEER, OLD).tcp(1, 80, 5, 1, PacketView.ACK, 500).payload(1_460));
      assertThat(step(carried, "size")).isEqualTo("1500 bytes; the tunnel takes 1480 whole");
      assertThat(carried.steps().get(carried.steps().size() - 2).why())
          .startsWith(
              "it is too big; its sender is told how much fits, and it goes on meanwhile in outer"
                  + " fragments; Fragmentation Needed (RFC 1191) of 1480 bytes goes to 10.9.0.2");
      assertThat(carried.outcome()).startsWith("It goes through the tunnel");
      Explanation said = fromLan(site, between(PEER, OLD).udp(1, 80).payload(1_472));
      Explanation.Step size = said.steps().getLast();
      assertThat(size.result()).isEqualTo("1500 bytes; the tunnel takes 1480 whole");
      assertThat(size.why())
          .endsWith(
              "Fragmentation Needed (RFC 1191) of 1480 bytes goes to 10.9.0.2, from 10.1.0.10");
      assertThat(said(said)).isEqualTo("dropped too-big");
    }
  }

  @Test
  void whatWaitsSaysForWhat() throws IOException {
    try (Site site =
        site(Role.REDIRECTOR, MigrationState.REDIRECTING, StaleSyn.TUNNEL, Links.DOWN)) {
      Explanation said = fromLan(site, between(PEER, OLD).udp(1, 2));
      assertThat(said.outcome()).contains("until it may go: its data connection is down");
      site.path.wayBack().queue(true);
      assertThat(fromLan(site, between(PEER, OLD).udp(1, 2)).outcome())
          .contains("the guest may be on its way back");
    }
  }

  @Test
  void theLastHopEndsHere() throws IOException {
    try (Site site = site(Role.REDIRECTOR, MigrationState.HOLDING, StaleSyn.TUNNEL, Links.UP)) {
      Explanation said = fromLan(site, between(PEER, OLD).ttl(1).icmp(8, 0, 1));
      assertThat(said(said)).isEqualTo("dropped ttl-exceeded");
      assertThat(step(said, "capture")).isEqualTo("no");
      assertThat(names(said)).doesNotContain("decide");
      assertThat(said(fromLan(site, between(PEER, OLD).ttl(2).icmp(8, 0, 1)))).isEqualTo("held");
    }
    try (Site site = site(Role.ENDPOINT, MigrationState.REDIRECTING, StaleSyn.TUNNEL, Links.UP)) {
      Explanation said =
          explainer(site).fromTunnel(plain(between(PEER, OLD).ttl(1).udp(1, 2)), null, 1_000);
      assertThat(said(said)).isEqualTo("dropped ttl-exceeded");
      assertThat(step(said, "delivery")).isEqualTo("no");
    }
  }

  @Test
  void neighbourDiscoveryStaysInItsLan() {
    IpAddress old = IpAddress.parse("fd00:1::10");
    MigrationPath path = TestPaths.of(Role.REDIRECTOR, old);
    PathTable table = new PathTable();
    table.add(path);
    path.enter(MigrationState.HOLDING);
    Explanation said =
        new Explainer(
                table, any -> new MigrationFacts("web6", "b", true, "br0", "hf0", false, false))
            .fromLan(
                plain(
                    new PacketBuilder(IpAddress.parse("fd00:1::1"), old).ttl(255).icmp(135, 0, 0)),
                1_000);
    assertThat(said.verdict()).isEqualTo("not-captured");
    assertThat(step(said, "packet")).contains("icmp6", "neighbour solicitation", "hop limit 255");
    path.close();
  }

  @Test
  void whatIsOutOfTheTunnelAndOfNobodyIsNotGranted() throws IOException {
    try (Site site = site(Role.ENDPOINT, MigrationState.REDIRECTING, StaleSyn.TUNNEL, Links.UP)) {
      byte[] others = plain(between(PEER, OTHER).udp(1, 2));
      Explanation byAddress = explainer(site).fromTunnel(others, null, 1_000);
      assertThat(said(byAddress)).isEqualTo("dropped not-granted");
      assertThat(byAddress.migration()).isNull();
      Explanation named = explainer(site).fromTunnel(others, site.path, 1_000);
      assertThat(said(named)).isEqualTo("dropped not-granted");
      assertThat(named.steps().getLast().why())
          .isEqualTo("host-b may send packets to 10.1.0.10 alone through this tunnel");
    }
  }

  @Test
  void aProbeIsKnownByItsToken() throws IOException {
    try (Site site = site(Role.ENDPOINT, MigrationState.ARMED, StaleSyn.TUNNEL, Links.UP)) {
      ByteBuf probe = Probe.request(OLD, Site.TOKEN, 7, 200);
      assertThat(said(explainer(site).inbound(probe, site.path, 1_000))).isEqualTo("answered");
      probe.release();
    }
  }

  @Test
  void everyLengthOfHeaderIsAnsweredWithoutAnException() throws IOException {
    try (Site site = site(Role.REDIRECTOR, MigrationState.HOLDING, StaleSyn.TUNNEL, Links.UP)) {
      byte[] whole = plain(between(PEER, OLD).tcp(1, 2, 3, 4, PacketView.ACK, 5));
      for (int length = 0; length < whole.length; length++) {
        byte[] cut = Arrays.copyOf(whole, length);
        assertThat(said(explainer(site).fromLan(cut, 1_000))).isEqualTo("dropped malformed");
        assertThat(said(explainer(site).fromTunnel(cut, site.path, 1_000)))
            .isEqualTo("dropped malformed");
      }
      assertThat(site.path.drops().total()).isZero();
    }
  }

  @Test
  void aLongSegmentIsTakenForSeveral() throws IOException {
    try (Site site = site(Role.REDIRECTOR, MigrationState.REDIRECTING, StaleSyn.TUNNEL, Links.UP)) {
      Explanation said =
          fromLan(site, between(PEER, OLD).tcp(1, 80, 5, 1, PacketView.ACK, 500).payload(9_000));
      assertThat(said.steps().getFirst().why()).contains("segments of up to 1500 bytes");
    }
  }
}
