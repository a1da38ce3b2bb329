package dev.holdfast.steer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.lab.Namespace;
import dev.holdfast.redirector.path.DataLoop;
import dev.holdfast.redirector.steer.AnswerTable;
import dev.holdfast.redirector.steer.NeighbourResponder;
import dev.holdfast.tunnel.device.GroupMembership;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.packet.SolicitedNode;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * A host that captures an IPv6 address behind a switch that snoops MLD (RFC 4541) and has a
 * querier: neighbour solicitations go only where their group was reported.
 *
 * <pre>
 *   peer fd11::20 ---[to-peer]--- switch ---[to-host]--- host, which has no address of that LAN
 *   old addresses fd11::10 and fd11::1:2345:10 (nobody's)
 * </pre>
 */
@Timeout(60)
class SnoopingIT {
  private static final String OLD = "fd11::10";
  private static final String OTHER_OLD = "fd11::1:2345:10";
  private static final String GROUP = "ff02::1:ff00:10";
  private static final String OTHER_GROUP = "ff02::1:ff45:10";

  private final DataLoop loop = new DataLoop();
  private Namespace aSwitch;
  private Namespace peer;
  private Namespace host;
  private NeighbourResponder responder;

  @BeforeEach
  void build() throws Exception {
    aSwitch = Namespace.create("switch");
    peer = Namespace.create("peer");
    host = Namespace.create("host");
    // In hundredths of a second: whoever has left is forgotten soon, and the querier is believed.
    aSwitch.ip(
        "link add sw type bridge forward_delay 0 mcast_snooping 1"
            + " mcast_mld_version 2 mcast_query_response_interval 20 mcast_startup_query_interval 20"
            + " mcast_last_member_interval 10 mcast_last_member_count 1");
    Namespace.connect(peer, "eth0", aSwitch, "to-peer");
    Namespace.connect(host, "eth0", aSwitch, "to-host");
    aSwitch.ip("link set to-peer master sw");
    aSwitch.ip("link set to-host master sw");
    aSwitch.ip("link set sw up");
    aSwitch.ip("addr add fe80::1/64 dev sw nodad"); // a query has a source
    aSwitch.ip("link set sw type bridge mcast_querier 1");
    peer.ip("addr add fd11::20/64 dev eth0 nodad");
    MacAddress mac = MacAddress.parse(host.run("cat", "/sys/class/net/eth0/address").strip());
    var table = new AnswerTable();
    for (String old : List.of(OLD, OTHER_OLD)) {
      table.capture(IpAddress.parse(old), mac, null);
    }
    responder = host.call(() -> NeighbourResponder.start(loop.loop(), "eth0", table));
    await("the querier is believed", () -> !resolves(OLD));
  }

  @AfterEach
  void tearDown() throws Exception {
    responder.close();
    loop.close();
    for (Namespace each : List.of(host, peer, aSwitch)) {
      each.close();
    }
  }

  private interface Condition {
    boolean isMet() throws Exception;
  }

  private static void await(String what, Condition condition) throws Exception {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (!condition.isMet()) {
      assertThat(System.nanoTime()).as("it does not come: %s", what).isLessThan(end);
      Thread.sleep(20);
    }
  }

  /** Whether the peer's own kernel finds out who has the address, by a solicitation. */
  private boolean resolves(String address) throws Exception {
    long before = responder.answered();
    peer.ip("-6 neigh flush dev eth0");
    int unused = Pings.answeredSoon(peer, address);
    return responder.answered() > before && peer.ip("-6 neigh show " + address).contains("lladdr");
  }

  private boolean isListed(String group) throws Exception {
    return aSwitch.run("bridge", "mdb", "show", "dev", "sw").contains("port to-host grp " + group);
  }

  private GroupMembership join() throws Exception {
    return host.call(() ->
        GroupMembership.join(
            "eth0",
            List.of(
                SolicitedNode.groupOf(IpAddress.parse(OLD)),
                SolicitedNode.groupOf(IpAddress.parse(OLD)), // of another with the same end
                SolicitedNode.groupOf(IpAddress.parse(OTHER_OLD)))));
  }

  /** A packet socket that takes all multicast is deaf here; a member of the group is not. */
  @Test
  void solicitationsComeWhereTheirGroupWasReported() throws Exception {
    assertThat(isListed(GROUP)).isFalse();
    GroupMembership membership = join();
    try {
      await("a report of " + GROUP, () -> isListed(GROUP));
      await("a report of " + OTHER_GROUP, () -> isListed(OTHER_GROUP));
      assertThat(resolves(OLD)).isTrue();
      assertThat(resolves(OTHER_OLD)).isTrue();
    } finally {
      membership.close();
    }
    await("a report that nobody is left in " + GROUP, () -> !isListed(GROUP));
    assertThat(resolves(OLD)).isFalse();
    membership.close(); // twice is no harm
    assertThat(host.run("ip", "-6", "maddr", "show", "dev", "eth0")).doesNotContain(GROUP);
  }
}
