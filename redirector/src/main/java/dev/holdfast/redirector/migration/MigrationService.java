package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.tap.Feed;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What a running daemon can be asked: the control API and its tests see nothing else of it.
 *
 * <p>Every method may be called from any thread and returns when the answer is final (a hold
 * stands, a release is accepted). {@code id} is a migration's UUID or its name; a name means the
 * newest migration that has it.
 */
public interface MigrationService {
  MigrationPlan plan(MigrationRequest request) throws RequestRefused;

  MigrationView arm(MigrationRequest request) throws RequestRefused;

  MigrationView hold(String id) throws RequestRefused;

  /**
   * The guest, which lives at the endpoint, is paused there and may be on its way back. At either
   * host; a release ends it where the guest stays there, a rollback where it has come back.
   */
  MigrationView holdToReturn(String id) throws RequestRefused;

  MigrationView release(String id) throws RequestRefused;

  /**
   * The guest runs at its redirector again.
   *
   * @param force although the endpoint cannot be asked, or still hears the guest
   */
  MigrationView rollback(String id, boolean force) throws RequestRefused;

  MigrationView finish(String id, boolean force) throws RequestRefused;

  /**
   * At the endpoint, after the migration is done: the new addresses of a guest that does not know
   * them are mapped to its old ones no more.
   *
   * @param force although connections are left, which will break
   */
  MigrationView unmap(String id, boolean force) throws RequestRefused;

  /** Newest first. */
  List<MigrationView> list();

  MigrationView show(String id) throws RequestRefused;

  /**
   * Flows of one migration, or of all; with {@code remaining} only those that keep it from being
   * done.
   */
  List<FlowView> flows(@Nullable String id, boolean remaining) throws RequestRefused;

  /**
   * What would become of a packet now, and why. Changes nothing.
   *
   * @throws RequestRefused {@code INVALID} where it is no packet that can be judged
   */
  Explanation explain(ExplainRequest request) throws RequestRefused;

  /**
   * Records what passes the packet path from now on, until it is ended or nobody reads it.
   *
   * @throws RequestRefused {@code INVALID}; {@code UNKNOWN} for a migration; {@code CONFLICT} where
   *     as many run as there may be
   */
  Feed capture(CaptureRequest request) throws RequestRefused;

  /**
   * Ends a capture: what was recorded until now is still written.
   *
   * @throws RequestRefused {@code UNKNOWN} where it has ended already
   */
  void endCapture(String id) throws RequestRefused;

  HostStatus status();

  /**
   * Calls {@code listener} for each event from now on, in order; closing ends that. The listener
   * must not block.
   */
  AutoCloseable subscribe(Consumer<Event> listener);

  /**
   * Something that happened.
   *
   * @param type state, link, dns, alert, progress, hook
   * @param migration its id; empty for the host's own
   * @param state the migration's state after it
   */
  record Event(
      long epochNanos, String type, String migration, String name, String state, String text) {}
}
