package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.path.MigrationPath;
import dev.holdfast.tunnel.endpoint.ControlChannel;
import dev.holdfast.tunnel.endpoint.ControlMessage;
import dev.holdfast.tunnel.endpoint.ControlMessage.ArmReply;
import dev.holdfast.tunnel.endpoint.ControlMessage.ArmRequest;
import dev.holdfast.tunnel.endpoint.EndpointHandler;
import dev.holdfast.tunnel.observe.DropReason;
import java.io.IOException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What remote hosts ask of this one. A remote host is proven by its certificate before anything of
 * it comes here; what it may ask for is decided here: only addresses that the config grants it,
 * only migrations that are its own.
 *
 * <p>Called on the data loop, which must not wait: answers that somebody waits for are handed over
 * at once, and requests go through the remote host's {@link Inbox}, in order within one migration.
 */
final class RemoteRequests implements EndpointHandler {
  private static final Logger log = LoggerFactory.getLogger(RemoteRequests.class);
  private static final SecureRandom RANDOM = new SecureRandom();

  // Of one migration, what is done in order. A release waits for the word of the hold, which may
  // come after it, and for no list of flows; a lost channel is looked at while a rollback waits.
  private static final String REQUESTS = "requests";
  private static final String HOLD = "hold";
  private static final String FLOWS = "flows";
  private static final String CHANNEL = "channel";

  /** So many flows take as much room as a message. */
  private static final int FLOWS_PER_ROOM = 256;

  /** By remote host; each has dialled the other perhaps, so there may be two. */
  private final Map<String, List<ControlChannel>> channels = new ConcurrentHashMap<>();

  private final Map<String, Inbox> inboxes = new ConcurrentHashMap<>();
  private volatile @Nullable MigrationEngine engine;

  void attach(MigrationEngine started) {
    engine = started;
  }

  HostStatus.RemoteStatus status(Config.Remote remote, Map<String, Long> tunnelErrors) {
    return HostStatus.RemoteStatus.of(
        remote,
        channels.getOrDefault(remote.name(), List.of()).stream()
            .filter(ControlChannel::isUp)
            .findFirst()
            .orElse(null),
        tunnelErrors);
  }

  @Override
  public void controlUp(ControlChannel channel) {
    channels
        .computeIfAbsent(channel.remoteName(), name -> new CopyOnWriteArrayList<>())
        .add(channel);
    redirectors(channel, RedirectorMigration::controlUp);
    MigrationEngine running = engine;
    if (running != null) {
      for (LiveMigration migration : running.live()) {
        if (migration instanceof EndpointMigration endpoint
            && endpoint.record.remote().equals(channel.remoteName())) {
          later(channel, endpoint.record.id(), CHANNEL, 0, endpoint.pause()::controlUp);
        }
      }
    }
  }

  private void redirectors(ControlChannel channel, Consumer<RedirectorMigration> action) {
    MigrationEngine running = engine;
    if (running == null) {
      return;
    }
    for (LiveMigration migration : running.live()) {
      if (migration.record.remote().equals(channel.remoteName())
          && migration instanceof RedirectorMigration redirector) {
        // It is this host that has so many migrations: they take none of the other one's room.
        later(channel, redirector.record.id(), CHANNEL, 0, () -> action.accept(redirector));
      }
    }
  }

  @Override
  public void controlDown(ControlChannel channel, String reason) {
    List<ControlChannel> there = channels.get(channel.remoteName());
    MigrationEngine running = engine;
    if (there != null && there.remove(channel) && there.isEmpty() && running != null) {
      running.host().calls().lost(channel.remoteName(), reason);
    }
    redirectors(channel, RedirectorMigration::controlDown);
  }

  @Override
  public void message(ControlChannel channel, ControlMessage message) {
    MigrationEngine running = engine;
    if (running == null) {
      return;
    }
    Host host = running.host();
    switch (message) {
      case ArmReply reply -> host.calls().complete(channel.remoteName(), reply);
      case ControlMessage.RolledBack reply -> host.calls().complete(channel.remoteName(), reply);
      case ControlMessage.TakenBack reply -> host.calls().complete(channel.remoteName(), reply);
      case ControlMessage.Finished reply -> host.calls().complete(channel.remoteName(), reply);
      case ControlMessage.Released released -> released(running, channel, released);
      case ArmRequest request ->
          later(
              channel,
              request.migration().toString(),
              REQUESTS,
              1,
              () -> {
                Inbox inbox = inbox(channel);
                inbox.arming.lock();
                try {
                  arm(running, channel, request);
                } finally {
                  inbox.arming.unlock();
                }
              });
      case ControlMessage.FlowSnapshot snapshot ->
          endpoint(
              running,
              channel,
              snapshot,
              snapshot.migration(),
              snapshot::epoch,
              m -> m.snapshot(snapshot.flows()));
      case ControlMessage.PathMtu measured ->
          endpoint(
              running,
              channel,
              measured,
              measured.migration(),
              measured::epoch,
              m -> m.pathMtu(measured.bytes()));
      case ControlMessage.SpoofProbe wanted ->
          endpoint(
              running,
              channel,
              wanted,
              wanted.migration(),
              wanted::epoch,
              m -> m.sendProbes(wanted.number(), wanted.to()));
      case ControlMessage.DirectReturn proven ->
          endpoint(
              running,
              channel,
              proven,
              proven.migration(),
              proven::epoch,
              EndpointMigration::answerDirectly);
      case ControlMessage.Held held ->
          endpoint(running, channel, held, held.migration(), held::epoch, EndpointMigration::held);
      case ControlMessage.Release release -> // answered with Released
          endpoint(
              running,
              channel,
              release,
              release.migration(),
              release::epoch,
              EndpointMigration::release);
      case ControlMessage.Rollback(UUID id, long epoch) ->
          endpoint(
              running,
              channel,
              message,
              id,
              () -> epoch,
              m -> channel.send(new ControlMessage.RolledBack(id, epoch, m.rollback())));
      case ControlMessage.TakeBack wanted ->
          endpoint(
              running,
              channel,
              wanted,
              wanted.migration(),
              () -> epochOf(running, wanted),
              m -> channel.send(m.takeBack(wanted.nextEpoch(), wanted.force())));
      case ControlMessage.HoldToReturn wanted -> holdToReturn(running, channel, wanted);
      case ControlMessage.HeldToReturn held -> {
        if (!host.calls().complete(channel.remoteName(), held)) {
          endpoint(
              running,
              channel,
              held,
              held.migration(),
              held::epoch,
              m -> m.pause().told(held.on()));
        }
      }
      case ControlMessage.Finish(UUID id, long epoch) ->
          endpoint(
              running,
              channel,
              message,
              id,
              () -> epoch,
              m -> channel.send(new ControlMessage.Finished(id, epoch, m.finish())));
      case ControlMessage.Fault fault -> {
        String said = channel.remoteName() + " says: " + fault.text();
        String line = inbox(channel).lines.line(said, host.clock().nanoTime());
        if (line != null) {
          log.warn("{}", line);
        }
        fault(running, channel, fault);
      }
      case ControlMessage.Inquiry inquiry -> inquiry(running, channel, inquiry);
      case ControlMessage.Hello hello -> log.debug("hello of {}", channel.remoteName());
      case ControlMessage.Ping ping -> log.trace("ping");
      case ControlMessage.Pong pong -> log.trace("pong");
    }
  }

  private Inbox inbox(ControlChannel channel) {
    return inboxes.computeIfAbsent(channel.remoteName(), name -> new Inbox());
  }

  private void later(ControlChannel channel, String id, String part, int weight, Runnable work) {
    if (!inbox(channel).offer(new Inbox.About(id, part), weight, work)) {
      channel.close(channel.remoteName() + " asks for more at a time than can be done here");
    }
  }

  /** The endpoint has released: whoever waits for that is told, or it is news. */
  private void released(
      MigrationEngine running, ControlChannel channel, ControlMessage.Released message) {
    if (running.host().calls().complete(channel.remoteName(), message)) {
      return;
    }
    LiveMigration migration = running.byId(message.migration().toString());
    if (migration instanceof RedirectorMigration redirector
        && redirector.record.remote().equals(channel.remoteName())) {
      later(channel, redirector.record.id(), REQUESTS, 1, () -> redirector.released(message));
    }
  }

  /** An endpoint sees its guest pause, or go on. */
  private void holdToReturn(
      MigrationEngine running, ControlChannel channel, ControlMessage.HoldToReturn wanted) {
    UUID id = wanted.migration();
    if (!(running.byId(id.toString()) instanceof RedirectorMigration redirector)
        || !redirector.record.remote().equals(channel.remoteName())) {
      channel.send(ControlMessage.Fault.unknown(id));
    } else if (redirector.record.epoch() == wanted.epoch()) { // else it has been taken back
      later(
          channel,
          redirector.record.id(),
          REQUESTS,
          1,
          () -> channel.send(redirector.returning().asked(wanted.on())));
    }
  }

  private void fault(MigrationEngine running, ControlChannel channel, ControlMessage.Fault fault) {
    String text = channel.remoteName() + ": " + fault.text();
    UUID id = fault.migration();
    if (id == null || !fault.code().equals(ControlMessage.Fault.UNKNOWN_MIGRATION)) {
      running.host().calls().fail(channel.remoteName(), id, fault.request(), text);
      return;
    }
    running.host().calls().unknown(channel.remoteName(), id, text);
    if (running.byId(id.toString()) instanceof EndpointMigration endpoint
        && endpoint.record.remote().equals(channel.remoteName())) {
      later(channel, endpoint.record.id(), REQUESTS, 1, endpoint::disowned);
    }
  }

  /** An endpoint asks whether a migration of its is still alive; it is told only if it is not. */
  private static void inquiry(
      MigrationEngine running, ControlChannel channel, ControlMessage.Inquiry asked) {
    UUID id = asked.migration();
    if (!(running.byId(id.toString()) instanceof RedirectorMigration redirector)
        || !redirector.record.remote().equals(channel.remoteName())) {
      channel.send(ControlMessage.Fault.unknown(id));
      return;
    }
    long epoch = redirector.record.epoch();
    switch (redirector.state()) {
      case DONE -> channel.send(new ControlMessage.Finish(id, epoch));
      case ROLLED_BACK ->
          channel.send(
              asked.epoch() < epoch
                  ? new ControlMessage.TakeBack(id, asked.epoch(), epoch, true)
                  : ControlMessage.Fault.unknown(
                      id)); // a plain rollback is refused by one that has released since
      default -> log.trace("{} asks for {}", channel.remoteName(), id);
    }
  }

  /** One that was agreed to may be asked for again, when the answer was lost. */
  private static long epochOf(MigrationEngine running, ControlMessage.TakeBack wanted) {
    LiveMigration there = running.byId(wanted.migration().toString());
    return there != null
            && there.state() == MigrationState.ROLLED_BACK
            && there.record.epoch() == wanted.nextEpoch()
        ? wanted.nextEpoch()
        : wanted.epoch();
  }

  private interface EndpointAction {
    void on(EndpointMigration migration) throws RequestRefused;
  }

  /** Runs {@code action} on the migration of that id and epoch, if it is this remote host's. */
  private void endpoint(
      MigrationEngine running,
      ControlChannel channel,
      ControlMessage message,
      UUID id,
      LongSupplier epoch,
      EndpointAction action) {
    String part =
        switch (message) {
          case ControlMessage.Held held -> HOLD;
          case ControlMessage.FlowSnapshot snapshot -> FLOWS;
          default -> REQUESTS;
        };
    int weight =
        message instanceof ControlMessage.FlowSnapshot snapshot
            ? 1 + snapshot.flows().size() / FLOWS_PER_ROOM
            : 1;
    later(
        channel,
        id.toString(),
        part,
        weight,
        () -> {
          LiveMigration migration = running.byId(id.toString());
          if (!(migration instanceof EndpointMigration endpoint)
              || !endpoint.record.remote().equals(channel.remoteName())) {
            channel.send(ControlMessage.Fault.unknown(id));
          } else if (endpoint.record.epoch() != epoch.getAsLong()) {
            channel.send(
                ControlMessage.Fault.of(
                    message, "stale-epoch", "that is an earlier ownership of the address", id));
          } else {
            try {
              action.on(endpoint);
            } catch (RequestRefused | RuntimeException e) {
              channel.send(
                  ControlMessage.Fault.of(message, "refused", String.valueOf(e.getMessage()), id));
            }
          }
        });
  }

  private static void arm(MigrationEngine running, ControlChannel channel, ArmRequest request) {
    List<ControlMessage.CheckEntry> checks = new ArrayList<>();
    List<ControlMessage.ChangeEntry> changes = new ArrayList<>();
    try {
      MigrationRecord record =
          EncapsulationChoice.answered(
              running.host().config(),
              ArmGrant.check(running, channel.remoteName(), request),
              wanted -> WayChecks.againstIpInIp(running.host(), wanted));
      List<MigrationPlan.Check> found = Planner.endpointChecks(running.host(), record);
      addAll(checks, found);
      Planner.requirePassed(found);
      running.requireFree(record);
      if (request.dryRun()) {
        for (MigrationPlan.Step step : Planner.endpointSteps(running.host(), record)) {
          changes.add(new ControlMessage.ChangeEntry(step.what(), step.undo()));
        }
        channel.send(reply(request, record, "", checks, changes, new byte[0]));
        return;
      }
      byte[] token = new byte[16];
      RANDOM.nextBytes(token);
      running.supersede(record);
      EndpointMigration migration =
          new EndpointMigration(running.host(), record.withToken(HexFormat.of().formatHex(token)));
      running.admit(migration);
      try {
        migration.arm();
        addAll(checks, migration.checks());
      } catch (RequestRefused | RuntimeException e) {
        if (e instanceof RequestRefused refused) {
          addAll(checks, refused.checks());
        }
        running.forget(migration);
        throw e;
      }
      channel.send(reply(request, record, "", checks, changes, token));
    } catch (IOException | RequestRefused | RuntimeException e) {
      log.info(
          "refused to arm {} for {}: {}", request.name(), channel.remoteName(), e.getMessage());
      channel.send(
          reply(request, null, String.valueOf(e.getMessage()), checks, changes, new byte[0]));
    }
  }

  private static void addAll(
      List<ControlMessage.CheckEntry> entries, List<MigrationPlan.Check> checks) {
    for (MigrationPlan.Check each : checks) {
      entries.add(
          new ControlMessage.CheckEntry(each.name(), each.result(), each.detail(), each.fix()));
    }
  }

  private static ArmReply reply(
      ArmRequest request,
      @Nullable MigrationRecord agreed,
      String refusal,
      List<ControlMessage.CheckEntry> checks,
      List<ControlMessage.ChangeEntry> changes,
      byte[] token) {
    return new ArmReply(
        request.request(),
        refusal,
        checks,
        changes,
        token,
        agreed == null ? 0 : agreed.connections(),
        agreed == null ? "" : agreed.encapsulation(),
        agreed == null || agreed.encapsulationReason() == null ? "" : agreed.encapsulationReason());
  }

  @Override
  public LinkAnswer bind(String remoteName, UUID id, long epoch, byte[] token, int lane) {
    MigrationEngine running = engine;
    LiveMigration migration = running == null ? null : running.byId(id.toString());
    if (!(migration instanceof EndpointMigration endpoint)
        || !endpoint.record.remote().equals(remoteName)
        || endpoint.record.epoch() != epoch
        || endpoint.state().isEnded()
        || !MessageDigest.isEqual(HexFormat.of().parseHex(endpoint.record.token()), token)) {
      return new LinkAnswer.Refuse(
          "no migration here has that id, epoch and token for " + remoteName);
    }
    MigrationPath path = endpoint.path;
    if (path == null) {
      return new LinkAnswer.Refuse("the migration could not be taken over there yet");
    }
    int agreed = endpoint.record.connections();
    if (lane >= agreed) {
      return new LinkAnswer.Refuse(
          "that would be data connection "
              + (lane + 1)
              + " of the migration, and "
              + agreed
              + " were agreed when it was armed");
    }
    return new LinkAnswer.Accept(
        endpoint.receiver(path, lane), link -> endpoint.connected(lane, link));
  }

  @Override
  public void counted(DropReason reason) {
    MigrationEngine running = engine;
    if (running != null) {
      running.host().objects().drops().count(reason);
    }
  }
}
