package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.capture.LanPort;
import dev.holdfast.redirector.steer.AnswerTable;
import dev.holdfast.redirector.steer.EndpointSteering;
import dev.holdfast.redirector.steer.GuestProbe;
import dev.holdfast.redirector.steer.HostFacts;
import dev.holdfast.redirector.steer.KernelChange;
import dev.holdfast.redirector.steer.NeighbourResponder;
import dev.holdfast.redirector.steer.PcapSteering;
import dev.holdfast.redirector.steer.Steering;
import dev.holdfast.redirector.steer.SteeringPlan;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import dev.holdfast.tunnel.packet.MacAddress;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What an endpoint does to its own host's kernel for one migration, and how it takes that back. */
final class EndpointSteps {
  private static final Logger log = LoggerFactory.getLogger(EndpointSteps.class);

  private final Host host;
  private final MigrationRecord record;
  private volatile @Nullable NeighbourResponder responder;

  EndpointSteps(Host host, MigrationRecord record) {
    this.host = host;
    this.record = record;
  }

  static SteeringPlan plan(Host host, MigrationRecord record) throws IOException {
    MacAddress bridgeMac =
        new HostFacts(host.kernel())
            .device(record.deliver())
            .filter(HostFacts.Device::isBridge)
            .map(HostFacts.Device::mac)
            .orElse(null);
    return new SteeringPlan(
        record.id(),
        record.olds(),
        record.news(),
        record.mac(),
        record.deliver(),
        bridgeMac,
        null,
        record.oldLans().stream().map(IpPrefix::parse).toList(),
        host.config().tunnel().device());
  }

  /** Every change that arming makes here, in order; nothing is done. */
  static List<KernelChange> changes(Host host, MigrationRecord record) throws IOException {
    Steering steering = steering(host, record, plan(host, record));
    List<KernelChange> changes = new ArrayList<>(steering.shared());
    changes.addAll(steering.arm());
    return changes;
  }

  private static Steering steering(Host host, MigrationRecord record, SteeringPlan plan) {
    return record.byPcap()
        ? PcapSteering.atEndpoint(plan)
        : new EndpointSteering(plan, new HostFacts(host.kernel()));
  }

  /**
   * Makes the way to the guest and the way back. From then on the guest, and nobody else, is
   * answered when it asks for its old LAN; it does so only once it runs here.
   *
   * @throws RequestRefused with the kernel's own words
   */
  void apply() throws RequestRefused {
    try {
      host.objects().acquire(record);
      if (record.isIpInIp()) {
        host.objects().openIpInIp();
      }
      SteeringPlan made = plan(host, record);
      Steering steers = steering(host, record, made);
      Steps.apply(host, record, steers);
      MacAddress guest = made.guestMac();
      MacAddress here = made.bridgeMac();
      List<IpAddress> hosts = List.of();
      if (record.byPcap() && guest != null) {
        LanPort port = host.objects().lanPort(record);
        port.captureAnswers(record.id(), made.oldAddresses(), guest);
        here = port.lan().mac();
        hosts = port.lan().own(); // the guest's solicitations are kept from this host's kernel
      }
      if (guest != null && here != null) {
        AnswerTable answers = new AnswerTable();
        answers.serve(guest, made.oldAddresses(), made.newAddresses(), made.oldLans(), hosts, here);
        closeResponder();
        responder = NeighbourResponder.start(host.data().loop(), made.lan(), answers);
      }
    } catch (IOException e) {
      throw new RequestRefused(
          RequestRefused.Kind.FAILED, "the kernel could not be set up: " + e.getMessage(), e);
    }
  }

  /** Answers what the guest has asked of its neighbours by now. Data loop. */
  void answerQuestions() {
    NeighbourResponder answering = responder;
    if (answering != null) {
      answering.answerNow();
    }
  }

  /** Whether the guest says that it is here; false too where it cannot be asked. */
  boolean guestAnswers() {
    MacAddress guest = record.mac();
    if (guest == null) {
      return false;
    }
    try {
      return GuestProbe.answers(record.deliver(), guest, record.olds(), host.clock());
    } catch (IOException e) {
      log.warn("the guest cannot be asked whether it is here: {}", e.getMessage());
      return false;
    }
  }

  private void closeResponder() {
    NeighbourResponder answering = responder;
    responder = null;
    if (answering != null) {
      answering.close();
    }
  }

  void undo() {
    closeResponder();
    Steps.undo(host, record);
  }
}
