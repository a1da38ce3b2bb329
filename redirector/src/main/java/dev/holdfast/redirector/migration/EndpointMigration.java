package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.decide.Role;
import dev.holdfast.redirector.path.InboundPath;
import dev.holdfast.redirector.path.MigrationPath;
import dev.holdfast.tunnel.endpoint.ControlMessage;
import dev.holdfast.tunnel.link.LinkReceiver;
import dev.holdfast.tunnel.link.TlsLink;
import dev.holdfast.tunnel.packet.IpAddress;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * A migration on the host where the guest runs afterwards: it is granted, prepares the way to the
 * guest, keeps what is staged, and at release delivers it without asking anyone.
 */
final class EndpointMigration extends LiveMigration implements InboundPath.LinkEvents {
  private static final long REPEAT_MILLIS = 500;
  private static final long HELD_SECONDS = 3;

  /** How often the redirector is asked whether it still knows of it. */
  private static final long ASK_MILLIS = 10_000;

  /** Some times as many as are known at a time. */
  static final long MOST_FLOWS_TOLD = 4L * Paths.MAX_FLOWS;

  private final EndpointSteps steps;
  private final EndpointMapping mapping;
  private final GuestPause pause;
  private final AtomicLong flowsTold = new AtomicLong();
  private final AtomicBoolean noted = new AtomicBoolean();
  private final CountDownLatch heldKnown = new CountDownLatch(1);
  private final LinkNews news;
  private final SpoofedProbes probes;
  private volatile long delivered;
  private volatile List<Long> returnedUpTo = List.of();
  private volatile List<MigrationPlan.Check> checks = List.of();

  EndpointMigration(Host host, MigrationRecord record) {
    super(host, record);
    this.steps = new EndpointSteps(host, record);
    this.mapping = new EndpointMapping(host, this, steps);
    this.pause = new GuestPause(host, this, steps);
    this.probes = new SpoofedProbes(host);
    this.news = new LinkNews(record.connections(), "from " + record.remote());
  }

  /** Makes every kernel object and the path; what was made is undone when something fails. */
  void arm() throws RequestRefused {
    lock.lock();
    try {
      host.journal().record(record);
      raise();
      checks = PathProof.prove(host, record);
      host.rehearsal().await();
      enter(MigrationState.ARMED, host.clock().epochNanos(), "armed for " + record.remote());
      keepAsking();
    } catch (RuntimeException | RequestRefused e) {
      lower();
      host.journal().forget(record.id());
      throw e;
    } finally {
      lock.unlock();
    }
  }

  /**
   * The redirector has measured what IP-in-IP carries whole between the hosts; it says so again
   * when its channel is back, and when less passes than before, or more.
   *
   * @throws RequestRefused where that cannot be
   */
  void pathMtu(int bytes) throws RequestRefused {
    MigrationPath present = path;
    if (present == null
        || !record.isIpInIp()
        || bytes > Paths.usualInnerMtu(host.config(), record)
        || bytes < Paths.smallestInnerMtu(host.config())) {
      throw new RequestRefused(
          RequestRefused.Kind.REFUSED, bytes + " bytes cannot be the path MTU of this migration");
    }
    if (bytes != present.innerMtu()) {
      amend(known -> known.withInnerMtu(bytes));
      host.data().run(() -> present.innerMtu(bytes));
    }
  }

  /**
   * The redirector waits for probes from the old addresses.
   *
   * @throws RequestRefused where none may be sent, or no more
   */
  void sendProbes(long number, List<IpAddress> to) throws RequestRefused {
    probes.send(record, number, to);
  }

  /**
   * Probes have arrived: from release on, answers may leave here.
   *
   * @throws RequestRefused where none were sent
   */
  void answerDirectly() throws RequestRefused {
    MigrationPath present = path;
    if (present == null || !probes.wereSent()) {
      throw new RequestRefused(
          RequestRefused.Kind.REFUSED, "no probe has proven that answers may leave here");
    }
    amend(known -> known.withReturnPath(MigrationRecord.DIRECT));
    host.data().run(() -> present.answer(Paths.direct(record)));
  }

  /** What arming has found here, beyond preflight. */
  List<MigrationPlan.Check> checks() {
    return checks;
  }

  /**
   * Makes what the record says should exist; used at arm and when a restarted daemon takes over.
   */
  void raise() throws RequestRefused {
    dropPath(); // of an attempt that came half the way
    steps.apply();
    MigrationPath made =
        Paths.build(host, record, Role.ENDPOINT, HexFormat.of().parseHex(record.token()));
    made.enter(record.state()); // nobody else has it yet
    host.objects().addPath(made);
    path = made;
    mapping.on();
  }

  /** Takes over where a killed daemon stood; it may have died before it told of the release. */
  @Override
  void resume() throws RequestRefused {
    if (mapping.resume()) {
      return;
    }
    raise();
    ask();
    keepAsking();
    if (record.state() == MigrationState.REDIRECTING) {
      tellReleased();
      repeatUntilNoted();
    }
  }

  @Override
  void discard() {
    lower();
    host.journal().forget(record.id());
  }

  @Override
  void lower() {
    dropPath();
    steps.undo();
  }

  /** A data connection that showed the right token. Data loop. */
  LinkReceiver receiver(MigrationPath there, int lane) {
    return new InboundPath(there, lane, host.objects().device(record), host.clock(), this, true);
  }

  /** A data connection stands. Data loop. */
  void connected(int lane, TlsLink link) {
    MigrationPath there = path;
    if (there == null) {
      link.close();
      return; // it has just ended
    }
    try {
      there.linkUp(lane, link, host.objects().liveLink(record, there, link, this));
      tell(news.up(lane));
    } catch (IllegalArgumentException e) {
      link.close(String.valueOf(e.getMessage()));
      event("link", "data connection from " + record.remote() + " is of no use: " + e.getMessage());
    }
  }

  private void tell(@Nullable String line) {
    if (line != null && !record.state().isEnded()) {
      event("link", line);
    }
  }

  void held() {
    lock.lock();
    try {
      if (record.state() == MigrationState.ARMED) {
        enter(
            MigrationState.HOLDING,
            host.clock().epochNanos(),
            "held: packets for " + record.oldAddresses() + " are staged here");
      }
    } finally {
      lock.unlock();
    }
    heldKnown.countDown();
  }

  /**
   * Learns which connections were alive at hold. It may be told again when a channel comes back,
   * and not for ever: it is the packets' thread that takes them in.
   */
  void snapshot(List<ControlMessage.FlowEntry> flows) {
    MigrationPath there = path;
    if (there != null && flowsTold.addAndGet(flows.size()) <= MOST_FLOWS_TOLD) {
      Paths.addSnapshot(host, there, flows);
      mapping.track(flows);
    }
  }

  /**
   * The guest runs here now. Delivers what is staged, then tells the redirector. Asking again
   * changes nothing and gives the same answer.
   */
  void release() throws RequestRefused {
    awaitHeld();
    lock.lock();
    try {
      switch (record.state()) {
        case REDIRECTING, DRAINING -> {
          pause.end();
          mapping.on();
          tellReleased();
        }
        case DONE -> {} // the same answer again
        case HOLDING -> {
          long accepted = host.clock().epochNanos();
          MigrationPath there = raised();
          journalled(MigrationState.REDIRECTING, accepted);
          delivered =
              host.data().call(() -> host.objects().deliverStaged(there, steps::answerQuestions));
          event(
              "state",
              String.format(
                  Locale.ROOT,
                  "released: %d staged packets delivered to the guest within %.1f ms",
                  delivered,
                  (host.clock().epochNanos() - accepted) / 1e6));
          tellReleased();
          mapping.on();
          repeatUntilNoted();
        }
        default -> throw illegal("release");
      }
    } finally {
      lock.unlock();
    }
  }

  /** Its guest's pause, from release on. */
  GuestPause pause() {
    return pause;
  }

  @Override
  MigrationView.@Nullable WayBackView wayBack() {
    return pause.view();
  }

  /** The word of the hold may still be on its way, when a quick tool releases right after it. */
  private void awaitHeld() {
    try {
      if (record.state() == MigrationState.ARMED
          && !heldKnown.await(HELD_SECONDS, TimeUnit.SECONDS)) {
        event("progress", "released, but the old host has not said that it holds");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void tellReleased() {
    MigrationPath there = path;
    if (there == null) {
      return; // it has just ended
    }
    List<Long> upTo = host.data().call(there::deliveredUpTo);
    ControlMessage.Released message =
        new ControlMessage.Released(
            record.uuid(), record.epoch(), record.acceptedEpochNanos(), delivered, upTo);
    host.endpoint()
        .control(record.remote())
        .thenAccept(channel -> channel.send(message))
        .exceptionally(
            failure -> null); // repeated until the redirector's marker shows that it knows
  }

  private void repeatUntilNoted() {
    host.later(
        REPEAT_MILLIS,
        "released-" + record.name(),
        () -> {
          if (!noted.get() && !record.state().isEnded()) {
            tellReleased();
            repeatUntilNoted();
          }
        });
  }

  /** Its end may have been said while this host could not hear it. */
  private void keepAsking() {
    host.later(
        ASK_MILLIS,
        "ask-" + record.name(),
        () -> {
          if (!record.state().isEnded()) {
            ask();
            keepAsking();
          }
        });
  }

  private void ask() {
    host.endpoint()
        .control(record.remote())
        .thenAccept(
            channel -> channel.send(new ControlMessage.Inquiry(record.uuid(), record.epoch())))
        .exceptionally(failure -> null); // asked again
  }

  /** The redirector knows nothing of it, so nothing comes for it any more. */
  void disowned() {
    if (record.state().isEnded()) {
      return;
    }
    alert(record.remote() + " no longer knows of it");
    String refusal = rollback();
    if (!refusal.isEmpty()) {
      String unused = finish();
    }
  }

  /** True while it may give way to a later migration of the same address. */
  boolean isBeforeRelease() {
    MigrationState now = record.state();
    return now != MigrationState.REDIRECTING && now != MigrationState.DRAINING;
  }

  /** The redirector gives the address back to itself; refused once released here. */
  String rollback() {
    lock.lock();
    try {
      if (record.state() == MigrationState.REDIRECTING
          || record.state() == MigrationState.DRAINING) {
        return "released at " + host.config().daemon().name() + " already; the guest runs there";
      }
      if (!record.state().isEnded()) {
        kernelCounts.read(this);
        lower();
        enter(
            MigrationState.ROLLED_BACK,
            host.clock().epochNanos(),
            "rolled back by " + record.remote());
      }
      return "";
    } finally {
      lock.unlock();
    }
  }

  /**
   * The redirector asks for the address after release: the guest runs there again. What was
   * journalled is final, so asking again gives the same answer.
   *
   * @param next the redirector's epoch from then on
   * @param force although the guest was heard here just now
   */
  ControlMessage.TakenBack takeBack(long next, boolean force) {
    lock.lock();
    try {
      long asked = record.epoch();
      if (!record.state().isEnded()) {
        if (next <= asked) {
          return new ControlMessage.TakenBack(
              record.uuid(), asked, "epoch " + next + " is not later than " + asked, List.of());
        }
        String heard = force ? "" : pause.heard();
        if (!heard.isEmpty()) {
          return new ControlMessage.TakenBack(record.uuid(), asked, heard, List.of());
        }
        report = Reports.of(host, this);
        journalled(
            MigrationState.ROLLED_BACK,
            host.clock().epochNanos(),
            released -> released.inEpoch(next));
        MigrationPath there = path;
        if (there != null) {
          returnedUpTo =
              host.data()
                  .call(() -> {
                    there.wayBack().returnAll(); // ahead of the answer, as far as there is room
                    there.enter(MigrationState.ROLLED_BACK); // delivers nothing from here on
                    return there.deliveredUpTo();
                  });
        }
        event("state", "rolled back: the guest runs at " + record.remote() + " again");
        // The guest's peers wait for the answer, and not for this: it takes processes.
        host.later(0, "returned-" + record.name(), this::countAndSettle);
      }
      return new ControlMessage.TakenBack(
          record.uuid(), asked, "", returnedUpTo, steps.answeredFor());
    } finally {
      lock.unlock();
    }
  }

  /** No connection is left, says the redirector. */
  String finish() {
    lock.lock();
    try {
      if (!record.state().isEnded()) {
        kernelCounts.read(this);
        report = Reports.of(host, this);
        String left = mapping.settle();
        if (record.state() == MigrationState.REDIRECTING) {
          enter(
              MigrationState.DRAINING,
              host.clock().epochNanos(),
              "draining has ended at the old host");
        }
        if (record.state() == MigrationState.DRAINING) {
          enter(MigrationState.DONE, host.clock().epochNanos(), "done: " + left);
        } else {
          enter(
              MigrationState.ROLLED_BACK,
              host.clock().epochNanos(),
              "ended before release by " + record.remote());
        }
      }
      return "";
    } finally {
      lock.unlock();
    }
  }

  @Override
  void unmap(boolean force) throws RequestRefused {
    lock.lock();
    try {
      mapping.remove(force);
    } finally {
      lock.unlock();
    }
  }

  @Override
  List<String> legal() {
    List<String> verbs = new ArrayList<>();
    if (record.isStanding()) {
      verbs.add("unmap");
    }
    if (record.state() == MigrationState.HOLDING || wayBack() != null) {
      verbs.add("release");
    }
    return verbs;
  }

  @Override
  MigrationView.@Nullable DnsView dnsView() {
    return null;
  }

  @Override
  public void linkDown(int lane, String reason) {
    MigrationPath there = path;
    if (there != null) {
      there.linkDown(lane);
    }
    tell(news.down(lane, reason));
  }

  @Override
  public void markerSeen() {
    noted.set(true);
  }

  @Override
  public void packetsReturned(@Nullable String why) {
    tell(LinkNews.packetsReturned(record.remote(), why));
  }
}
