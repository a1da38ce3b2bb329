package dev.holdfast.tunnel.endpoint;

import dev.holdfast.tunnel.endpoint.ControlMessage.Hello;
import dev.holdfast.tunnel.identity.Fingerprint;
import dev.holdfast.tunnel.identity.HostIdentity;
import dev.holdfast.tunnel.identity.TlsContexts;
import dev.holdfast.tunnel.identity.TlsFailure;
import dev.holdfast.tunnel.link.FrameConnection;
import dev.holdfast.tunnel.link.LinkReceiver;
import dev.holdfast.tunnel.link.TlsLink;
import dev.holdfast.tunnel.time.Clock;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.IoEventLoop;
import io.netty.channel.IoEventLoopGroup;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * This host's end of all tunnels: it listens on one port for control and data connections, and
 * opens both to other hosts. Which remote host is at the far end is said by its certificate alone.
 *
 * <p>Everything runs on one event loop; the methods may be called from any thread.
 */
public final class TunnelEndpoint implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(TunnelEndpoint.class);
  private static final long CLOSE_MILLIS = 2_000;

  /**
   * With one remote host: each may have dialled the other, and one may be lost and not known so.
   */
  private static final int CHANNELS = 4;

  private static final String STOPPING = "this daemon is stopping";

  private final HostIdentity identity;
  private final Map<String, RemoteHost> remotes = new LinkedHashMap<>();
  private final IoEventLoop loop;
  private final EndpointHandler handler;
  private final Clock clock;
  private final EndpointOptions options;
  private final TlsContexts tls;
  private final Whereabouts whereabouts;

  // The loop's thread's alone.
  private final List<ControlChannel> channels = new ArrayList<>();
  private final Map<String, ControlDial> dials = new HashMap<>();
  private final Set<Dial<?>> dialing = new HashSet<>();
  private final Set<Channel> open = new HashSet<>();
  private @Nullable Channel listener;
  private int halfOpenKnown;
  private int halfOpenUnknown;
  private boolean closed;

  public TunnelEndpoint(
      HostIdentity identity,
      List<RemoteHost> remotes,
      IoEventLoopGroup loop,
      EndpointHandler handler,
      Clock clock) {
    this(identity, remotes, loop, handler, clock, EndpointOptions.DEFAULT);
  }

  /**
   * @param loop its first event loop is used
   * @throws IllegalArgumentException when two remote hosts have the same name or fingerprint, or a
   *     fingerprint is none
   */
  public TunnelEndpoint(
      HostIdentity identity,
      List<RemoteHost> remotes,
      IoEventLoopGroup loop,
      EndpointHandler handler,
      Clock clock,
      EndpointOptions options) {
    this.identity = identity;
    this.loop = loop.next();
    this.handler = handler;
    this.clock = clock;
    this.options = options;
    this.whereabouts = new Whereabouts(this.loop, options.resolver());
    Map<Fingerprint, String> trusted = new HashMap<>();
    for (RemoteHost remote : remotes) {
      String other = trusted.put(Fingerprint.parse(remote.fingerprint()), remote.name());
      if (other != null) {
        throw new IllegalArgumentException(
            other + " and " + remote.name() + " have the same fingerprint");
      }
      if (this.remotes.put(remote.name(), remote) != null) {
        throw new IllegalArgumentException("two remote hosts have the name " + remote.name());
      }
      InetSocketAddress expected = remote.endpoint();
      if (expected != null && expected.getAddress() != null) {
        whereabouts.expect(expected.getAddress());
      }
    }
    this.tls = new TlsContexts(identity, trusted, clock, options.engine());
  }

  /**
   * Accepts connections on this address from now on.
   *
   * @param address port 0 for any
   * @return with the port that it got
   * @throws IOException with one sentence, when it cannot
   */
  public InetSocketAddress listen(InetSocketAddress address) throws IOException {
    ChannelFuture bound =
        Transport.server(loop)
            .childHandler(
                new ChannelInitializer<>() {
                  @Override
                  protected void initChannel(Channel channel) {
                    accepted(channel);
                  }
                })
            .bind(address)
            .awaitUninterruptibly();
    if (!bound.isSuccess()) {
      throw new IOException(
          "cannot listen on "
              + TlsFailure.peer(address)
              + ": "
              + Connection.kernelText(bound.cause()),
          bound.cause());
    }
    Channel channel = bound.channel();
    loop.execute(() -> listener = channel);
    return (InetSocketAddress) channel.localAddress();
  }

  /**
   * A control channel with a remote host: one that is up, or a new one.
   *
   * @return fails with a {@link TunnelException} within the connect timeout; completed on the
   *     loop's thread
   */
  public CompletableFuture<ControlChannel> control(String remoteName) {
    CompletableFuture<ControlChannel> result = new CompletableFuture<>();
    onLoop(
        result,
        remoteName,
        remote -> {
          for (ControlChannel channel : channels) {
            if (channel.remoteName().equals(remoteName) && channel.isUp()) {
              result.complete(channel);
              return;
            }
          }
          ControlDial dial = dials.get(remoteName);
          if (dial == null) {
            ControlDial begun = new ControlDial(this, remote);
            dial = begun;
            dials.put(remoteName, begun);
            begun.result.whenComplete((channel, failure) -> dials.remove(remoteName, begun));
            forward(begun.result, result);
            start(begun);
          } else {
            forward(dial.result, result);
          }
        });
    return result;
  }

  /**
   * Opens a data connection and binds it to a migration.
   *
   * @param token the 16 bytes of the remote host's {@code ArmReply}
   * @param lane which of the migration's data connections it is, from 0
   * @param receiver told of what comes in, once the future is complete
   * @return fails with a {@link TunnelException}, which has the remote host's sentence if it
   *     refuses; completed on the loop's thread
   */
  public CompletableFuture<TlsLink> openLink(
      String remoteName,
      UUID migration,
      long epoch,
      byte[] token,
      int lane,
      LinkReceiver receiver) {
    return openLink(remoteName, migration, epoch, token, lane, null, receiver);
  }

  /**
   * The same from one of this host's addresses, so that the other host knows that one.
   *
   * @param from null where the kernel chooses
   */
  public CompletableFuture<TlsLink> openLink(
      String remoteName,
      UUID migration,
      long epoch,
      byte[] token,
      int lane,
      @Nullable InetAddress from,
      LinkReceiver receiver) {
    CompletableFuture<TlsLink> result = new CompletableFuture<>();
    Bind bind = new Bind(migration, epoch, token.clone(), lane);
    onLoop(
        result,
        remoteName,
        remote -> {
          start(new LinkDial(this, remote, from, bind, receiver, result));
        });
    return result;
  }

  /** The remote hosts by name, in the order given. */
  public Map<String, RemoteHost> remotes() {
    return Collections.unmodifiableMap(remotes);
  }

  /** Until when this host's certificate is accepted by others. */
  public Instant certificateEnds() {
    return identity.certificate().getNotAfter().toInstant();
  }

  /** What encrypts, for status and logs. */
  public String engineName() {
    return tls.engineName();
  }

  private interface Step {
    void run(RemoteHost remote);
  }

  private void onLoop(CompletableFuture<?> result, String remoteName, Step step) {
    RemoteHost remote = remotes.get(remoteName);
    if (remote == null) {
      result.completeExceptionally(
          new TunnelException("no remote host in the config has the name " + remoteName));
      return;
    }
    Runnable task =
        () -> {
          if (closed) {
            result.completeExceptionally(new TunnelException(STOPPING));
          } else {
            step.run(remote);
          }
        };
    try {
      if (loop.inEventLoop()) {
        task.run();
      } else {
        loop.execute(task);
      }
    } catch (RejectedExecutionException e) {
      result.completeExceptionally(new TunnelException("this daemon has stopped"));
    }
  }

  private void start(Dial<?> dial) {
    dialing.add(dial);
    dial.result.whenComplete(
        (made, failure) -> { // on whatever thread: the caller may have given up
          try {
            loop.execute(() -> {
              dialing.remove(dial);
              if (failure != null) {
                dial.fail("nobody waits for it any more");
              }
            });
          } catch (RejectedExecutionException e) {
            LOG.debug("the loop has ended, and the connection with it");
          }
        });
    dial.start();
  }

  private static <T> void forward(CompletableFuture<T> from, CompletableFuture<T> to) {
    from.whenComplete((value, failure) -> {
      if (failure != null) {
        to.completeExceptionally(failure);
      } else {
        to.complete(value);
      }
    });
  }

  private void accepted(Channel channel) {
    InetSocketAddress from = (InetSocketAddress) channel.remoteAddress();
    if (from == null || closed) {
      channel.close(); // gone before it was looked at
      return;
    }
    boolean known = whereabouts.isKnown(from.getAddress());
    if ((known ? halfOpenKnown : halfOpenUnknown) >= options.halfOpen()) {
      channel.close();
      turnedAway(from, "too many connections that have not said what they are for");
      return;
    }
    count(known, 1);
    opened(channel);
    Greeting unused = new Greeting(this, channel, from, () -> count(known, -1));
  }

  private void count(boolean known, int change) {
    if (known) {
      halfOpenKnown += change;
    } else {
      halfOpenUnknown += change;
    }
  }

  /** From now on {@link #close} closes it too. */
  void opened(Channel channel) {
    open.add(channel);
    channel.closeFuture().addListener(done -> open.remove(channel));
    if (closed) {
      channel.close();
    }
  }

  void controlUp(ControlChannel channel) {
    channels.add(channel);
    channel.start();
    LOG.info("control channel with {} ({}) is up", channel.remoteName(), channel.remoteSoftware());
    handler.controlUp(channel);
    List<ControlChannel> its =
        channels.stream()
            .filter(each -> each.isUp() && each.remoteName().equals(channel.remoteName()))
            .toList();
    if (its.size() > CHANNELS) {
      its.getFirst()
          .close("newer control channels with " + channel.remoteName() + " took its place");
    }
  }

  void controlDown(ControlChannel channel, String reason) {
    channels.remove(channel);
    LOG.info("control channel with {} is down: {}", channel.remoteName(), reason);
    handler.controlDown(channel, reason);
  }

  void turnedAway(InetSocketAddress from, String reason) {
    LOG.debug("turned away {}: {}", from, reason);
    handler.turnedAway(from, reason);
  }

  ByteBuf encode(ControlMessage message) {
    ByteBuf out = Unpooled.buffer();
    ControlCodec.encode(message, out);
    return out;
  }

  Hello hello() {
    return new Hello(
        Versions.MIN,
        Versions.MAX,
        identity.hostName(),
        options.software(),
        options.capabilities());
  }

  IoEventLoop loop() {
    return loop;
  }

  EndpointHandler handler() {
    return handler;
  }

  Clock clock() {
    return clock;
  }

  EndpointOptions options() {
    return options;
  }

  TlsContexts tls() {
    return tls;
  }

  /** The loop's thread's alone. */
  Whereabouts whereabouts() {
    return whereabouts;
  }

  /**
   * Stops listening and closes every connection; what was sent before still goes out. Waits for
   * that for a moment when called from another thread than the loop's. The loop is the caller's to
   * stop.
   */
  @Override
  public void close() {
    if (loop.inEventLoop()) {
      closeAll();
      return;
    }
    try {
      CompletableFuture<Void> all = new CompletableFuture<>();
      loop.execute(() -> {
        List<ChannelFuture> ends = closeAll();
        CompletableFuture<?>[] waits =
            ends.stream().map(TunnelEndpoint::completion).toArray(CompletableFuture<?>[]::new);
        CompletableFuture.allOf(waits).whenComplete((v, failure) -> all.complete(null));
      });
      all.completeOnTimeout(null, CLOSE_MILLIS, TimeUnit.MILLISECONDS).join();
    } catch (RejectedExecutionException e) {
      LOG.debug("the loop has ended, and every connection with it");
    }
  }

  private static CompletableFuture<Void> completion(ChannelFuture future) {
    CompletableFuture<Void> completion = new CompletableFuture<>();
    future.addListener(done -> completion.complete(null));
    return completion;
  }

  private List<ChannelFuture> closeAll() {
    List<ChannelFuture> ends = new ArrayList<>();
    if (closed) {
      return ends;
    }
    closed = true;
    Channel listening = listener;
    if (listening != null) {
      ends.add(listening.close());
    }
    for (Dial<?> dial : List.copyOf(dialing)) {
      dial.fail(STOPPING);
    }
    for (Channel channel : List.copyOf(open)) {
      ends.add(channel.closeFuture());
      FrameConnection frames = channel.pipeline().get(FrameConnection.class);
      if (frames != null) {
        frames.close(STOPPING);
      } else {
        channel.close();
      }
    }
    tls.close();
    return ends;
  }
}
