package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.Bystander;
import dev.holdfast.redirector.demo.ScenarioOptions;
import dev.holdfast.redirector.demo.host.DemoHost;
import dev.holdfast.redirector.demo.lab.Lab;
import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.redirector.demo.measure.Tap;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.redirector.migration.MigrationView;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * Sees by what packets are captured and carried while the guest is tunnelled: by what the daemons
 * say, by the devices that there are, and by what goes over the wire. It looks once every
 * connection has moved, so that nothing which is measured shares the processors with it.
 */
final class Carriage implements Bystander {
  private static final String CARRIERS =
      "tcp port 4754 or ip proto 4 or ip proto 41 or ip6 proto 4 or ip6 proto 41";

  /** Of tunnelled packets, before it is believed that these are what the guest's are in. */
  private static final int ENOUGH = 50;

  private static final Duration LIMIT = Duration.ofSeconds(5);
  private static final int ETHERNET = 14;
  private static final int TCP = 6;

  private final List<DemoHost> hosts = new ArrayList<>();
  private final List<Seen> seen = new ArrayList<>();
  private final AtomicInteger inTls = new AtomicInteger();
  private final AtomicInteger inIp = new AtomicInteger();

  /** Of one host. */
  private record Seen(
      String host, @Nullable String capture, String encapsulation, List<String> tunDevices) {}

  @Override
  public void reached(MigrationState state, DemoHost oldHost, DemoHost newHost) {
    if (state == MigrationState.REDIRECTING) {
      hosts.addAll(List.of(oldHost, newHost));
    }
  }

  @Override
  public void moved(Lab lab) throws Exception {
    for (DemoHost host : hosts) {
      MigrationView view = host.control().show("web1");
      Namespace machine = host.plan().machine();
      List<String> devices = machine.query("-o", "link", "show", "type", "tun").lines().toList();
      seen.add(new Seen(host.plan().name(), view.capture(), view.encapsulation(), devices));
    }
    try (Tap tap = Tap.open(lab.router(), "to-old", CARRIERS, null, this::count)) {
      Objects.requireNonNull(tap);
      long end = System.nanoTime() + LIMIT.toNanos();
      while (inTls.get() + inIp.get() < ENOUGH && System.nanoTime() - end < 0) {
        Thread.sleep(10);
      }
    }
  }

  private void count(long epochNanos, byte[] headers) {
    boolean v4 = (headers[ETHERNET] >>> 4 & 0xf) == 4;
    int protocol = headers[ETHERNET + (v4 ? 9 : 6)];
    (protocol == TCP ? inTls : inIp).incrementAndGet();
  }

  /** It was as {@code options} ask for. */
  void wasAsAsked(ScenarioOptions options) {
    assertThat(seen).as("hosts that were looked at").hasSize(2);
    List<String> captures = List.of(options.captureAtOldHost(), options.captureAtNewHost());
    for (int i = 0; i < captures.size(); i++) {
      Seen host = seen.get(i);
      assertThat(host.capture()).as("capture at the %s", host.host()).isEqualTo(captures.get(i));
      assertThat(host.tunDevices())
          .as("TUN devices of the %s, with capture %s", host.host(), captures.get(i))
          .hasSize(captures.get(i).equals("tun") ? 1 : 0);
      assertThat(host.encapsulation())
          .as("encapsulation at the %s", host.host())
          .isEqualTo(options.encapsulation());
    }
    if (options.encapsulation().equals("ipip")) {
      assertThat(inIp.get()).as("packets in IP on the wire").isGreaterThan(inTls.get());
    } else {
      assertThat(inIp.get()).as("packets in IP on the wire").isZero();
      assertThat(inTls.get()).as("packets of TLS on the wire").isGreaterThanOrEqualTo(ENOUGH);
    }
  }
}
