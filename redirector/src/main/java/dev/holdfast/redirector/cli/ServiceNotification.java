package dev.holdfast.redirector.cli;

import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollDomainDatagramChannel;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.unix.DomainSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells systemd how the service stands (sd_notify(3)): one datagram to the socket that the
 * environment names. Without that, nobody is told.
 */
final class ServiceNotification {
  private static final Logger log = LoggerFactory.getLogger(ServiceNotification.class);
  private static final String SOCKET = "NOTIFY_SOCKET";

  private final String socket;

  ServiceNotification(Map<String, String> environment) {
    String name = environment.getOrDefault(SOCKET, "");
    // an at sign stands for the zero byte of the abstract name space, unix(7)
    this.socket = name.startsWith("@") ? "\0" + name.substring(1) : name;
  }

  void ready(String status) {
    send("READY=1\nSTATUS=" + status);
  }

  void stopping() {
    send("STOPPING=1");
  }

  private void send(String state) {
    if (socket.isEmpty()) {
      return;
    }
    var group = new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
    try {
      Channel channel =
          new Bootstrap()
              .group(group)
              .channel(EpollDomainDatagramChannel.class)
              .handler(new ChannelInboundHandlerAdapter())
              .connect(new DomainSocketAddress(socket))
              .syncUninterruptibly()
              .channel();
      channel
          .writeAndFlush(Unpooled.copiedBuffer(state, StandardCharsets.UTF_8))
          .syncUninterruptibly();
      channel.close().syncUninterruptibly();
    } catch (Exception e) { // Netty throws checked exceptions undeclared
      log.warn("systemd could not be told '{}'", state, e);
    } finally {
      group.shutdownGracefully(0, 1, TimeUnit.SECONDS).syncUninterruptibly();
    }
  }
}
