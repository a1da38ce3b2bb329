package dev.holdfast.tunnel.endpoint;

import dev.holdfast.tunnel.identity.Fingerprint;
import dev.holdfast.tunnel.identity.HostIdentity;
import dev.holdfast.tunnel.identity.TlsContexts;
import dev.holdfast.tunnel.link.FrameConnection;
import dev.holdfast.tunnel.link.FrameType;
import dev.holdfast.tunnel.link.TlsLink;
import dev.holdfast.tunnel.time.Clock;
import dev.holdfast.tunnel.time.SystemClock;
import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.handler.ssl.SslHandler;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Hosts on 127.0.0.1, and outsiders that connect to them in ways that no honest daemon does. */
final class Hosts implements AutoCloseable {
  /** No time limit that a busy machine could run into. */
  static final EndpointOptions PATIENT = options(Duration.ofSeconds(20), Duration.ofSeconds(2), 64);

  /** Keepalives follow each other fast. */
  static final EndpointOptions LIVELY = options(Duration.ofSeconds(20), Duration.ofMillis(50), 64);

  /** Time limits that a test can wait for, and that a handshake still keeps. */
  static final EndpointOptions HASTY = options(Duration.ofSeconds(3), Duration.ofSeconds(2), 64);

  final MultiThreadIoEventLoopGroup loop =
      new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
  private final List<AutoCloseable> closing = new ArrayList<>();

  static EndpointOptions options(Duration limit, Duration ping, int halfOpen) {
    return new EndpointOptions(
        "holdfast test",
        List.of("a", "b"),
        limit,
        limit,
        ping,
        4,
        halfOpen,
        TlsLink.Limits.DEFAULT,
        TlsContexts.Engine.AUTO,
        EndpointOptions.Resolver.SYSTEM);
  }

  static HostIdentity identity(String name) {
    return HostIdentity.create(name, Duration.ofDays(1), SystemClock.INSTANCE, new SecureRandom());
  }

  static RemoteHost remote(HostIdentity who, @Nullable InetSocketAddress where) {
    return new RemoteHost(who.hostName(), where, who.fingerprint().toString(), List.of());
  }

  /** With names that are resolved so. */
  static EndpointOptions resolving(EndpointOptions.Resolver resolver) {
    EndpointOptions plain = options(Duration.ofSeconds(6), Duration.ofSeconds(2), 64);
    return new EndpointOptions(
        plain.software(),
        plain.capabilities(),
        plain.connectTimeout(),
        plain.greetingTimeout(),
        plain.pingInterval(),
        plain.silentPings(),
        plain.halfOpen(),
        plain.linkLimits(),
        plain.engine(),
        resolver);
  }

  static InetSocketAddress loopback(int port) {
    return new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
  }

  /** An address where nothing listens. */
  static InetSocketAddress nowhere() throws IOException {
    try (var socket = new java.net.ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return loopback(socket.getLocalPort());
    }
  }

  TunnelEndpoint endpoint(
      HostIdentity own, Recorder recorder, EndpointOptions options, RemoteHost... remotes) {
    return endpoint(own, recorder, options, SystemClock.INSTANCE, remotes);
  }

  TunnelEndpoint endpoint(
      HostIdentity own,
      Recorder recorder,
      EndpointOptions options,
      Clock clock,
      RemoteHost... remotes) {
    TunnelEndpoint endpoint =
        new TunnelEndpoint(own, List.of(remotes), loop, recorder, clock, options);
    closing.addFirst(endpoint);
    return endpoint;
  }

  /** A TLS connection with a host's own certificate, whose frames the test writes itself. */
  final class Outsider implements FrameConnection.Listener {
    final BlockingQueue<Recorder.Frame> seen = new LinkedBlockingQueue<>();
    final BlockingQueue<String> closed = new LinkedBlockingQueue<>();
    final BlockingQueue<String> proven = new LinkedBlockingQueue<>();
    final Channel channel;
    private final FrameConnection frames;

    Outsider(HostIdentity own, HostIdentity server, InetSocketAddress where)
        throws InterruptedException {
      TlsContexts contexts =
          new TlsContexts(
              own,
              Map.of(Fingerprint.of(server.certificate()), server.hostName()),
              SystemClock.INSTANCE);
      frames = new FrameConnection(this, String::valueOf, reason -> {});
      channel =
          new Bootstrap()
              .group(loop)
              .channel(EpollSocketChannel.class)
              .handler(
                  new ChannelInitializer<>() {
                    @Override
                    protected void initChannel(Channel ch) {
                      SslHandler tls = contexts.client(ch.alloc(), server.hostName(), where);
                      ch.pipeline().addLast(tls, frames);
                      tls.handshakeFuture().addListener(done -> proven.add("" + done.isSuccess()));
                    }
                  })
              .connect(where)
              .sync()
              .channel();
      closing.addFirst(() -> {
        channel.close().sync();
        contexts.close();
      });
    }

    void send(FrameType type, ByteBuf payload) {
      loop.execute(() -> {
        frames.write(type, payload);
        frames.flush();
      });
    }

    /** Bytes inside TLS that need not be frames. */
    void sendRaw(ByteBuf bytes) {
      channel.pipeline().context(frames).writeAndFlush(bytes);
    }

    @Override
    public void onFrame(FrameType type, ByteBuf payload) {
      seen.add(new Recorder.Frame(type, ByteBufUtil.getBytes(payload)));
    }

    @Override
    public void onClosed(String reason) {
      closed.add(reason);
    }
  }

  @Override
  public void close() throws Exception {
    for (AutoCloseable each : closing) {
      each.close();
    }
    loop.shutdownGracefully(0, 0, TimeUnit.SECONDS).syncUninterruptibly();
  }
}
