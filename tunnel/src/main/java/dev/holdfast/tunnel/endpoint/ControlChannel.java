package dev.holdfast.tunnel.endpoint;

import dev.holdfast.tunnel.endpoint.ControlMessage.Hello;
import dev.holdfast.tunnel.endpoint.ControlMessage.Ping;
import dev.holdfast.tunnel.endpoint.ControlMessage.Pong;
import dev.holdfast.tunnel.link.FrameConnection;
import dev.holdfast.tunnel.link.FrameType;
import dev.holdfast.tunnel.observe.DropReason;
import io.netty.buffer.ByteBuf;
import io.netty.util.concurrent.ScheduledFuture;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Messages to and from one remote host, in order, over one connection. When the connection ends, so
 * does the channel. Any thread may use it.
 */
public final class ControlChannel {
  /** Far more than any burst of messages; whoever does not read so much is not alive. */
  private static final long LARGEST_QUEUE = 32L << 20;

  private static final int PINGS = 8;

  private final TunnelEndpoint endpoint;
  private final String remoteName;
  private final FrameConnection connection;
  private final Hello hello;
  private final ClockFilter filter = new ClockFilter();
  private final long[] sentNanos = new long[PINGS];
  private final long[] sentEpochNanos = new long[PINGS];
  private @Nullable ScheduledFuture<?> keepalive;
  private long nextNonce;
  private int silent;
  private volatile boolean up = true;
  private volatile double rttMillis = Double.NaN;
  private volatile long clockOffsetNanos;

  ControlChannel(
      TunnelEndpoint endpoint, String remoteName, FrameConnection connection, Hello hello) {
    this.endpoint = endpoint;
    this.remoteName = remoteName;
    this.connection = connection;
    this.hello = hello;
  }

  /** Takes over the connection; from now on both sides send keepalives. */
  void start() {
    connection.listener(new Listener());
    long period = endpoint.options().pingInterval().toNanos();
    keepalive = endpoint.loop().scheduleWithFixedDelay(this::tick, 0, period, TimeUnit.NANOSECONDS);
  }

  /** The far end's address as this host sees it; null once the channel is down. */
  public @Nullable InetSocketAddress remoteAddress() {
    return connection.remoteAddress();
  }

  /** As the configuration names the host whose certificate was proven. */
  public String remoteName() {
    return remoteName;
  }

  /** What the other side calls itself, for status and logs; it may say what it likes. */
  public String remoteSoftware() {
    return hello.software();
  }

  public List<String> remoteCapabilities() {
    return hello.capabilities();
  }

  public boolean isUp() {
    return up;
  }

  /** The shortest of the last eight round trips; NaN while there was none yet. */
  public double rttMillis() {
    return rttMillis;
  }

  /** The remote host's wall clock minus this one's; right to half the round-trip time. */
  public long clockOffsetNanos() {
    return clockOffsetNanos;
  }

  /**
   * Sends a message; one for a channel that is down is dropped, and {@code controlDown} tells so.
   *
   * @throws IllegalArgumentException when it is longer than a control frame may be
   */
  public void send(ControlMessage message) {
    ByteBuf encoded = endpoint.encode(message);
    onLoop(
        () -> {
          connection.write(FrameType.CONTROL, encoded);
          connection.flush();
          if (connection.queuedBytes() > LARGEST_QUEUE) {
            connection.close(remoteName + " does not read what it is sent");
          }
        },
        encoded);
  }

  /** Sends what has been handed over, then ends the channel. */
  public void close(String why) {
    up = false;
    onLoop(() -> connection.close(why), null);
  }

  private void onLoop(Runnable task, @Nullable ByteBuf owned) {
    if (endpoint.loop().inEventLoop()) {
      task.run();
      return;
    }
    try {
      endpoint.loop().execute(task);
    } catch (RejectedExecutionException e) {
      if (owned != null) {
        owned.release(); // the loop has ended, and the connection with it
      }
    }
  }

  private void tick() {
    if (silent >= endpoint.options().silentPings()) {
      up = false;
      connection.close(
          "nothing was heard of "
              + remoteName
              + " for "
              + silent * endpoint.options().pingInterval().toMillis()
              + " ms");
      return;
    }
    silent++;
    long nonce = nextNonce++;
    int slot = (int) (nonce % PINGS);
    sentNanos[slot] = endpoint.clock().nanoTime();
    sentEpochNanos[slot] = endpoint.clock().epochNanos();
    send(new Ping(nonce, sentEpochNanos[slot]));
  }

  private void pong(Pong pong) {
    if (pong.nonce() < 0 || pong.nonce() >= nextNonce || pong.nonce() < nextNonce - PINGS) {
      return; // an answer to nothing, or one that took longer than the channel lives in silence
    }
    int slot = (int) (pong.nonce() % PINGS);
    long rtt = endpoint.clock().nanoTime() - sentNanos[slot];
    filter.add(sentEpochNanos[slot], rtt, pong.epochNanos());
    rttMillis = filter.rttMillis();
    clockOffsetNanos = filter.offsetNanos();
  }

  @Override
  public String toString() {
    return "control channel with " + remoteName;
  }

  private final class Listener implements FrameConnection.Listener {
    @Override
    public void onFrame(FrameType type, ByteBuf payload) {
      silent = 0;
      if (type != FrameType.CONTROL) {
        connection.broken(
            DropReason.FRAME_UNKNOWN, "sent a frame of type " + type + " on a control connection");
        return;
      }
      ControlMessage message;
      try {
        message = ControlCodec.decode(payload);
      } catch (ControlFormatException e) {
        connection.close(
            remoteName + " sent a control message that cannot be read: " + e.getMessage());
        return;
      }
      switch (message) {
        case null -> {} // of a later version
        case Ping ping -> send(new Pong(ping.nonce(), endpoint.clock().epochNanos()));
        case Pong pong -> pong(pong);
        case Hello again -> connection.close(remoteName + " said hello twice");
        default -> endpoint.handler().message(ControlChannel.this, message);
      }
    }

    @Override
    public void onClosed(String reason) {
      up = false;
      ScheduledFuture<?> timer = keepalive;
      if (timer != null) {
        timer.cancel(false);
      }
      endpoint.controlDown(ControlChannel.this, reason);
    }
  }
}
