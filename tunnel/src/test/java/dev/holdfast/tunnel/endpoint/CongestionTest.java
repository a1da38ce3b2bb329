package dev.holdfast.tunnel.endpoint;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.IoEventLoop;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.channel.unix.RawUnixChannelOption;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class CongestionTest {
  private static final Path AVAILABLE =
      Path.of("/proc/sys/net/ipv4/tcp_available_congestion_control");
  private static final RawUnixChannelOption CONGESTION =
      new RawUnixChannelOption("TCP_CONGESTION", 6, 13, 16);

  private static Channel connected(MultiThreadIoEventLoopGroup group, boolean epoll)
      throws Exception {
    IoEventLoop loop = group.next();
    Channel server =
        new ServerBootstrap()
            .group(loop)
            .channel(epoll ? EpollServerSocketChannel.class : NioServerSocketChannel.class)
            .childHandler(new ChannelInboundHandlerAdapter())
            .bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
            .sync()
            .channel();
    Channel client =
        Transport.client(loop, 1000)
            .handler(new ChannelInboundHandlerAdapter())
            .connect(server.localAddress())
            .sync()
            .channel();
    server.close().sync();
    return client;
  }

  private static String of(Channel channel) {
    ByteBuffer name = channel.config().getOption(CONGESTION);
    return StandardCharsets.US_ASCII.decode(name).toString().replaceAll("\0.*", "").strip();
  }

  @Test
  void theCarrierUsesBbrWhereTheKernelHasIt() throws Exception {
    List<String> available = List.of(Files.readString(AVAILABLE).strip().split(" "));
    try (var group = new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory())) {
      Channel channel = connected(group, true);
      String before = of(channel);

      Congestion.choose(channel);

      assertThat(of(channel)).isEqualTo(available.contains("bbr") ? "bbr" : before);
      assertThat(channel.isOpen()).isTrue();
      channel.close().sync();
    }
  }

  @Test
  void aConnectionWithoutEpollKeepsWhatItHas() throws Exception {
    try (var group = new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory())) {
      Channel channel = connected(group, false);

      Congestion.choose(channel);

      assertThat(channel.isOpen()).isTrue();
      channel.close().sync();
    }
  }
}
