package dev.holdfast.tunnel.identity;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.tunnel.identity.TlsContexts.Engine;
import io.netty.bootstrap.Bootstrap;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.channel.socket.SocketChannel;
import io.netty.handler.ssl.ClientAuth;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslHandshakeCompletionEvent;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.security.cert.CertificateException;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Real handshakes over 127.0.0.1, with what each side makes of them. */
class TlsHandshakeTest {
  private final TestClock clock = new TestClock();
  private final HostIdentity a = identity("host-a");
  private final HostIdentity b = identity("host-b");
  private final HostIdentity stranger = identity("stranger");
  private final MultiThreadIoEventLoopGroup loop =
      new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());

  @AfterEach
  void stop() {
    loop.shutdownGracefully(0, 0, TimeUnit.SECONDS).syncUninterruptibly();
  }

  private HostIdentity identity(String name) {
    return HostIdentity.create(name, Duration.ofDays(10), clock, new SecureRandom());
  }

  private TlsContexts contexts(HostIdentity own, Engine engine, HostIdentity trusted) {
    return new TlsContexts(own, Map.of(trusted.fingerprint(), trusted.hostName()), clock, engine);
  }

  @ParameterizedTest
  @EnumSource(
      value = Engine.class,
      names = {"NATIVE", "JDK"})
  void twoHostsThatPinEachOtherKnowEachOther(Engine engine) throws Exception {
    try (TlsContexts client = contexts(a, engine, b);
        TlsContexts server = contexts(b, engine, a)) {
      Outcome outcome = connect(client, server);
      assertThat(outcome.client()).isEqualTo("host-b");
      assertThat(outcome.server()).isEqualTo("host-a");
      assertThat(outcome.protocol()).isEqualTo("TLSv1.3");
    }
  }

  @Test
  void theTwoEnginesUnderstandEachOther() throws Exception {
    try (TlsContexts client = contexts(a, Engine.JDK, b);
        TlsContexts server = contexts(b, Engine.NATIVE, a)) {
      Outcome outcome = connect(client, server);
      assertThat(outcome.client()).isEqualTo("host-b");
      assertThat(outcome.server()).isEqualTo("host-a");
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Engine.class,
      names = {"NATIVE", "JDK"})
  void aServerWithAnotherCertificateThanPinnedIsRefused(Engine engine) throws Exception {
    try (TlsContexts client = contexts(a, engine, b);
        TlsContexts server = contexts(stranger, engine, a)) {
      Outcome outcome = connect(client, server);
      assertThat(outcome.client())
          .isEqualTo(
              "%s presented %s, config has %s for host-b",
              outcome.serverAddress(), stranger.fingerprint(), b.fingerprint());
    }
  }

  @Test
  void aKnownHostInThePlaceOfAnotherIsRefusedByName() throws Exception {
    TlsContexts client =
        new TlsContexts(
            a, Map.of(b.fingerprint(), "host-b", stranger.fingerprint(), "host-c"), clock);
    try (client;
        TlsContexts server = contexts(stranger, Engine.AUTO, a)) {
      Outcome outcome = connect(client, server);
      assertThat(outcome.client())
          .contains(stranger.fingerprint() + " (which is host-c's), config has");
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Engine.class,
      names = {"NATIVE", "JDK"})
  void anUnknownClientIsRefusedAndBothSidesKnowWhy(Engine engine) throws Exception {
    try (TlsContexts client = contexts(stranger, engine, b);
        TlsContexts server = contexts(b, engine, a)) {
      Outcome outcome = connect(client, server);
      assertThat(outcome.server())
          .endsWith("presented " + stranger.fingerprint() + ", which no remote in the config has");
      assertThat(outcome.clientLater())
          .isEqualTo(
              "%s does not accept this host's certificate: its config needs %s",
              outcome.serverAddress(), stranger.fingerprint());
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Engine.class,
      names = {"NATIVE", "JDK"})
  void anExpiredCertificateIsRefusedWithItsDates(Engine engine) throws Exception {
    try (TlsContexts client = contexts(a, engine, b);
        TlsContexts server = contexts(b, engine, a)) {
      clock.advance(Duration.ofDays(11));
      Outcome outcome = connect(client, server);
      assertThat(outcome.client())
          .contains("the certificate of host-b at " + outcome.serverAddress())
          .endsWith("expired at 2026-03-11T12:00:00Z (it was valid from 2026-03-01T11:50:00Z)");
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Engine.class,
      names = {"NATIVE", "JDK"})
  void aClientThatHasExpiredIsToldSo(Engine engine) throws Exception {
    HostIdentity young =
        HostIdentity.create("host-b", Duration.ofDays(100), clock, new SecureRandom());
    try (TlsContexts client = contexts(a, engine, young);
        TlsContexts server = contexts(young, engine, a)) {
      clock.advance(Duration.ofDays(11));
      Outcome outcome = connect(client, server);
      assertThat(outcome.server()).contains("the certificate of host-a at ").contains("expired at");
      assertThat(outcome.clientLater()).contains(outcome.serverAddress(), "" + a.fingerprint());
    }
  }

  @Test
  void addressesAreWrittenInDigits() {
    assertThat(TlsFailure.peer(new InetSocketAddress("10.2.0.2", 4754))).isEqualTo("10.2.0.2:4754");
    assertThat(TlsFailure.peer(new InetSocketAddress("fd00:0:0:2::2", 4754)))
        .isEqualTo("[fd00:0:0:2::2]:4754");
  }

  @ParameterizedTest
  @EnumSource(
      value = Engine.class,
      names = {"NATIVE", "JDK"})
  void plainTextIsToldAsSuchOnBothSides(Engine engine) throws Exception {
    try (TlsContexts contexts = contexts(a, engine, b)) {
      Outcome plainServer = connect(tls(contexts), channel -> new Chatter());
      assertThat(plainServer.client())
          .isEqualTo(plainServer.serverAddress() + " does not speak TLS");
      Outcome plainClient = connect(channel -> new Chatter(), server(contexts));
      assertThat(plainClient.server()).endsWith(" does not speak TLS");
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Engine.class,
      names = {"NATIVE", "JDK"})
  void anotherProtocolOverTlsIsRefused(Engine engine) throws Exception {
    var other =
        SslContextBuilder.forServer(b.key(), b.certificate())
            .protocols("TLSv1.3")
            .trustManager(new PinnedTrust(Map.of(a.fingerprint(), "host-a"), clock))
            .clientAuth(ClientAuth.REQUIRE)
            .build();
    try (TlsContexts client = contexts(a, engine, b)) {
      Outcome outcome = connect(tls(client), channel -> other.newHandler(channel.alloc()));
      assertThat(outcome.client()).contains("speaks TLS but not holdfast/1");
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Engine.class,
      names = {"NATIVE", "JDK"})
  void olderTlsIsRefused(Engine engine) throws Exception {
    var older = SslContextBuilder.forServer(b.key(), b.certificate()).protocols("TLSv1.2").build();
    try (TlsContexts client = contexts(a, engine, b)) {
      Outcome outcome = connect(tls(client), channel -> older.newHandler(channel.alloc()));
      assertThat(outcome.client()).isEqualTo(outcome.serverAddress() + " does not speak TLS 1.3");
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Engine.class,
      names = {"NATIVE", "JDK"})
  void aClientWithoutCertificateIsRefused(Engine engine) throws Exception {
    var bare =
        SslContextBuilder.forClient()
            .protocols("TLSv1.3")
            .trustManager(new PinnedTrust(Map.of(b.fingerprint(), "host-b"), clock))
            .endpointIdentificationAlgorithm(null)
            .build();
    try (TlsContexts server = contexts(b, engine, a)) {
      Outcome outcome = connect(channel -> bare.newHandler(channel.alloc()), server(server));
      assertThat(outcome.server()).endsWith(" presented no certificate");
    }
  }

  /**
   * What each side says: the remote's name, or the sentence of the failure.
   *
   * @param clientLater what the client learnt after its own handshake was complete
   */
  private record Outcome(
      String client, String server, String clientLater, String protocol, String serverAddress) {}

  private Function<SocketChannel, io.netty.channel.ChannelHandler> tls(TlsContexts contexts) {
    return channel -> contexts.client(channel.alloc(), "host-b", channel.remoteAddress());
  }

  private Function<SocketChannel, io.netty.channel.ChannelHandler> server(TlsContexts contexts) {
    return channel -> contexts.server(channel.alloc(), channel.remoteAddress());
  }

  private Outcome connect(TlsContexts client, TlsContexts server) throws Exception {
    return connect(tls(client), server(server), new Watch(client), new Watch(server));
  }

  private Outcome connect(
      Function<SocketChannel, io.netty.channel.ChannelHandler> client,
      Function<SocketChannel, io.netty.channel.ChannelHandler> server)
      throws Exception {
    try (TlsContexts judge = contexts(a, Engine.AUTO, b)) {
      return connect(client, server, new Watch(judge), new Watch(judge));
    }
  }

  private Outcome connect(
      Function<SocketChannel, io.netty.channel.ChannelHandler> client,
      Function<SocketChannel, io.netty.channel.ChannelHandler> server,
      Watch clientWatch,
      Watch serverWatch)
      throws Exception {
    Channel listener =
        new ServerBootstrap()
            .group(loop)
            .channel(EpollServerSocketChannel.class)
            .childHandler(pipeline(server, serverWatch))
            .bind("127.0.0.1", 0)
            .sync()
            .channel();
    InetSocketAddress address = (InetSocketAddress) listener.localAddress();
    Channel channel =
        new Bootstrap()
            .group(loop)
            .channel(EpollSocketChannel.class)
            .handler(
                new ChannelInitializer<SocketChannel>() {
                  @Override
                  protected void initChannel(SocketChannel ch) {
                    ch.pipeline().addLast(new Deferred(client, clientWatch));
                  }
                })
            .connect(address)
            .sync()
            .channel();
    try {
      String said = clientWatch.first.get(10, TimeUnit.SECONDS);
      String heard = serverWatch.first.get(10, TimeUnit.SECONDS);
      String later =
          heard.equals("host-a") || !said.equals("host-b")
              ? ""
              : clientWatch.second.get(10, TimeUnit.SECONDS);
      return new Outcome(said, heard, later, clientWatch.protocol, TlsFailure.peer(address));
    } finally {
      channel.close().sync();
      listener.close().sync();
    }
  }

  private static ChannelInitializer<SocketChannel> pipeline(
      Function<SocketChannel, io.netty.channel.ChannelHandler> first, Watch watch) {
    return new ChannelInitializer<>() {
      @Override
      protected void initChannel(SocketChannel channel) {
        channel.pipeline().addLast(first.apply(channel), watch);
      }
    };
  }

  /** Puts the client's handlers in once the address of the far end is known. */
  private static final class Deferred extends ChannelInboundHandlerAdapter {
    private final Function<SocketChannel, io.netty.channel.ChannelHandler> first;
    private final Watch watch;

    Deferred(Function<SocketChannel, io.netty.channel.ChannelHandler> first, Watch watch) {
      this.first = first;
      this.watch = watch;
    }

    @Override
    public void channelActive(ChannelHandlerContext ctx) {
      ctx.pipeline().addLast(first.apply((SocketChannel) ctx.channel()), watch);
      ctx.pipeline().remove(this);
      ctx.fireChannelActive();
    }
  }

  /** Talks without TLS. */
  private static final class Chatter extends ChannelInboundHandlerAdapter {
    @Override
    public void channelActive(ChannelHandlerContext ctx) {
      ByteBuf hello =
          Unpooled.copiedBuffer("SSH-2.0-OpenSSH_9.6 hello hello\r\n", StandardCharsets.US_ASCII);
      ctx.writeAndFlush(hello);
      ctx.fireChannelActive();
    }
  }

  private static final class Watch extends ChannelInboundHandlerAdapter {
    final CompletableFuture<String> first = new CompletableFuture<>();
    final CompletableFuture<String> second = new CompletableFuture<>();
    private final TlsContexts contexts;
    volatile String protocol = "";

    Watch(TlsContexts contexts) {
      this.contexts = contexts;
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
      if (event instanceof SslHandshakeCompletionEvent done) {
        InetSocketAddress peer = (InetSocketAddress) ctx.channel().remoteAddress();
        SslHandler handler = ctx.pipeline().get(SslHandler.class);
        if (!done.isSuccess()) {
          tell(TlsFailure.explain(done.cause(), TlsFailure.peer(peer), contexts.fingerprint()));
          return;
        }
        protocol = handler.engine().getSession().getProtocol();
        try {
          tell(contexts.remoteOf(handler, peer));
        } catch (CertificateException e) {
          tell(String.valueOf(e.getMessage()));
        }
      }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
      String peer = TlsFailure.peer((InetSocketAddress) ctx.channel().remoteAddress());
      tell(TlsFailure.explain(cause, peer, contexts.fingerprint()));
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
      tell("closed");
    }

    private void tell(@Nullable String what) {
      if (!first.complete(String.valueOf(what))) {
        second.complete(String.valueOf(what));
      }
    }
  }
}
