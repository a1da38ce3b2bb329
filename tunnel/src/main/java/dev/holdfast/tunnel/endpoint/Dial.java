package dev.holdfast.tunnel.endpoint;

import dev.holdfast.tunnel.identity.TlsFailure;
import dev.holdfast.tunnel.link.FrameConnection;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.util.concurrent.ScheduledFuture;
import java.net.ConnectException;
import java.net.NoRouteToHostException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * One attempt to open a connection to a remote host, have it proven and answered. Everything
 * together has one time limit, and whatever goes wrong ends in one sentence.
 *
 * @param <T> what the connection becomes
 */
abstract class Dial<T> implements FrameConnection.Listener {
  final TunnelEndpoint endpoint;
  final RemoteHost remote;
  final CompletableFuture<T> result;
  private final String where;
  private @Nullable FrameConnection connection;
  private @Nullable Channel channel;
  private @Nullable ScheduledFuture<?> deadline;
  private boolean proven;

  /**
   * @param result completed on the loop's thread
   */
  Dial(TunnelEndpoint endpoint, RemoteHost remote, CompletableFuture<T> result) {
    this.result = result;
    this.endpoint = endpoint;
    this.remote = remote;
    this.where = remote.name() + " at " + TlsFailure.peer(remote.endpoint());
  }

  /** The handshake is complete and the far end is the remote host: say what this is for. */
  abstract void greet(FrameConnection open);

  void start() {
    if (remote.endpoint().isUnresolved()) {
      fail("the endpoint of " + remote.name() + " is no address: " + remote.endpoint());
      return;
    }
    long limit = endpoint.options().connectTimeout().toNanos();
    deadline = endpoint.loop().schedule(this::timeOut, limit, TimeUnit.NANOSECONDS);
    Transport.client(endpoint.loop(), (int) TimeUnit.NANOSECONDS.toMillis(limit) * 2)
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
        .connect(remote.endpoint())
        .addListener(done -> {
          if (!done.isSuccess()) {
            fail(unreachable(done.cause()));
          }
        });
  }

  private void connected(Channel open) {
    connection =
        Connection.install(
            endpoint,
            open,
            endpoint.tls().client(open.alloc(), remote.name(), remote.endpoint()),
            remote.endpoint(),
            this,
            name -> {
              proven = true;
              greet(connection());
            });
  }

  private FrameConnection connection() {
    FrameConnection open = connection;
    if (open == null) {
      throw new IllegalStateException("there is no connection yet");
    }
    return open;
  }

  private String unreachable(Throwable cause) {
    return switch (cause) {
      case NoRouteToHostException e -> "there is no route to " + where;
      case ConnectException e when String.valueOf(e.getMessage()).contains("refused") ->
          where + " refused the connection: is the daemon running there?";
      default -> where + " cannot be reached: " + Connection.kernelText(cause);
    };
  }

  private void timeOut() {
    long millis = endpoint.options().connectTimeout().toMillis();
    if (connection == null) {
      fail("nothing answered at " + where + " within " + millis + " ms");
    } else if (!proven) {
      fail(where + " did not complete the TLS handshake within " + millis + " ms");
    } else {
      fail(where + " did not answer the greeting within " + millis + " ms");
    }
  }

  /** Ends the attempt and its connection. */
  void fail(String sentence) {
    cancelTimer();
    result.completeExceptionally(new TunnelException(sentence));
    FrameConnection open = connection;
    Channel raw = channel;
    if (open != null) {
      open.close(sentence);
    } else if (raw != null) {
      raw.close();
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

  @Override
  public void onClosed(String reason) {
    if (!proven || result.isDone() || !isBare(reason)) {
      fail(reason);
      return;
    }
    // In TLS 1.3 this side is done before the other has judged it; the alert may be lost in a
    // reset.
    fail(
        where
            + " closed the connection right after the handshake: perhaps it does not accept this"
            + " host's certificate; its config needs "
            + endpoint.tls().fingerprint());
  }

  private static boolean isBare(String reason) {
    return reason.contains("closed the connection") || reason.contains("was lost");
  }
}
