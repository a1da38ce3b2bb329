package dev.holdfast.steer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.lab.Namespace;
import dev.holdfast.redirector.steer.RedirectorSteering;
import dev.holdfast.redirector.steer.SteeringPlan;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** {@link OldSite} with its host armed as redirector, and every neighbour entry fresh. */
final class ArmedOldSite implements AutoCloseable {
  static final List<String> OLD = List.of(OldSite.OLD4, OldSite.OLD6);

  /** Changes a site before it is armed. */
  interface Preparation {
    void make(OldSite site) throws Exception;
  }

  final OldSite site = new OldSite();
  final List<Namespace> askers = List.of(site.client, site.router, site.peer, site.host);
  final List<String> before;
  final Rig rig;
  final SteeringPlan plan;
  final RedirectorSteering steering;

  ArmedOldSite(Path folder) throws Exception {
    this(folder, site -> {});
  }

  ArmedOldSite(Path folder, Preparation preparation) throws Exception {
    preparation.make(site);
    before = Snapshot.of(site.host);
    expectAnswers(askers);
    rig = new Rig(site.host, folder);
    plan =
        new SteeringPlan(
            "m1",
            OLD.stream().map(IpAddress::parse).toList(),
            List.of(),
            MacAddress.parse(OldSite.GUEST_MAC),
            "br0",
            MacAddress.parse(OldSite.BRIDGE_MAC),
            "gp",
            List.of(),
            Rig.TUN);
    steering = new RedirectorSteering(plan, rig.facts);
    rig.arm(steering, plan);
  }

  /** Each of them gets an answer from each old address; all ask at the same time. */
  static void expectAnswers(List<Namespace> askers) throws Exception {
    Map<String, Future<Integer>> answers = new LinkedHashMap<>();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (Namespace from : askers) {
        for (String old : OLD) {
          answers.put(from.name() + " to " + old, threads.submit(() -> Pings.answered(from, old)));
        }
      }
    }
    for (Map.Entry<String, Future<Integer>> answer : answers.entrySet()) {
      assertThat(answer.getValue().get()).as(answer.getKey()).isOne();
    }
  }

  /** Everybody's packets go to the TUN, and not to the guest. */
  void expectCapture() throws Exception {
    long guestHeard = Pings.requestsHeard(site.guest);
    rig.tun.forget();
    expectAnswers(askers);
    assertThat(rig.tun.seen()).hasSize(askers.size() * OLD.size()).allMatch(p -> p.icmpType() > 0);
    assertThat(Pings.requestsHeard(site.guest)).isEqualTo(guestHeard);
  }

  /** Everybody's packets go to the guest, and not to the TUN. */
  void expectGuest() throws Exception {
    long guestHeard = Pings.requestsHeard(site.guest);
    rig.tun.forget();
    expectAnswers(askers);
    assertThat(Pings.requestsHeard(site.guest)).isEqualTo(guestHeard + askers.size() * OLD.size());
    assertThat(rig.tun.seen()).isEmpty();
  }

  long errorsHeard() throws Exception {
    long sum = 0;
    for (Namespace where : List.of(site.client, site.router, site.peer, site.guest)) {
      sum += Pings.errorsHeard(where);
    }
    return sum;
  }

  @Override
  public void close() throws Exception {
    rig.close();
    site.close();
  }
}
