package dev.holdfast.redirector.migration;

import dev.holdfast.tunnel.endpoint.ControlMessage;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Answers that are awaited from remote hosts. A caller registers what it waits for before it asks;
 * the answer, from whichever connection of the host that was asked, completes it. An answer that
 * nobody waits for is late, and ignored; so is one of a host that was not asked.
 */
final class ControlCalls {
  private static final Map<Class<? extends ControlMessage>, String> REQUESTS =
      Map.of(
          ControlMessage.Released.class,
          ControlMessage.Fault.RELEASE,
          ControlMessage.RolledBack.class,
          ControlMessage.Fault.ROLLBACK,
          ControlMessage.TakenBack.class,
          ControlMessage.Fault.TAKE_BACK,
          ControlMessage.Finished.class,
          ControlMessage.Fault.FINISH,
          ControlMessage.HeldToReturn.class,
          ControlMessage.Fault.HOLD_TO_RETURN);

  private final AtomicLong nextRequest = new AtomicLong(1);
  private final Map<Object, CompletableFuture<ControlMessage>> waiting = new ConcurrentHashMap<>();

  /** What kind of answer about which migration, from whom. */
  private record Topic(String remote, Class<? extends ControlMessage> answer, UUID migration) {
    /** As a refusal names it. */
    String request() {
      return REQUESTS.getOrDefault(answer, ControlMessage.Fault.NOTHING_ASKED);
    }
  }

  /** The answer to one request. */
  private record Reply(String remote, long request) {}

  long newRequest() {
    return nextRequest.getAndIncrement();
  }

  CompletableFuture<ControlMessage> expectReply(String remote, long request) {
    return register(new Reply(remote, request));
  }

  CompletableFuture<ControlMessage> expect(
      String remote, Class<? extends ControlMessage> answer, UUID migration) {
    return register(new Topic(remote, answer, migration));
  }

  private CompletableFuture<ControlMessage> register(Object key) {
    CompletableFuture<ControlMessage> future =
        waiting.computeIfAbsent(key, k -> new CompletableFuture<>());
    future.whenComplete((answer, failure) -> waiting.remove(key, future));
    return future;
  }

  /** Hands an answer of {@code remote} to whoever waits for it; false when nobody does. */
  boolean complete(String remote, ControlMessage message) {
    Object key =
        switch (message) {
          case ControlMessage.ArmReply reply -> new Reply(remote, reply.request());
          case ControlMessage.Released m ->
              new Topic(remote, ControlMessage.Released.class, m.migration());
          case ControlMessage.RolledBack m ->
              new Topic(remote, ControlMessage.RolledBack.class, m.migration());
          case ControlMessage.TakenBack m ->
              new Topic(remote, ControlMessage.TakenBack.class, m.migration());
          case ControlMessage.Finished m ->
              new Topic(remote, ControlMessage.Finished.class, m.migration());
          case ControlMessage.HeldToReturn m ->
              new Topic(remote, ControlMessage.HeldToReturn.class, m.migration());
          default -> "none";
        };
    CompletableFuture<ControlMessage> future = waiting.get(key);
    return future != null && future.complete(message);
  }

  /**
   * {@code remote} has no such migration: whoever waits for its agreement to end it has that;
   * whoever waits for something else does so in vain.
   */
  void unknown(String remote, UUID migration, String text) {
    boolean unused =
        complete(remote, new ControlMessage.RolledBack(migration, 0, ""))
            | complete(remote, new ControlMessage.TakenBack(migration, 0, "", List.of()))
            | complete(remote, new ControlMessage.Finished(migration, 0, ""));
    fail(remote, migration, "", text);
  }

  /**
   * Fails what waits for an answer of {@code remote} about {@code migration}, with its own words.
   *
   * @param request what it has refused, as {@link ControlMessage.Fault} names it: who waits for
   *     something else goes on waiting; empty where the remote host does not say
   */
  void fail(String remote, @Nullable UUID migration, String request, String text) {
    waiting.forEach((key, future) -> {
      if (key instanceof Topic topic
          && topic.remote().equals(remote)
          && topic.migration().equals(migration)
          && (request.isEmpty() || request.equals(topic.request()))) {
        future.completeExceptionally(new RequestRefused(RequestRefused.Kind.REFUSED, text));
      }
    });
  }

  /** The connection to {@code remote} is lost, and with it every answer that is on its way. */
  void lost(String remote, String reason) {
    waiting.forEach((key, future) -> {
      boolean its =
          switch (key) {
            case Topic topic -> topic.remote().equals(remote);
            case Reply reply -> reply.remote().equals(remote);
            default -> false;
          };
      if (its) {
        future.completeExceptionally(
            new RequestRefused(
                RequestRefused.Kind.REFUSED,
                "the connection to " + remote + " was lost before it answered: " + reason));
      }
    });
  }

  /**
   * Waits for an answer.
   *
   * @throws RequestRefused when none has come within {@code millis}, saying that {@code remote} did
   *     not {@code answer}
   */
  static <T extends ControlMessage> T await(
      CompletableFuture<ControlMessage> future,
      Class<T> type,
      long millis,
      String remote,
      String what)
      throws RequestRefused {
    try {
      return type.cast(future.get(millis, TimeUnit.MILLISECONDS));
    } catch (TimeoutException e) {
      future.cancel(false);
      throw new RequestRefused(
          RequestRefused.Kind.REFUSED,
          remote + " did not answer " + what + " within " + millis + " ms",
          e);
    } catch (CancellationException e) {
      throw new RequestRefused(
          RequestRefused.Kind.REFUSED, remote + " did not answer " + what + " in time", e);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RequestRefused refused) {
        throw refused;
      }
      throw new RequestRefused(
          RequestRefused.Kind.FAILED, remote + ": " + what + " failed: " + e.getCause(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new RequestRefused(
          RequestRefused.Kind.FAILED, "interrupted while waiting for " + remote, e);
    }
  }
}
