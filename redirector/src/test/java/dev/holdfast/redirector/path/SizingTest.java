package dev.holdfast.redirector.path;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.tunnel.link.ForwardingLink;
import dev.holdfast.tunnel.link.Link;
import dev.holdfast.tunnel.link.LoopbackLink;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What is too big for the tunnel, on its way in. */
final class SizingTest {
  private static final int MTU = 1480;

  private final Site old = new Site(Role.REDIRECTOR, 1);
  private final Site fresh = new Site(Role.ENDPOINT, 1);
  private final PacketView view = new PacketView();

  /** A tunnel that takes only so much, as IP-in-IP does. */
  private static final class Narrow extends ForwardingLink {
    Narrow(Link link) {
      super(link);
    }

    @Override
    public int innerMtu() {
      return MTU;
    }
  }

  @BeforeEach
  void redirect() {
    LoopbackLink.Pair pair = LoopbackLink.pair(old.inbound.getFirst(), fresh.inbound.getFirst());
    old.path.linkUp(0, pair.a(), new Narrow(pair.a()));
    fresh.path.linkUp(0, pair.b(), new Narrow(pair.b()));
    old.path.enter(MigrationState.REDIRECTING);
    fresh.path.enter(MigrationState.REDIRECTING);
  }

  @AfterEach
  void close() {
    old.close();
    fresh.close();
  }

  private static PacketBuilder toGuest(long sequence, int payload) {
    return new PacketBuilder(Site.PEER, Site.OLD)
        .dontFragment(true)
        .tcp(40_000, 80, sequence, 1, PacketView.ACK, 500)
        .payload(payload);
  }

  private List<Integer> lengths(Site of) {
    List<Integer> lengths = new ArrayList<>();
    for (ByteBuf packet = of.tun.take(); packet != null; packet = of.tun.take()) {
      lengths.add(packet.readableBytes() - VirtioNetHeader.LENGTH);
      packet.release();
    }
    return lengths;
  }

  /** The error that {@code of} has sent to its LAN. */
  private ByteBuf error(Site of) {
    ByteBuf packet = Objects.requireNonNull(of.tun.take());
    int length = packet.readableBytes() - VirtioNetHeader.LENGTH;
    assertThat(view.check(packet, VirtioNetHeader.LENGTH, length)).isEqualTo(PacketFault.NONE);
    return packet;
  }

  @Test
  void thePeerIsToldInTheOldAddressesName() throws IOException {
    old.arrives(toGuest(1000, 1460));
    ByteBuf error = error(old);
    assertThat(view.isFrom(Site.OLD)).isTrue();
    assertThat(view.isTo(Site.PEER)).isTrue();
    assertThat(view.icmpType()).isEqualTo(3);
    assertThat(view.icmpCode()).isEqualTo(4);
    assertThat(error.getUnsignedShort(view.transportStart() + 6)).isEqualTo(MTU);
    error.release();
    assertThat(lengths(fresh)).as("it need not be sent again").containsExactly(1500);
    assertThat(old.path.drops().total()).isZero();
    assertThat(old.path.sizes().told()).isOne();
  }

  @Test
  void theGuestIsToldInItsPeersName() throws IOException {
    fresh.arrives(
        new PacketBuilder(Site.OLD, Site.PEER)
            .dontFragment(true)
            .tcp(80, 40_000, 1, 1, PacketView.ACK, 500)
            .payload(1460));
    ByteBuf error = error(fresh);
    assertThat(view.isFrom(Site.PEER)).isTrue();
    assertThat(view.isTo(Site.OLD)).isTrue();
    error.release();
    assertThat(lengths(old)).containsExactly(1500);
  }

  @Test
  void aSuperPacketIsJudgedByItsSegmentsAndOneOfThemQuoted() throws IOException {
    old.arrives(toGuest(1000, 14_600).gso(1440));
    assertThat(lengths(fresh)).containsExactly(14_640);
    old.arrives(toGuest(20_000, 14_600).gso(1460));
    ByteBuf error = error(old);
    int quoted = view.transportStart() + 8;
    assertThat(error.getUnsignedShort(quoted + 2)).as("its total length").isEqualTo(1500);
    assertThat(error.getUnsignedInt(quoted + 24)).as("its sequence number").isEqualTo(20_000);
    error.release();
    assertThat(lengths(fresh)).containsExactly(14_640);
  }

  @Test
  void whoHearsNothingWaitsForNothing() throws IOException {
    for (int i = 0; i < 40; i++) { // a window, and then the next one
      old.arrives(toGuest(1000 + 1460 * i, 1460));
    }
    error(old).release();
    assertThat(lengths(fresh)).hasSize(40).containsOnly(1500);
    assertThat(lengths(old)).as("told once").isEmpty();
    assertThat(old.path.sizes().cutOutside()).isEqualTo(40);
  }

  @Test
  void withoutDontFragmentItGoesInFragmentsOfItsOwn() throws IOException {
    old.arrives(
        new PacketBuilder(Site.PEER, Site.OLD)
            .identification(77)
            .dontFragment(false)
            .udp(1, 2)
            .payload(4000));
    List<ByteBuf> got = new ArrayList<>();
    for (ByteBuf packet = fresh.tun.take(); packet != null; packet = fresh.tun.take()) {
      got.add(packet);
    }
    assertThat(got).hasSize(3);
    int offset = 0;
    for (ByteBuf packet : got) {
      int length = packet.readableBytes() - VirtioNetHeader.LENGTH;
      assertThat(length).isLessThanOrEqualTo(MTU);
      assertThat(view.check(packet, VirtioNetHeader.LENGTH, length)).isEqualTo(PacketFault.NONE);
      assertThat(view.fragmentOffset()).isEqualTo(offset);
      offset += length - 20;
      packet.release();
    }
    assertThat(offset).isEqualTo(4008);
    assertThat(old.path.sizes().cutInside()).isOne();
    assertThat(old.path.drops().total()).isZero();
  }
}
