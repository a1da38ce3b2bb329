package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.capture.LanPort;
import dev.holdfast.redirector.steer.AnswerTable;
import dev.holdfast.redirector.steer.EndpointSteering;
import dev.holdfast.redirector.steer.GuestProbe;
import dev.holdfast.redirector.steer.HostFacts;
import dev.holdfast.redirector.steer.KernelChange;
import dev.holdfast.redirector.steer.KernelRefusal;
import dev.holdfast.redirector.steer.MappingSteering;
import dev.holdfast.redirector.steer.NeighbourResponder;
import dev.holdfast.redirector.steer.PcapSteering;
import dev.holdfast.redirector.steer.Steering;
import dev.holdfast.redirector.steer.SteeringPlan;
import dev.holdfast.tunnel.device.GroupMembership;
import dev.holdfast.tunnel.endpoint.ControlMessage.FlowEntry;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.packet.SolicitedNode;
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
  private final AnswerTable answers = new AnswerTable();
  private final Announcing announcing;
  private volatile @Nullable NeighbourResponder responder;
  private volatile @Nullable MappingSteering mapping;
  private volatile @Nullable MacAddress here;
  private volatile @Nullable GroupMembership groups;

  EndpointSteps(Host host, MigrationRecord record) {
    this.host = host;
    this.record = record;
    this.announcing = new Announcing(host);
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
    HostFacts facts = new HostFacts(host.kernel());
    return record.byPcap()
        ? PcapSteering.atEndpoint(plan)
        : record.isUnaware() ? new MappingSteering(plan, facts) : new EndpointSteering(plan, facts);
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
      MacAddress own = made.bridgeMac();
      List<IpAddress> hosts = List.of();
      if (record.byPcap() && guest != null) {
        LanPort port = host.objects().lanPort(record);
        port.captureAnswers(record.id(), made.oldAddresses(), guest);
        own = port.lan().mac();
        hosts = port.lan().own(); // the guest's solicitations are kept from this host's kernel
      }
      if (guest != null && own != null) {
        answers.serve(guest, made.oldAddresses(), made.newAddresses(), made.oldLans(), hosts, own);
        closeResponder();
        responder = NeighbourResponder.start(host.data().loop(), made.lan(), answers);
      }
      here = own;
      mapping = steers instanceof MappingSteering maps ? maps : null;
      joinGroups();
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

  /** Which neighbours of its old LAN the guest was told to be at this host's MAC. */
  List<IpAddress> answeredFor() {
    MacAddress guest = record.mac();
    return guest == null ? List.of() : answers.told(guest);
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

  /**
   * What neighbours of the new LAN ask about new addresses that the guest does not have would come
   * to nobody where switches snoop MLD (RFC 4541). It goes with this process.
   */
  private void joinGroups() throws IOException {
    leaveGroups();
    List<IpAddress> sixes = record.news().stream().filter(IpAddress::isV6).toList();
    if (mapping != null && !sixes.isEmpty()) {
      groups =
          GroupMembership.join(
              record.deliver(), sixes.stream().map(SolicitedNode::groupOf).toList());
    }
  }

  private void leaveGroups() {
    GroupMembership joined = groups;
    groups = null;
    if (joined != null) {
      joined.close();
    }
  }

  /**
   * What begins from now on has the new addresses outside, and this host stands for them on the new
   * LAN. Doing it again changes nothing; nothing is done for a guest that knows its new addresses.
   *
   * @param tunnelled whether old connections are there, and the old LAN is behind the tunnel
   * @throws IOException with nft's own words
   */
  void map(boolean tunnelled) throws IOException {
    MappingSteering maps = mapping;
    MacAddress mac = here;
    if (maps == null || mac == null) {
      return;
    }
    host.kernel().nftNow(maps.mapScript() + (tunnelled ? "" : maps.settleScript()));
    record.news().forEach(fresh -> answers.capture(fresh, mac, null));
    announcing.soon(record.deliver(), record.news(), mac);
  }

  /** The tunnel has gone, and the mapping stays. */
  void settleMapping() throws IOException {
    MappingSteering maps = mapping;
    if (maps == null) {
      return;
    }
    host.kernel().nftNow(maps.settleScript());
    for (KernelChange.Command each : maps.forgetOld()) {
      try {
        host.kernel().run(each);
      } catch (KernelRefusal refusal) {
        if (!refusal.isGone()) {
          throw refusal;
        }
      }
    }
  }

  /** Tells the kernel's connection tracking of the guest's old connections. It takes its time. */
  void track(List<FlowEntry> flows) throws IOException {
    String entries = mapping == null ? "" : GuestMapping.entries(flows, record.olds());
    if (!entries.isEmpty()) {
      String unused = host.kernel().conntrack("-R -", entries);
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
    record.news().forEach(answers::release);
    announcing.end(record.deliver(), record.news());
    leaveGroups();
    closeResponder();
    Steps.undo(host, record);
  }
}
