package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.path.MigrationPath;
import dev.holdfast.tunnel.endpoint.ControlChannel;
import dev.holdfast.tunnel.endpoint.ControlMessage;
import dev.holdfast.tunnel.endpoint.ControlMessage.HeldToReturn;
import dev.holdfast.tunnel.endpoint.ControlMessage.HoldToReturn;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * At the endpoint: the guest that lives here is paused, and may be on its way back to the
 * redirector. What still comes for it is kept, and returned when the redirector holds; it is told,
 * or has told this host. Whether it holds is the redirector's word, and the last one counts.
 */
final class GuestPause {
  /** QEMU may wait for it with the guest paused. */
  private static final long ANSWER_MILLIS = 1_500;

  /** The redirector says first what it knows: it may have ended the hold meanwhile. */
  private static final long SAY_AGAIN_MILLIS = 500;

  /** A guest that was silent for so long may have been paused or stopped. */
  private static final long GUEST_GONE_NANOS = 1_000_000_000L;

  /** Its last packets before the pause may be read so much after it. */
  private static final long READ_LATE_NANOS = 50_000_000L;

  private final Host host;
  private final EndpointMigration migration;
  private final EndpointSteps steps;
  private final ReturnHold hold;
  private volatile boolean asked;
  private volatile long sinceNanos;

  GuestPause(Host host, EndpointMigration migration, EndpointSteps steps) {
    this.host = host;
    this.migration = migration;
    this.steps = steps;
    this.hold = new ReturnHold(host, migration, this::giveUp);
  }

  /**
   * The guest is paused: what comes for it is kept at once, and the redirector is asked to hold.
   * Where that cannot be, all is as before. Called without the lock: the redirector may ask for the
   * address meanwhile.
   *
   * @throws RequestRefused with the redirector's reason, or where it does not answer
   */
  void begin() throws RequestRefused {
    migration.lock.lock();
    try {
      if (!isReleased()) {
        throw migration.illegal("hold to return");
      }
      pause(migration.raised());
    } finally {
      migration.lock.unlock();
    }
    try {
      HeldToReturn answer = ask();
      if (!answer.on()) {
        throw new RequestRefused(
            RequestRefused.Kind.REFUSED,
            answer.refusal().isEmpty()
                ? migration.record.remote() + " was told meanwhile that the guest goes on here"
                : answer.refusal());
      }
      told(true);
    } catch (RequestRefused e) {
      giveUp(); // it may hold, and its answer be lost
      throw e;
    }
  }

  private HeldToReturn ask() throws RequestRefused {
    MigrationRecord record = migration.record;
    ControlChannel channel = host.control(record.remote());
    if (!channel.remoteCapabilities().contains(ControlMessage.HOLD_TO_RETURN)) {
      throw new RequestRefused(
          RequestRefused.Kind.REFUSED,
          record.remote()
              + " ("
              + channel.remoteSoftware()
              + ") is of a version that cannot hold for a guest on its way back: upgrade it");
    }
    asked = true;
    CompletableFuture<ControlMessage> answer =
        host.calls().expect(record.remote(), HeldToReturn.class, record.uuid());
    channel.send(new HoldToReturn(record.uuid(), record.epoch(), true));
    return ControlCalls.await(
        answer, HeldToReturn.class, ANSWER_MILLIS, record.remote(), "the hold for the way back");
  }

  private void pause(MigrationPath there) {
    if (hold.begin()) {
      sinceNanos = host.clock().nanoTime();
      host.data().run(() -> there.wayBack().pause());
      migration.event(
          "progress",
          "the guest is paused and may be on its way back to "
              + migration.record.remote()
              + ": what comes for it is returned");
    }
  }

  /** The redirector's word: it holds for the way back, or does so no more. */
  void told(boolean holds) {
    migration.lock.lock();
    try {
      MigrationPath there = migration.path;
      if (!isReleased() || there == null) {
        return;
      }
      if (holds) {
        pause(there);
        host.data().run(() -> there.wayBack().returnAll());
      } else {
        goOn(there);
      }
    } finally {
      migration.lock.unlock();
    }
  }

  /** The guest goes on here, and the redirector is told. Called with the lock held. */
  void end() {
    MigrationPath there = migration.path;
    if (there != null && goOn(there)) {
      tell(false);
    }
  }

  private boolean goOn(MigrationPath there) {
    if (!hold.end()) {
      return false;
    }
    long given = host.data().call(() -> host.objects().deliverKept(there));
    migration.event(
        "progress", "the guest goes on here: " + given + " packets of its pause delivered");
    return true;
  }

  private void giveUp() {
    migration.lock.lock();
    try {
      end();
    } finally {
      migration.lock.unlock();
    }
  }

  /** The redirector may have been started anew, and know nothing of it. */
  void controlUp() {
    if (asked && !hold.isOn()) {
      sayAgain();
    } else if (hold.isOn()) {
      host.later(SAY_AGAIN_MILLIS, "paused-" + migration.record.name(), this::sayAgain);
    }
  }

  private void sayAgain() {
    if (isReleased()) {
      tell(hold.isOn());
    }
  }

  private void tell(boolean on) {
    MigrationRecord record = migration.record;
    host.endpoint()
        .control(record.remote())
        .thenAccept(channel -> {
          if (channel.remoteCapabilities().contains(ControlMessage.HOLD_TO_RETURN)) {
            channel.send(new HoldToReturn(record.uuid(), record.epoch(), on));
          }
        })
        .exceptionally(failure -> null); // said again when the channel is back
  }

  private boolean isReleased() {
    MigrationState now = migration.state();
    return now == MigrationState.REDIRECTING || now == MigrationState.DRAINING;
  }

  MigrationView.@Nullable WayBackView view() {
    MigrationPath there = migration.path;
    return hold.view(there == null ? 0 : there.wayBack().total());
  }

  /**
   * Why the guest is thought to run here, though the redirector asks for its address; empty when
   * nothing says so. That it was heard before its pause says nothing.
   */
  String heard() {
    MigrationPath there = migration.path;
    if (there == null) {
      return "";
    }
    long now = host.clock().nanoTime();
    long silence = host.data().call(() -> there.flows().guestSilence(now));
    long recent =
        hold.isOn()
            ? Math.min(GUEST_GONE_NANOS, now - sinceNanos - READ_LATE_NANOS)
            : GUEST_GONE_NANOS;
    String sign =
        silence <= recent
            ? String.format(Locale.ROOT, "was heard %.1f s ago", silence / 1e9)
            : steps.guestAnswers() ? "answers" : "";
    return sign.isEmpty()
        ? ""
        : "the guest runs at "
            + host.config().daemon().name()
            + ", where "
            + String.join(", ", migration.record.oldAddresses())
            + " "
            + sign
            + ": stop it there before it runs elsewhere; if that is not the guest, use --force";
  }
}
