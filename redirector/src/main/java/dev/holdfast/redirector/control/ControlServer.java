package dev.holdfast.redirector.control;

import dev.holdfast.redirector.migration.MigrationService;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerDomainSocketChannel;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.channel.unix.DomainSocketAddress;
import io.netty.handler.codec.http.HttpDecoderConfig;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.flow.FlowControlHandler;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.netty.util.concurrent.GlobalEventExecutor;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Serves a {@link MigrationService} on a Unix socket.
 *
 * <p>One event loop thread does the sockets; each request is answered on a virtual thread of its
 * own, because the service blocks. Closing waits a moment for requests that are being answered.
 */
public final class ControlServer implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(ControlServer.class);

  private static final int LONGEST_REQUEST_LINE = 4096;
  private static final int LONGEST_HEADERS = 8192;
  private static final int LARGEST_BODY = 1 << 20;
  private static final int MOST_CONNECTIONS = 256;
  private static final Duration REQUEST_WITHIN = Duration.ofSeconds(30);
  private static final Duration LAST_ANSWERS = Duration.ofSeconds(2);

  /** Events that wait for a reader; one that is further behind is cut off. */
  private static final WriteBufferWaterMark EVENTS_AHEAD =
      new WriteBufferWaterMark(256 << 10, 1 << 20);

  private final SocketFile socket;
  private final MigrationService service;
  private final Duration requestWithin;
  private final ChannelGroup connections = new DefaultChannelGroup(GlobalEventExecutor.INSTANCE);
  private final ExecutorService workers =
      Executors.newThreadPerTaskExecutor(Thread.ofVirtual().name("control-", 0).factory());
  private @Nullable EventLoopGroup loop;
  private @Nullable Channel listener;

  public ControlServer(Path socket, MigrationService service) {
    this(socket, service, REQUEST_WITHIN);
  }

  /**
   * @param requestWithin how long a connection may be open without a complete request
   */
  ControlServer(Path socket, MigrationService service, Duration requestWithin) {
    this.socket = new SocketFile(socket);
    this.service = service;
    this.requestWithin = requestWithin;
  }

  /**
   * Begins to listen.
   *
   * @throws IOException with a sentence: another daemon answers there, or the socket cannot be made
   */
  public void start() throws IOException {
    socket.prepare();
    EventLoopGroup group =
        new MultiThreadIoEventLoopGroup(
            1, new DefaultThreadFactory("control", true), EpollIoHandler.newFactory());
    loop = group;
    var routes = new ControlRoutes(service);
    try {
      listener =
          new ServerBootstrap()
              .group(group)
              .channel(EpollServerDomainSocketChannel.class)
              .childOption(ChannelOption.WRITE_BUFFER_WATER_MARK, EVENTS_AHEAD)
              .childHandler(
                  new ChannelInitializer<Channel>() {
                    @Override
                    protected void initChannel(Channel channel) {
                      accept(channel, routes);
                    }
                  })
              .bind(new DomainSocketAddress(socket.temporary().toFile()))
              .syncUninterruptibly()
              .channel();
      socket.publish();
    } catch (IOException e) {
      close();
      throw e;
    } catch (Exception e) { // Netty throws the checked exceptions of bind undeclared
      close();
      throw new IOException(
          "The control socket " + socket + " cannot be made: " + e.getMessage(), e);
    }
    log.info("control socket {} is open", socket);
  }

  private void accept(Channel channel, ControlRoutes routes) {
    if (connections.size() >= MOST_CONNECTIONS) {
      log.warn("a client is turned away: {} connections are open", connections.size());
      channel.close();
      return;
    }
    connections.add(channel);
    channel
        .pipeline()
        .addLast(
            new HttpServerCodec(
                new HttpDecoderConfig()
                    .setMaxInitialLineLength(LONGEST_REQUEST_LINE)
                    .setMaxHeaderSize(LONGEST_HEADERS)))
        .addLast(new WholeRequest(LARGEST_BODY))
        .addLast(new FlowControlHandler())
        .addLast(new ControlConnection(routes, service, workers, requestWithin));
  }

  /** Stops listening, lets running requests end, and removes the socket file. */
  @Override
  public void close() {
    if (listener != null) {
      listener.close().awaitUninterruptibly();
      socket.remove();
      listener = null;
    }
    connections.forEach(
        channel -> channel.pipeline().fireUserEventTriggered(ControlConnection.STOP));
    workers.shutdown();
    try {
      if (!workers.awaitTermination(LAST_ANSWERS.toMillis(), TimeUnit.MILLISECONDS)) {
        log.warn("requests were cut off because the daemon stops");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    connections.close().awaitUninterruptibly();
    if (loop != null) {
      loop.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly();
      loop = null;
    }
  }
}
