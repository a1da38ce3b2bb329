package dev.holdfast.tunnel.endpoint;

import io.netty.bootstrap.Bootstrap;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.ChannelOption;
import io.netty.channel.IoEventLoop;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.epoll.EpollChannelOption;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;

/** TCP with the options that a tunnel wants; more of them where the loop runs on epoll. */
final class Transport {
  /**
   * What the kernel takes beyond what it can send at once. What waits longer waits in our own
   * queue, where its length is known and packets can be refused.
   */
  private static final int NOTSENT_LOW_WATER = 128 << 10;

  /** Longer than a control channel lives in silence: that one tells first, and says of whom. */
  private static final int USER_TIMEOUT_MILLIS = 20_000;

  private static final int KEEPALIVE_IDLE_SECONDS = 5;
  private static final int KEEPALIVE_INTERVAL_SECONDS = 5;
  private static final int KEEPALIVE_COUNT = 3;
  private static final int BACKLOG = 128;
  private static final WriteBufferWaterMark WATER_MARKS =
      new WriteBufferWaterMark(1 << 20, 2 << 20);

  private Transport() {}

  static Bootstrap client(IoEventLoop loop, int connectTimeoutMillis) {
    Bootstrap client =
        new Bootstrap()
            .group(loop)
            .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, connectTimeoutMillis)
            .option(ChannelOption.TCP_NODELAY, true)
            .option(ChannelOption.SO_KEEPALIVE, true)
            .option(ChannelOption.WRITE_BUFFER_WATER_MARK, WATER_MARKS);
    if (!isEpoll(loop)) {
      return client.channel(NioSocketChannel.class);
    }
    return client
        .channel(EpollSocketChannel.class)
        .option(EpollChannelOption.TCP_NOTSENT_LOWAT, (long) NOTSENT_LOW_WATER)
        .option(EpollChannelOption.TCP_USER_TIMEOUT, USER_TIMEOUT_MILLIS)
        .option(EpollChannelOption.TCP_KEEPIDLE, KEEPALIVE_IDLE_SECONDS)
        .option(EpollChannelOption.TCP_KEEPINTVL, KEEPALIVE_INTERVAL_SECONDS)
        .option(EpollChannelOption.TCP_KEEPCNT, KEEPALIVE_COUNT);
  }

  static ServerBootstrap server(IoEventLoop loop) {
    ServerBootstrap server =
        new ServerBootstrap()
            .group(loop)
            .option(ChannelOption.SO_BACKLOG, BACKLOG)
            .option(ChannelOption.SO_REUSEADDR, true)
            .childOption(ChannelOption.TCP_NODELAY, true)
            .childOption(ChannelOption.SO_KEEPALIVE, true)
            .childOption(ChannelOption.WRITE_BUFFER_WATER_MARK, WATER_MARKS);
    if (!isEpoll(loop)) {
      return server.channel(NioServerSocketChannel.class);
    }
    return server
        .channel(EpollServerSocketChannel.class)
        .childOption(EpollChannelOption.TCP_NOTSENT_LOWAT, (long) NOTSENT_LOW_WATER)
        .childOption(EpollChannelOption.TCP_USER_TIMEOUT, USER_TIMEOUT_MILLIS)
        .childOption(EpollChannelOption.TCP_KEEPIDLE, KEEPALIVE_IDLE_SECONDS)
        .childOption(EpollChannelOption.TCP_KEEPINTVL, KEEPALIVE_INTERVAL_SECONDS)
        .childOption(EpollChannelOption.TCP_KEEPCNT, KEEPALIVE_COUNT);
  }

  private static boolean isEpoll(IoEventLoop loop) {
    return loop.isIoType(EpollIoHandler.class);
  }
}
