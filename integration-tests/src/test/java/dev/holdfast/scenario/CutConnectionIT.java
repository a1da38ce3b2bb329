package dev.holdfast.scenario;

import static dev.holdfast.scenario.Expected.everythingSurvived;
import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.control.EventLine;
import dev.holdfast.redirector.control.EventStream;
import dev.holdfast.redirector.demo.Bystander;
import dev.holdfast.redirector.demo.Scenario;
import dev.holdfast.redirector.demo.ScenarioOptions;
import dev.holdfast.redirector.demo.ScenarioResult;
import dev.holdfast.redirector.demo.Story;
import dev.holdfast.redirector.demo.host.DemoHost;
import dev.holdfast.redirector.demo.lab.Lab;
import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.redirector.demo.lab.Tool;
import dev.holdfast.redirector.flow.Lanes;
import dev.holdfast.redirector.migration.FlowView;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.redirector.migration.MigrationView;
import dev.holdfast.redirector.migration.MigrationView.ConnectionView;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import dev.holdfast.tunnel.packet.PacketView;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * One of the data connections between the hosts of the demo's lab (drawn in {@code
 * dev.holdfast.redirector.demo.lab}) is cut on the router while everything flows. First its packets
 * vanish: its flows pause, and those of the others go on. Then it is reset: it comes back by
 * itself, and with it its flows. No guest's connection is lost, none gets a wrong byte.
 */
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
class CutConnectionIT {
  private static final int CONNECTIONS = 4;
  private static final Duration WINDOW = Duration.ofMillis(800);
  private static final Duration BACK_WITHIN = Duration.ofSeconds(12);
  private static final String DAEMON = ":4754 ";

  /** Cuts a data connection when every connection of the guest's has moved. */
  private static final class Cutter implements Bystander {
    private final boolean ipInIp;
    private @Nullable DemoHost old;
    private @Nullable DemoHost fresh;
    private boolean done;

    Cutter(boolean ipInIp) {
      this.ipInIp = ipInIp;
    }

    @Override
    public void reached(MigrationState state, DemoHost oldHost, DemoHost newHost) {
      old = oldHost;
      fresh = newHost;
    }

    private static List<ConnectionView> connections(DemoHost host) throws Exception {
      return show(host).connections();
    }

    private static MigrationView show(DemoHost host) throws Exception {
      return host.control().list().getFirst();
    }

    private DemoHost old() {
      return Objects.requireNonNull(old);
    }

    /** Bytes of the guest's that have come back to the old host, by peer. */
    private Map<String, Long> answers() throws Exception {
      Map<String, Long> bytes = new HashMap<>();
      for (FlowView flow : old().control().flows(null, false)) {
        bytes.put(flow.peer(), flow.fromGuestBytes());
      }
      return bytes;
    }

    /** Peers whose connections have had answers within a while. */
    private Set<String> alive() throws Exception {
      Map<String, Long> before = answers();
      Thread.sleep(WINDOW);
      Set<String> grown = new HashSet<>();
      answers()
          .forEach((peer, bytes) -> {
            if (bytes > before.getOrDefault(peer, 0L)) {
              grown.add(peer);
            }
          });
      return grown;
    }

    private Set<String> ofLane(Set<String> peers, int lane) throws Exception {
      Set<String> found = new HashSet<>();
      for (FlowView flow : old().control().flows(null, false)) {
        if (peers.contains(flow.peer()) && lane(flow) == lane) {
          found.add(flow.peer());
        }
      }
      return found;
    }

    private static int lane(FlowView flow) {
      ByteBuf bytes = Unpooled.buffer();
      new PacketBuilder(address(flow.peer()), address(flow.guest()))
          .tcp(port(flow.peer()), port(flow.guest()), 1, 1, PacketView.ACK, 1)
          .write(bytes);
      PacketView view = new PacketView();
      view.check(bytes, 0, bytes.readableBytes());
      return Lanes.of(view, CONNECTIONS);
    }

    private static IpAddress address(String socket) {
      return IpAddress.parse(socket.substring(0, socket.lastIndexOf(':')));
    }

    private static int port(String socket) {
      return Integer.parseInt(socket.substring(socket.lastIndexOf(':') + 1));
    }

    private static void rule(Namespace router, int port, String what) throws Exception {
      Tool.run(
          router.within("nft", "-f", "-"),
          """
          table ip cut
          delete table ip cut
          table ip cut {
            chain forward {
              type filter hook forward priority 0
              tcp sport %1$d %2$s
              tcp dport %1$d %2$s
            }
          }
          """
              .formatted(port, what));
    }

    @Override
    public void moved(Lab lab) throws Exception {
      assertThat(connections(Objects.requireNonNull(fresh)))
          .hasSize(CONNECTIONS)
          .allMatch(ConnectionView::up);
      Set<String> busy = alive();
      int lane = 0;
      while (ofLane(busy, lane).isEmpty()) {
        lane++;
      }
      Set<String> ours = ofLane(busy, lane);
      Set<String> others = new HashSet<>(busy);
      others.removeAll(ours);
      assertThat(others).isNotEmpty();
      ConnectionView cut = connections(old()).get(lane);
      int port = port(cut.ends().split(" - ")[0]);
      try (EventStream events = old().control().events()) {
        rule(lab.router(), port, "drop");
        Thread.sleep(300); // what was on its way
        Set<String> still = alive();
        if (ipInIp) {
          assertThat(still).as("live packets go by no connection").containsAll(busy);
        } else {
          assertThat(still).as("the other lanes' flows").containsAll(others);
          assertThat(still).as("the flows of lane %d", lane).doesNotContainAnyElementsOf(ours);
        }
        rule(lab.router(), port, "reject with tcp reset");
        await(
            "a new connection in its place",
            () -> {
              ConnectionView now = connections(old()).get(cut.number() - 1);
              return now.up() && !now.ends().equals(cut.ends());
            });
        await("its flows go on", () -> alive().containsAll(busy));
        assertThat(links(events))
            .as("an outage is told by two lines")
            .satisfiesExactly(
                down -> assertThat(down).contains(cut.number() + " of 4", "is down"),
                up -> assertThat(up).isEqualTo("all 4 data connections to new-host are up"));
      }
      assertThat(connections(old())).allMatch(ConnectionView::up);
      assertThat(show(old()).held().packets()).as("copies that nobody needs").isZero();
      assertThat(show(old()).drops().keySet())
          .as("nothing was lost; retransmissions took the place of what was held")
          .isSubsetOf(DropReason.REPLACED.label());
      done = true;
    }

    private static List<String> links(EventStream events) throws Exception {
      List<String> texts = new ArrayList<>();
      try {
        for (EventLine line = events.next(WINDOW); line != null; line = events.next(WINDOW)) {
          if (line.type().equals("link")) {
            texts.add(line.text());
          }
        }
      } catch (SocketTimeoutException e) {
        return texts; // that was all
      }
      return texts;
    }

    private interface Condition {
      boolean isMet() throws Exception;
    }

    private static void await(String what, Condition condition) throws Exception {
      long end = System.nanoTime() + BACK_WITHIN.toNanos();
      while (!condition.isMet()) {
        assertThat(System.nanoTime()).as(what).isLessThan(end);
        Thread.sleep(50);
      }
    }
  }

  @Tag("suite-ways")
  @ParameterizedTest
  @ValueSource(strings = {"tls", "ipip"})
  void onlyItsOwnFlowsPause(String encapsulation) throws Exception {
    var cutter = new Cutter(encapsulation.equals("ipip"));
    ScenarioResult result =
        Scenario.run(
            ScenarioOptions.defaults()
                .with(o -> {
                  o.encapsulation = encapsulation;
                  o.dataConnections = CONNECTIONS;
                  o.pause = Duration.ofMillis(500);
                }),
            Story.silent(),
            cutter);
    everythingSurvived(result, line -> line.startsWith("RST ") && line.contains(DAEMON));
    assertThat(cutter.done).isTrue();
  }
}
