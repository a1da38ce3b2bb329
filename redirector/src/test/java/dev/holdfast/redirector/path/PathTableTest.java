package dev.holdfast.redirector.path;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.decide.Role;
import dev.holdfast.tunnel.observe.DropCounters;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class PathTableTest {
  private static final IpAddress PEER = IpAddress.parse("10.9.0.2");
  private static final IpAddress OTHER = IpAddress.parse("10.9.0.3");

  /** At either host, on the way to the guest and from it. */
  @ParameterizedTest
  @EnumSource(Role.class)
  void whatEndsOnTheInterfaceIsCountedByTheMigrationOfItsOldAddress(Role role) {
    var others = new DropCounters();
    var table = new PathTable();
    try (var site = new Site(role, 1)) {
      table.add(site.path);
      table.drop(packet(PEER, Site.OLD), DropReason.TTL_EXCEEDED, others);
      table.drop(packet(Site.OLD, PEER), DropReason.TTL_EXCEEDED, others);
      assertThat(site.path.drops().get(DropReason.TTL_EXCEEDED)).isEqualTo(2);
      assertThat(others.total()).isZero();
      table.drop(packet(PEER, OTHER), DropReason.TTL_EXCEEDED, others);
      assertThat(others.get(DropReason.TTL_EXCEEDED)).isOne();
      assertThat(site.path.drops().total()).isEqualTo(2);
    }
  }

  private static PacketView packet(IpAddress from, IpAddress to) {
    ByteBuf bytes = Unpooled.buffer();
    new PacketBuilder(from, to).ttl(1).udp(1, 2).payload(3).write(bytes);
    var view = new PacketView();
    assertThat(view.check(bytes, 0, bytes.writerIndex())).isEqualTo(PacketFault.NONE);
    return view;
  }
}
