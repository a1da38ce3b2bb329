package dev.holdfast.tunnel.endpoint;

import io.netty.channel.Channel;
import io.netty.channel.ChannelException;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.channel.unix.RawUnixChannelOption;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The congestion control of the TCP that carries a tunnel: BBR where the kernel has it.
 *
 * <p>A tunnel is idle until the guest is released, and then has much to say at once. Linux sends a
 * connection that was idle back to slow start ({@code tcp_slow_start_after_idle}, RFC 2861): the
 * guest's first answers then wait for round trips of the carrier that have nothing to do with their
 * own connections. BBR keeps what it has learnt of the path.
 */
final class Congestion {
  private static final Logger log = LoggerFactory.getLogger(Congestion.class);

  private static final int IPPROTO_TCP = 6; // linux/in.h
  private static final int TCP_CONGESTION = 13; // linux/tcp.h
  private static final byte[] BBR = "bbr".getBytes(StandardCharsets.US_ASCII);
  private static final RawUnixChannelOption OPTION =
      new RawUnixChannelOption("TCP_CONGESTION", IPPROTO_TCP, TCP_CONGESTION, BBR.length);

  private static volatile boolean refused;

  private Congestion() {}

  /** Where the kernel has no BBR, the connection keeps the host's default. */
  static void choose(Channel connection) {
    if (refused || !(connection instanceof EpollSocketChannel)) {
      return;
    }
    try {
      connection.config().setOption(OPTION, ByteBuffer.wrap(BBR));
    } catch (ChannelException e) {
      refused = true;
      log.info(
          "the kernel has no BBR for the tunnel's connections ({}): the first packets after an idle time may"
              + " wait for slow start",
          e.getMessage());
    }
  }
}
