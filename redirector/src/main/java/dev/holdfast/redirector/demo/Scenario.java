package dev.holdfast.redirector.demo;

import static dev.holdfast.redirector.demo.Measurements.millis;

import dev.holdfast.redirector.demo.host.NameQuery;
import dev.holdfast.redirector.demo.host.NameService;
import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.GuestCable;
import dev.holdfast.redirector.demo.lab.Lab;
import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.redirector.demo.load.Clients;
import dev.holdfast.redirector.demo.load.ConnectionResult;
import dev.holdfast.redirector.demo.load.Phase;
import dev.holdfast.redirector.demo.load.Workload;
import dev.holdfast.redirector.migration.MigrationState;
import dev.holdfast.redirector.migration.MigrationView;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.time.SystemClock;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One move of the guest, from an empty machine to an empty machine: what the demo shows and the
 * scenario tests judge.
 */
public final class Scenario {
  private static final Duration TRAFFIC_BEFORE = Duration.ofSeconds(1);
  private static final Duration TRAFFIC_AFTER = Duration.ofMillis(1500);
  private static final Duration MOVED_WITHIN = Duration.ofSeconds(8);
  private static final Duration BACK_OFF_AT_MOST = Duration.ofSeconds(60);
  private static final Duration ENDED_WITHIN = Duration.ofSeconds(10);
  private static final Duration GIVEN_UP_WITHIN = Duration.ofSeconds(1);
  private static final Duration NAME_WITHIN = Duration.ofSeconds(10);
  private static final Duration ECHO_WITHIN = Duration.ofSeconds(3);
  private static final long LOOK_EVERY_MILLIS = 50;

  private final ScenarioOptions options;
  private final Story story;
  private final Cleanup cleanup;
  private final Stage stage;
  private final GuestCable cable;
  private final @Nullable GuestMigration migration;
  private final List<String> faults = new ArrayList<>();

  private Scenario(ScenarioOptions options, Story story, Cleanup cleanup, Stage stage) {
    this.options = options;
    this.story = story;
    this.cleanup = cleanup;
    this.stage = stage;
    this.cable = new GuestCable(stage.lab());
    this.migration = options.without() ? null : new GuestMigration(stage, options);
  }

  /**
   * Plays it, and leaves nothing behind however it ends: not when it fails, and not when the
   * process is told to end.
   *
   * @throws Exception when the lab cannot be built or a daemon does not do what it is asked
   */
  public static ScenarioResult run(ScenarioOptions options, Story story) throws Exception {
    return run(options, story, Bystander.NONE);
  }

  /** Like {@link #run(ScenarioOptions, Story)}, with somebody beside. */
  public static ScenarioResult run(ScenarioOptions options, Story story, Bystander bystander)
      throws Exception {
    var cleanup = new Cleanup();
    Thread hook =
        Thread.ofPlatform()
            .name("cleanup")
            .unstarted(() -> {
              story.tell("told to end: taking everything down");
              cleanup.close();
            });
    Runtime.getRuntime().addShutdownHook(hook);
    try {
      story.tell("building the lab: client, router, old host, new host, guest");
      var scenario = new Scenario(options, story, cleanup, Stage.set(options, cleanup));
      return scenario.play(bystander);
    } finally {
      cleanup.close();
      try {
        Runtime.getRuntime().removeShutdownHook(hook);
      } catch (IllegalStateException e) {
        // The process is ending: the hook is what closes, and this thread may end.
      }
    }
  }

  private ScenarioResult play(Bystander bystander) throws Exception {
    Lab lab = stage.lab();
    IpAddress service = stage.addresses().guestOld();
    List<String> namesBefore = lookUp().stream().map(IpAddress::toString).toList();
    if (migration != null) {
      stage.startDaemons(cleanup);
      story.tell("two daemons run, each in its own namespace, with a configuration file");
      story.tell(
          "it sets TTL %d s and drain.time-wait 1 s, so that the end need not be waited for"
              .formatted(NameService.LOWERED_TTL));
      if (options.quickAck()) {
        story.tell(
            "the guest acknowledges at once (quickack), so that recovery is the network's and not its program's");
      }
    }
    Captures captures = Captures.open(lab, stage.lans().toList(), options.keep(), cleanup);
    Workload workload = openConnections(service);
    bystander.begun(lab);
    if (migration != null) {
      story.tell(migration.arm());
      reached(bystander, MigrationState.ARMED);
    }
    Thread.sleep(TRAFFIC_BEFORE);
    String neighbour = routerNeighbour();
    Moments begun =
        options.ending() == Ending.ROLLED_BACK_FROM_ARMED ? takeBack() : move(workload, bystander);
    workload.enter(Phase.AFTER);
    boolean allMoved = awaitMoved(workload);
    IpAddress newAddress = awaitName();
    boolean newOk = Workload.echo(lab.client(), newAddress, ECHO_WITHIN);
    story.tell(
        "a new connection by name goes to %s: %s".formatted(newAddress, newOk ? "ok" : "failed"));
    bystander.moved(lab);
    awaitTraffic(begun);
    Moments moments = begun.endingAt(SystemClock.INSTANCE.epochNanos());
    List<ConnectionResult> results = workload.finish(allMoved ? ENDED_WITHIN : GIVEN_UP_WITHIN);
    story.tell("all connections have been closed, as far as they could");
    MigrationView ended = migration == null ? null : migration.awaitEnd(story, faults);
    closing("a capture", captures::close);
    closing("a daemon", stage.oldHost()::stop);
    closing("a daemon", stage.newHost()::stop);
    List<String> leftBehind = stage.leftBehind();
    checkBulk(results);
    Measurements measured = Measurements.of(captures.client(), moments);
    return new ScenarioResult(
        options,
        results,
        measured.recoveries(),
        measured.unrecovered(),
        measured.guestBackoffs(),
        measured.roundTrip(),
        migration == null ? null : Double.valueOf(millis(moments.released() - moments.resumed())),
        measured.longestSilence(),
        newAddress.toString(),
        newOk,
        namesBefore,
        lookUp().stream().map(IpAddress::toString).toList(),
        ended == null || ended.dns() == null
            ? null
            : Double.valueOf((double) ended.dns().updateMillis()),
        neighbour,
        captures.forbidden(results, moments.ending()),
        leftBehind,
        List.copyOf(faults),
        ended);
  }

  private Workload openConnections(IpAddress service) throws Exception {
    List<Clients> clients = new ArrayList<>();
    List<IpAddress> from = stage.lans().map(LabAddresses::client).toList();
    for (IpAddress each : from) {
      clients.add(new Clients(stage.lab().client(), each, options.connections() / from.size()));
    }
    Namespace peer = stage.lab().peer();
    if (peer != null) {
      clients.add(new Clients(peer, stage.addresses().peer(), options.peerConnections()));
    }
    Workload workload =
        Workload.open(
            stage.lab().guest(),
            stage.lans().map(LabAddresses::guestOld).toList(),
            clients,
            options.saturate(),
            options.seed(),
            cleanup);
    story.tell(
        "%d TCP connections to %s: a quarter each sending, receiving, asking every 20 ms, idle"
            .formatted(workload.size(), service));
    return workload;
  }

  /** As {@code ip neigh} prints it. */
  private String routerNeighbour() throws IOException {
    return stage
        .lab()
        .router()
        .query("neigh", "show", "to", stage.addresses().guestOld().toString(), "dev", "to-old")
        .strip();
  }

  private Moments move(Workload workload, Bystander bystander) throws Exception {
    long hold = SystemClock.INSTANCE.epochNanos();
    workload.enter(Phase.DURING);
    if (migration != null) {
      story.tell(migration.hold());
    }
    cable.unplug();
    long unplugged = SystemClock.INSTANCE.nanoTime();
    if (options.deletePort()) {
      cable.deleteOldPort();
    }
    story.tell("the guest's cable is pulled at the old host");
    if (migration != null) {
      reached(bystander, MigrationState.HOLDING);
    }
    pause(unplugged);
    boolean back = options.ending() == Ending.ROLLED_BACK_FROM_HOLDING;
    if (back) {
      cable.plugInAtOldHost();
    } else {
      cable.plugInAtNewHost();
      cable.takeNewAddresses();
    }
    long resumed = SystemClock.INSTANCE.epochNanos();
    if (migration == null) {
      stage.names().pointTo(stage.addresses().guestNew());
      story.tell("the guest is at the new host; nobody cares for its old address");
      return new Moments(hold, resumed, resumed, 0);
    }
    long released;
    if (back) {
      bystander.takeBack(migration::rollBack, stage.oldHost(), stage.newHost());
      released = migration.rolledBack();
    } else {
      released = migration.release();
    }
    story.tell(
        back
            ? "the guest goes on at the old host, and the migration is taken back"
            : "the guest is at the new host with %s too; released %.1f ms later"
                .formatted(stage.addresses().guestNew(), millis(released - resumed)));
    if (!back) {
      reached(bystander, MigrationState.REDIRECTING);
    }
    return options.ending() == Ending.ROLLED_BACK_FROM_REDIRECTING
        ? moveBack(bystander)
        : new Moments(hold, resumed, released, 0);
  }

  private Moments moveBack(Bystander bystander) throws Exception {
    if (migration == null) {
      throw new IllegalStateException("without Holdfast there is nothing to take back");
    }
    Thread.sleep(TRAFFIC_AFTER);
    long unplugged = SystemClock.INSTANCE.epochNanos();
    long since = SystemClock.INSTANCE.nanoTime();
    cable.unplug();
    pause(since);
    cable.plugInAtOldHost();
    cable.takeOldAddresses();
    long resumed = SystemClock.INSTANCE.epochNanos();
    bystander.takeBack(migration::rollBack, stage.oldHost(), stage.newHost());
    long released = migration.rolledBack();
    story.tell("the guest is back at the old host, and the migration is taken back");
    return new Moments(unplugged, resumed, released, 0);
  }

  private void reached(Bystander bystander, MigrationState state) throws Exception {
    bystander.reached(state, stage.oldHost(), stage.newHost());
  }

  private Moments takeBack() throws Exception {
    if (migration == null) {
      throw new IllegalStateException("without Holdfast there is nothing to take back");
    }
    long now = SystemClock.INSTANCE.epochNanos();
    long released = migration.rollBack();
    story.tell("the migration is taken back; the guest has never gone");
    return new Moments(now, now, released, 0);
  }

  private void pause(long since) throws InterruptedException {
    while (true) {
      long left = options.pause().toNanos() - (SystemClock.INSTANCE.nanoTime() - since);
      if (left <= 0) {
        return;
      }
      story.progress("paused, %.1f s to go".formatted(left / 1e9));
      Thread.sleep(Duration.ofNanos(Math.min(left, 100_000_000L)));
    }
  }

  private boolean awaitMoved(Workload workload) throws InterruptedException {
    int missing = workload.awaitMoved(MOVED_WITHIN, moved -> tick(workload, moved));
    if (missing > 0 && !options.without()) {
      story.tell(
          "%d connections wait for the guest's own TCP, which backed off; up to %d s more"
              .formatted(missing, BACK_OFF_AT_MOST.toSeconds()));
      missing = workload.awaitMoved(BACK_OFF_AT_MOST, moved -> tick(workload, moved));
    }
    story.tell(
        missing == 0
            ? "every connection has moved new bytes both ways"
            : missing + " of " + workload.size() + " connections move no more");
    return missing == 0;
  }

  private void tick(Workload workload, int moved) {
    story.progress(
        moved + " of " + workload.size() + " connections have moved new bytes both ways");
  }

  private List<IpAddress> lookUp() throws Exception {
    return NameQuery.addresses(
        stage.lab().client(),
        stage.names().forwardEndpoint(),
        NameService.GUEST_NAME,
        options.ipv6());
  }

  /** Asks for the guest's name until it leads where it should, and gives where it leads. */
  private IpAddress awaitName() throws Exception {
    IpAddress wanted =
        options.ending() == Ending.MOVED
            ? stage.addresses().guestNew()
            : stage.addresses().guestOld();
    long end = SystemClock.INSTANCE.nanoTime() + NAME_WITHIN.toNanos();
    while (true) {
      List<IpAddress> found = lookUp();
      if (found.equals(List.of(wanted))) {
        return wanted;
      }
      if (SystemClock.INSTANCE.nanoTime() - end >= 0) {
        faults.add("the guest's name leads to " + found + " instead of " + wanted);
        return found.isEmpty() ? wanted : found.getFirst();
      }
      Thread.sleep(LOOK_EVERY_MILLIS);
    }
  }

  /** A while of traffic after the move belongs to the picture. */
  private void awaitTraffic(Moments moments) throws InterruptedException {
    long since = SystemClock.INSTANCE.epochNanos() - moments.released();
    long left = TRAFFIC_AFTER.toNanos() - since;
    if (left > 0) {
      Thread.sleep(Duration.ofNanos(left));
    }
  }

  private void closing(String what, Cleanup.Step step) throws InterruptedException {
    try {
      step.run();
    } catch (InterruptedException e) {
      throw e;
    } catch (Exception e) {
      faults.add(what + ": " + e.getMessage());
    }
  }

  private void checkBulk(List<ConnectionResult> results) {
    if (options.without() || options.ending() == Ending.ROLLED_BACK_FROM_ARMED) {
      return; // nothing is written while nothing is held
    }
    if (options.saturate()) {
      return; // all buffers are full before the pause: nothing can be written during it
    }
    results.stream()
        .filter(each -> each.kind().isBulk() && !each.bulk().spansTheMove())
        .forEach(
            each -> faults.add("bulk stream " + each.index() + " does not span the move: " + each));
  }
}
