package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.path.DataLoop;
import dev.holdfast.redirector.steer.Kernel;
import dev.holdfast.redirector.steer.KernelLedger;
import dev.holdfast.tunnel.endpoint.ControlChannel;
import dev.holdfast.tunnel.endpoint.TunnelEndpoint;
import dev.holdfast.tunnel.time.Clock;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * What every migration of this host works with: one of each.
 *
 * @param timer for what is due later; its tasks must be short, or start a thread of their own
 */
record Host(
    Config config,
    Clock clock,
    MigrationJournal journal,
    Kernel kernel,
    KernelLedger ledger,
    DataLoop data,
    TunnelEndpoint endpoint,
    ControlCalls calls,
    EventHub events,
    HostObjects objects,
    Rehearsal rehearsal,
    ScheduledExecutorService timer) {
  private static final long CONNECT_SECONDS = 7;

  /**
   * The control channel to a remote host, dialled when there is none.
   *
   * @throws RequestRefused when it is unreachable or not proven, with the reason
   */
  ControlChannel control(String remote) throws RequestRefused {
    try {
      return endpoint.control(remote).get(CONNECT_SECONDS, TimeUnit.SECONDS);
    } catch (ExecutionException e) {
      Throwable cause = e.getCause() == null ? e : e.getCause();
      throw new RequestRefused(
          RequestRefused.Kind.REFUSED,
          "remote host " + remote + " cannot be used: " + cause.getMessage(),
          e);
    } catch (TimeoutException e) {
      throw new RequestRefused(
          RequestRefused.Kind.REFUSED,
          "remote host " + remote + " did not answer within " + CONNECT_SECONDS + " s",
          e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new RequestRefused(
          RequestRefused.Kind.FAILED, "interrupted while connecting to " + remote, e);
    }
  }

  /** Runs {@code task} after {@code millis} on a thread of its own, so that it may wait. */
  void later(long millis, String name, Runnable task) {
    try {
      timer.schedule(
          () -> Thread.ofVirtual().name(name).start(task), millis, TimeUnit.MILLISECONDS);
    } catch (RejectedExecutionException e) {
      // The daemon is stopping, and the next one takes over.
    }
  }
}
