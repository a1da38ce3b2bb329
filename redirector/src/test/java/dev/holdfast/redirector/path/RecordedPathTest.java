package dev.holdfast.redirector.path;

import static dev.holdfast.redirector.path.Site.OLD;
import static dev.holdfast.redirector.path.Site.PEER;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.redirector.capturefile.CaptureReader;
import dev.holdfast.redirector.capturefile.PcapNgBlocks;
import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.redirector.tap.Feed;
import dev.holdfast.redirector.tap.Limits;
import dev.holdfast.redirector.tap.Recordings;
import dev.holdfast.redirector.tap.Recordings.Wanted;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.FilterProgram;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What is recorded of packets on their way through both hosts, and that nothing else changes. */
class RecordedPathTest {
  private static final Set<Tap.Place> ALL = EnumSet.allOf(Tap.Place.class);
  private static final String FLOW = "flow: tcp 10.1.0.10:80 - 10.9.0.2:40000";

  private final Site old = new Site(Role.REDIRECTOR, 1);
  private final Site fresh = new Site(Role.ENDPOINT, 1);
  private final Recordings atOld = recordings(old);
  private final Recordings atFresh = recordings(fresh);

  private static Recordings recordings(Site site) {
    return new Recordings(site.table(), Runnable::run, Site.CLOCK, "holdfast test", "host-x");
  }

  /** A packet of a capture: where it was, what it is, and what is said of it. */
  private record Shown(String place, int length, int original, String comment) {}

  private record Capture(List<Shown> packets, long lost) {
    List<String> places() {
      return packets.stream().map(Shown::place).toList();
    }

    Shown only(String place) {
      return packets.stream().filter(p -> p.place.equals(place)).findFirst().orElseThrow();
    }
  }

  @BeforeEach
  void connect() {
    Site.connect(old, fresh, 0);
    old.path.enter(MigrationState.ARMED);
    fresh.path.enter(MigrationState.ARMED);
  }

  @AfterEach
  void free() {
    for (Site each : List.of(old, fresh)) {
      List<Long> unused = each.delivered(); // which frees it
    }
    old.close();
    fresh.close();
  }

  private static PacketBuilder toGuest(long sequence) {
    return new PacketBuilder(PEER, OLD)
        .tcp(40_000, 80, sequence, 500, PacketView.ACK | PacketView.PSH, 1_000)
        .payload(100);
  }

  private static Wanted wanted(Set<Tap.Place> places) {
    return new Wanted(places, Set.of(), List.of(), null, 1);
  }

  private static Feed begin(Recordings recordings, Wanted wanted) {
    return begin(recordings, wanted, Limits.NONE);
  }

  private static Feed begin(Recordings recordings, Wanted wanted, Limits limits) {
    return Objects.requireNonNull(recordings.begin(wanted, limits, id -> "web1"));
  }

  private static Capture read(Feed feed) throws IOException {
    var file = new ByteArrayOutputStream();
    feed.end();
    feed.writeTo(file);
    try (var whole = CaptureReader.of(new ByteArrayInputStream(file.toByteArray()), "a capture")) {
      while (whole.next()) {
        assertThat(whole.frame().length()).isPositive();
      }
      assertThat(whole.problem()).isNull();
    }
    List<String> names = new ArrayList<>();
    List<Shown> packets = new ArrayList<>();
    long lost = 0;
    var blocks = new PcapNgBlocks(new ByteArrayInputStream(file.toByteArray()));
    while (blocks.next()) {
      switch (blocks.kind()) {
        case INTERFACE -> names.add(blocks.interfaceName());
        case PACKET -> {
          String name = names.get(blocks.interfaceNumber());
          ByteBuf block = Unpooled.wrappedBuffer(blocks.array());
          packets.add(new Shown(name, blocks.captured(), block.getIntLE(24), blocks.comment()));
        }
        case STATISTICS -> lost += blocks.dropped();
        default -> {}
      }
    }
    return new Capture(packets, lost);
  }

  private void release() {
    long delivered = fresh.release();
    assertThat(delivered).isPositive();
    old.redirect(fresh);
  }

  @Test
  void aHeldPacketIsSeenAtEachPlaceThatItPasses() throws IOException {
    Feed here = begin(atOld, wanted(ALL));
    Feed there = begin(atFresh, wanted(ALL));
    Site.hold(old, fresh);
    old.arrives(toGuest(1_000));
    release();
    Capture left = read(here);
    Capture right = read(there);
    // the marker asks for an answer, which lets the copy go
    assertThat(left.places())
        .containsExactly(
            "inner-in",
            "held-in",
            "outer-tls-sent",
            "outer-tls-sent",
            "outer-tls-received",
            "held-out");
    assertThat(left.packets().get(0).comment())
        .startsWith(
            "verdict: held; rule: guest-is-paused (the guest is paused, and gets it when it runs"
                + " again); migration: web1, holding; "
                + FLOW
                + ", established, to the guest");
    assertThat(left.packets().get(1).comment()).contains("verdict: held; ", FLOW, "held as: 1");
    assertThat(left.packets().get(2).comment())
        .contains("verdict: sent; ", FLOW, "frame: stage on data connection 1");
    assertThat(left.packets().get(3).comment()).contains("frame: marker on");
    assertThat(left.packets().get(4).comment())
        .contains("verdict: received; ", "frame: marker-reply");
    assertThat(left.packets().get(5).comment())
        .contains("verdict: delivered; ", "migration: web1, redirecting", "held as: 1");
    assertThat(right.places())
        .containsExactly(
            "outer-tls-received",
            "inner-out",
            "held-in",
            "held-out",
            "outer-tls-received",
            "outer-tls-sent");
    assertThat(right.only("inner-out").comment()).contains("verdict: staged; ", FLOW);
    assertThat(right.only("held-in").comment()).contains("verdict: staged; ", "held as: 1");
    assertThat(right.only("held-out").comment())
        .contains("verdict: delivered; ", "migration: web1, redirecting");
    int packet = 140;
    assertThat(left.packets().stream().map(Shown::length))
        .containsExactly(packet, packet, 5 + 8 + 10 + packet, 5 + 8, 5 + 8, packet);
  }

  @Test
  void aLivePacketIsSeenOnItsWay() throws IOException {
    Site.hold(old, fresh);
    old.arrives(toGuest(1_000));
    release();
    Feed here = begin(atOld, wanted(ALL));
    Feed there = begin(atFresh, wanted(ALL));
    old.arrives(toGuest(1_100));
    Capture left = read(here);
    Capture right = read(there);
    assertThat(left.places()).containsExactly("inner-in", "outer-tls-sent");
    assertThat(left.only("inner-in").comment())
        .startsWith("verdict: tunnelled; rule: guest-is-there (");
    assertThat(left.only("outer-tls-sent").comment()).contains("frame: packet on data");
    assertThat(right.places()).containsExactly("outer-tls-received", "inner-out");
    assertThat(right.only("inner-out").comment())
        .startsWith("verdict: delivered; rule: delivered (the guest runs at this host)");
  }

  @Test
  void whatTakesAnothersPlaceIsSeenToGo() throws IOException {
    Feed feed = begin(atOld, wanted(EnumSet.of(Tap.Place.HELD_IN, Tap.Place.HELD_OUT)));
    Site.hold(old, fresh);
    old.arrives(toGuest(1_000));
    old.arrives(toGuest(1_000));
    Capture capture = read(feed);
    assertThat(capture.places()).containsExactly("held-in", "held-out", "held-in");
    assertThat(capture.packets().get(1).comment())
        .startsWith("verdict: dropped (replaced: a retransmission of the same bytes took its place")
        .contains("held as: 1");
  }

  @Test
  void whatIsDroppedIsSeenWithTheReason() throws IOException {
    Feed feed = begin(atOld, wanted(EnumSet.of(Tap.Place.INNER_IN)));
    IpAddress stranger = IpAddress.parse("10.77.0.1");
    old.arrives(new PacketBuilder(PEER, stranger).udp(5, 6).payload(10)); // nobody's
    Site.hold(old, fresh);
    old.arrives(toGuest(1_000));
    old.path.linkDown(0);
    old.path.enter(MigrationState.REDIRECTING);
    old.arrives(toGuest(1_100)); // waits for the link
    Capture capture = read(feed);
    assertThat(capture.packets().get(0).comment())
        .startsWith(
            "verdict: dropped (no-migration: no migration here serves its address);"
                + " flow: udp 10.9.0.2:5 - 10.77.0.1:6")
        .doesNotContain("; migration: ");
    assertThat(capture.packets().get(1).comment()).startsWith("verdict: held; ");
    assertThat(capture.packets().get(2).comment())
        .startsWith("verdict: held; rule: guest-is-there");
  }

  @Test
  void whatTheHostsInterfaceDropsIsSeenToo() throws IOException {
    Feed feed = begin(atOld, wanted(ALL));
    ByteBuf bytes = Unpooled.buffer();
    int unused = toGuest(1).ttl(1).write(bytes);
    PacketView view = new PacketView();
    assertThat(view.check(bytes, 0, bytes.readableBytes())).isEqualTo(PacketFault.NONE);
    old.table().drop(view, DropReason.TTL_EXCEEDED, old.hostDrops);
    Capture capture = read(feed);
    assertThat(capture.places()).containsExactly("inner-in");
    assertThat(capture.only("inner-in").comment())
        .startsWith("verdict: dropped (ttl-exceeded: its TTL or hop limit would reach zero here)")
        .contains("migration: web1, armed", FLOW);
    assertThat(old.path.drops.get(DropReason.TTL_EXCEEDED)).isOne();
  }

  @Test
  void aDeviceThatTakesNoMoreIsTheReason() throws IOException {
    Feed feed = begin(atFresh, wanted(EnumSet.of(Tap.Place.INNER_OUT)));
    Site.hold(old, fresh);
    old.arrives(toGuest(1_000));
    release();
    for (int i = 1; i < 1_100; i++) { // the device has room for 1024
      old.arrives(toGuest(1_000 + i * 100));
    }
    Capture capture = read(feed);
    assertThat(capture.packets().getLast().comment())
        .startsWith(
            "verdict: dropped (device-full: the kernel took no more packets on the device)");
    assertThat(capture.packets().get(1).comment()).startsWith("verdict: delivered");
  }

  @Test
  void onlyWhatIsWantedIsCopied() throws IOException {
    Wanted flow =
        new Wanted(
            EnumSet.of(Tap.Place.INNER_IN),
            Set.of(),
            List.of("tcp 10.9.0.2:40001 10.1.0.10:80"),
            null,
            1);
    // ldh [2]; jgt 100, 0, 1; ret 1; ret 0: packets of more than 100 bytes
    FilterProgram longOnes =
        new FilterProgram(
            new int[] {0x28, 0x25, 0x06, 0x06}, new int[] {0, 1, 0, 0}, new int[] {2, 150, 1, 0});
    Wanted filter = new Wanted(EnumSet.of(Tap.Place.INNER_IN), Set.of(), List.of(), longOnes, 1);
    Wanted sample = new Wanted(EnumSet.of(Tap.Place.INNER_IN), Set.of(), List.of(), null, 3);
    Wanted others = new Wanted(ALL, Set.of(UUID.randomUUID()), List.of(), null, 1);
    List<Feed> feeds = new ArrayList<>();
    for (Wanted each : List.of(flow, filter, sample, others)) {
      feeds.add(begin(atOld, each));
    }
    assertThat(atOld.begin(wanted(ALL), Limits.NONE, id -> "")).as("as many as may be").isNull();
    Site.hold(old, fresh);
    for (int i = 0; i < 6; i++) {
      old.arrives(
          new PacketBuilder(PEER, OLD)
              .tcp(40_000 + i % 2, 80, 1_000 + i * 500, 5, PacketView.ACK, 100)
              .payload(50 * i));
    }
    assertThat(read(feeds.get(0)).packets()).hasSize(3);
    assertThat(read(feeds.get(1)).packets()).hasSize(3).allMatch(each -> each.length() > 150);
    assertThat(read(feeds.get(2)).packets()).hasSize(2);
    assertThat(read(feeds.get(3)).packets()).isEmpty();
    assertThat(old.table().isTapped()).as("nobody records any more").isFalse();
    assertThat(old.path.tap).isNull();
  }

  @Test
  void whatFindsNoRoomIsCountedAndTheTunnelGoesOn() throws IOException {
    Limits small = new Limits(Limits.LONGEST, 1_000_000, 1L << 40, Limits.SMALLEST_BUFFER);
    Feed feed = begin(atOld, wanted(EnumSet.of(Tap.Place.INNER_IN)), small);
    Site.hold(old, fresh);
    int sent = 20_000;
    for (int i = 0; i < sent; i++) {
      old.arrives(toGuest(1_000 + i % 5 * 100));
    }
    Capture capture = read(feed);
    assertThat(capture.lost()).isPositive();
    assertThat(capture.packets().size() + capture.lost()).isEqualTo(sent);
    assertThat(old.path.hold().packets()).isEqualTo(5);
  }

  @Test
  void aPacketIsCutToWhatIsWanted() throws IOException {
    Limits cut = new Limits(60, 1_000, 1L << 40, Limits.SMALLEST_BUFFER);
    Feed feed = begin(atOld, wanted(EnumSet.of(Tap.Place.INNER_IN, Tap.Place.OUTER_TLS_SENT)), cut);
    Site.hold(old, fresh);
    old.arrives(toGuest(1_000));
    Capture capture = read(feed);
    assertThat(capture.packets())
        .extracting(Shown::length, Shown::original)
        .containsExactly(
            org.assertj.core.groups.Tuple.tuple(60, 140),
            org.assertj.core.groups.Tuple.tuple(60, 163));
    assertThat(capture.packets()).allMatch(each -> each.comment().contains(FLOW));
  }

  @Test
  void aCaptureEndsAfterItsCount() throws IOException {
    Limits three = new Limits(Limits.LONGEST, 3, Long.MAX_VALUE, Limits.SMALLEST_BUFFER);
    Feed feed = begin(atOld, wanted(EnumSet.of(Tap.Place.INNER_IN)), three);
    Site.hold(old, fresh);
    for (int i = 0; i < 5; i++) {
      old.arrives(toGuest(1_000 + i * 100));
    }
    var file = new ByteArrayOutputStream();
    feed.writeTo(file); // returns by itself
    var blocks = new PcapNgBlocks(new ByteArrayInputStream(file.toByteArray()));
    int packets = 0;
    while (blocks.next()) {
      packets += blocks.kind() == PcapNgBlocks.Kind.PACKET ? 1 : 0;
    }
    assertThat(packets).isEqualTo(3);
    assertThat(old.table().isTapped()).isFalse();
  }

  @Test
  void aReaderThatHasGoneTakesTheCaptureDown() {
    Feed feed = begin(atOld, wanted(ALL));
    OutputStream closed =
        new OutputStream() {
          @Override
          public void write(int b) throws IOException {
            throw new IOException("gone");
          }
        };
    assertThat(old.table().isTapped()).isTrue();
    assertThatThrownBy(() -> feed.writeTo(closed)).hasMessage("gone");
    assertThat(old.table().isTapped()).isFalse();
    assertThat(atOld.end(feed.id())).isFalse();
  }

  @Test
  void aMigrationThatComesLaterIsRecordedToo() throws IOException {
    Feed feed = begin(atOld, wanted(ALL));
    IpAddress other = IpAddress.parse("10.1.0.11");
    old.servesToo(other);
    old.arrives(new PacketBuilder(other, PEER).udp(7, 8).payload(10));
    Capture capture = read(feed);
    assertThat(capture.places()).containsExactly("inner-in");
    assertThat(capture.packets().getFirst().comment())
        .contains("flow: udp 10.1.0.11:7 - 10.9.0.2:8", "from the guest");
  }
}
