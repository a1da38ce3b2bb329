package dev.holdfast.tunnel.endpoint;

import dev.holdfast.tunnel.identity.TlsFailure;
import dev.holdfast.tunnel.link.FrameConnection;
import dev.holdfast.tunnel.link.FrameType;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.util.concurrent.ScheduledFuture;
import java.net.ConnectException;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NoRouteToHostException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * One attempt to open a connection to a remote host, have it proven and answered. Where the host
 * may have several addresses, they are tried one after the other until one is proven. Everything
 * together has one time limit, and whatever goes wrong ends in one sentence.
 *
 * @param <T> what the connection becomes
 */
abstract class Dial<T> {
  final TunnelEndpoint endpoint;
  final RemoteHost remote;
  final CompletableFuture<T> result;
  private final @Nullable InetAddress from;
  private final Deque<InetSocketAddress> untried = new ArrayDeque<>();
  private final List<String> failures = new ArrayList<>();
  private long millisEach;
  private @Nullable Attempt current;
  private @Nullable ScheduledFuture<?> deadline;

  /**
   * @param result completed on the loop's thread
   */
  Dial(TunnelEndpoint endpoint, RemoteHost remote, CompletableFuture<T> result) {
    this(endpoint, remote, null, result);
  }

  /**
   * @param from the address of this host that it comes from; null where the kernel chooses
   */
  Dial(
      TunnelEndpoint endpoint,
      RemoteHost remote,
      @Nullable InetAddress from,
      CompletableFuture<T> result) {
    this.from = from;
    this.result = result;
    this.endpoint = endpoint;
    this.remote = remote;
  }

  /** The handshake is complete and the far end is the remote host: say what this is for. */
  abstract void greet(FrameConnection open);

  /** The far end's answer. */
  abstract void onFrame(FrameType type, ByteBuf payload);

  void start() {
    long limit = endpoint.options().connectTimeout().toMillis();
    deadline = endpoint.loop().schedule(this::timeOut, limit, TimeUnit.MILLISECONDS);
    endpoint
        .whereabouts()
        .find(remote)
        .whenComplete((addresses, failure) -> {
          if (failure != null) {
            fail(String.valueOf(failure.getMessage()));
          } else if (!result.isDone()) {
            untried.addAll(addresses);
            millisEach = limit / addresses.size();
            next();
          }
        });
  }

  private void next() {
    Attempt attempt = new Attempt(untried.removeFirst());
    current = attempt;
    attempt.start(!untried.isEmpty());
  }

  private void timeOut() {
    Attempt attempt = current;
    fail(
        attempt == null
            ? "the endpoint of " + remote.name() + " could not be looked up in time"
            : attempt.lateness(endpoint.options().connectTimeout().toMillis()));
  }

  /** Ends the attempt and its connection. */
  void fail(String sentence) {
    cancelTimer();
    failures.add(sentence);
    result.completeExceptionally(
        new TunnelException(String.join("; ", failures.stream().distinct().toList())));
    Attempt attempt = current;
    if (attempt != null) {
      attempt.close(sentence);
    }
  }

  /** The attempt has come to its end; false when nobody wants the result any more. */
  boolean succeed(T value) {
    cancelTimer();
    return result.complete(value);
  }

  private void cancelTimer() {
    ScheduledFuture<?> timer = deadline;
    if (timer != null) {
      timer.cancel(false);
    }
  }

  private static boolean isBare(String reason) {
    return reason.contains("closed the connection") || reason.contains("was lost");
  }

  /** One address of the remote host. */
  private final class Attempt implements FrameConnection.Listener {
    private final InetSocketAddress to;
    private final String where;
    private @Nullable FrameConnection connection;
    private @Nullable Channel channel;
    private @Nullable ScheduledFuture<?> turn;
    private boolean proven;

    Attempt(InetSocketAddress to) {
      this.to = to;
      this.where = remote.name() + " at " + TlsFailure.peer(to);
    }

    /**
     * @param others whether another address waits for its turn
     */
    void start(boolean others) {
      if (others) {
        turn =
            endpoint
                .loop()
                .schedule(() -> failed(lateness(millisEach)), millisEach, TimeUnit.MILLISECONDS);
      }
      int limit = (int) endpoint.options().connectTimeout().toMillis();
      Transport.client(endpoint.loop(), limit * 2)
          .handler(
              new ChannelInboundHandlerAdapter() {
                @Override
                public void channelRegistered(ChannelHandlerContext ctx) {
                  channel = ctx.channel();
                  endpoint.opened(ctx.channel());
                  ctx.fireChannelRegistered();
                }

                @Override
                public void channelActive(ChannelHandlerContext ctx) {
                  connected(ctx.channel());
                  ctx.fireChannelActive();
                  ctx.pipeline().remove(this);
                }
              })
          .connect(to, from())
          .addListener(done -> {
            if (!done.isSuccess()) {
              failed(unreachable(done.cause()));
            }
          });
    }

    /** Null where the kernel chooses. */
    private @Nullable InetSocketAddress from() {
      InetAddress own = from;
      boolean isSameFamily =
          own != null && to.getAddress() instanceof Inet4Address == own instanceof Inet4Address;
      return isSameFamily ? new InetSocketAddress(own, 0) : null;
    }

    private void connected(Channel open) {
      connection =
          Connection.install(
              endpoint,
              open,
              endpoint.tls().client(open.alloc(), remote.name(), to),
              to,
              this,
              name -> {
                FrameConnection frames = connection;
                if (frames != null && current == this && !result.isDone()) {
                  proven = true;
                  endTurn();
                  greet(frames);
                }
              });
    }

    private void endTurn() {
      ScheduledFuture<?> timer = turn;
      if (timer != null) {
        timer.cancel(false);
      }
    }

    private String unreachable(Throwable cause) {
      return switch (cause) {
        case NoRouteToHostException e -> "there is no route to " + where;
        case ConnectException e when String.valueOf(e.getMessage()).contains("refused") ->
            where + " refused the connection: is the daemon running there?";
        default -> where + " cannot be reached: " + Connection.kernelText(cause);
      };
    }

    String lateness(long millis) {
      if (connection == null) {
        return "nothing answered at " + where + " within " + millis + " ms";
      }
      return where
          + (proven ? " did not answer the greeting" : " did not complete the TLS handshake")
          + " within "
          + millis
          + " ms";
    }

    /** The next address has its turn, if there is one: this may not have been the right host. */
    private void failed(String sentence) {
      endTurn();
      if (current != this || result.isDone()) {
        return;
      }
      if (proven || untried.isEmpty()) {
        fail(sentence);
        return;
      }
      failures.add(sentence);
      current = null;
      close(sentence);
      next();
    }

    void close(String sentence) {
      endTurn();
      FrameConnection open = connection;
      Channel raw = channel;
      if (open != null) {
        open.close(sentence);
      } else if (raw != null) {
        raw.close();
      }
    }

    @Override
    public void onFrame(FrameType type, ByteBuf payload) {
      if (current == this) {
        Dial.this.onFrame(type, payload);
      }
    }

    @Override
    public void onClosed(String reason) {
      if (!proven || result.isDone() || !isBare(reason)) {
        failed(reason);
        return;
      }
      // In TLS 1.3 this side is done before the other has judged it; the alert may be lost in a
      // reset.
      failed(
          where
              + " closed the connection right after the handshake: perhaps it does not accept this"
              + " host's certificate; its config needs "
              + endpoint.tls().fingerprint());
    }
  }
}
