package dev.holdfast.tunnel.endpoint;

import dev.holdfast.tunnel.endpoint.ControlMessage.Fault;
import dev.holdfast.tunnel.endpoint.ControlMessage.Hello;
import dev.holdfast.tunnel.endpoint.EndpointHandler.LinkAnswer;
import dev.holdfast.tunnel.identity.TlsFailure;
import dev.holdfast.tunnel.link.FrameConnection;
import dev.holdfast.tunnel.link.FrameType;
import dev.holdfast.tunnel.link.TlsLink;
import dev.holdfast.tunnel.observe.DropReason;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.util.concurrent.ScheduledFuture;
import java.net.InetSocketAddress;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * An accepted connection until it is known whose it is and what for. It has a time limit for the
 * handshake and another for the first frame, which is a hello or a BIND and nothing else.
 */
final class Greeting implements FrameConnection.Listener {
  private final TunnelEndpoint endpoint;
  private final InetSocketAddress from;
  private final Runnable over;
  private final FrameConnection connection;
  private @Nullable String remoteName;
  private @Nullable ScheduledFuture<?> deadline;
  private boolean done;

  /**
   * @param over called once, when it is settled either way
   */
  Greeting(TunnelEndpoint endpoint, Channel channel, InetSocketAddress from, Runnable over) {
    this.endpoint = endpoint;
    this.from = from;
    this.over = over;
    this.connection =
        Connection.install(
            endpoint,
            channel,
            endpoint.tls().server(channel.alloc(), from),
            from,
            this,
            this::proven);
  }

  private void proven(String name) {
    remoteName = name;
    endpoint.whereabouts().proven(name, from.getAddress());
    deadline =
        endpoint
            .loop()
            .schedule(
                () ->
                    connection.close(
                        name + " at " + TlsFailure.peer(from) + " did not say what it wants"),
                endpoint.options().greetingTimeout().toNanos(),
                TimeUnit.NANOSECONDS);
  }

  @Override
  public void onFrame(FrameType type, ByteBuf payload) {
    String name = remoteName;
    if (name == null || done) {
      return; // a frame before the handshake is complete cannot be
    }
    switch (type) {
      case CONTROL -> hello(name, payload);
      case BIND -> bind(name, Bind.decode(payload));
      case BOUND, PACKET, STAGE, UNSTAGE, MARKER, MARKER_REPLY, RETURNED ->
          connection.broken(
              DropReason.FRAME_UNKNOWN, "(" + name + ") began with a frame of type " + type);
    }
  }

  private void hello(String name, ByteBuf payload) {
    ControlMessage first;
    try {
      first = ControlCodec.decode(payload);
    } catch (ControlFormatException e) {
      connection.close(name + " said a hello that cannot be read: " + e.getMessage());
      return;
    }
    if (!(first instanceof Hello hello)) {
      connection.close(name + " did not say hello first");
      return;
    }
    connection.write(FrameType.CONTROL, endpoint.encode(endpoint.hello()));
    String mismatch = Versions.mismatch(hello, name);
    if (mismatch != null) {
      connection.write(FrameType.CONTROL, endpoint.encode(new Fault("version", mismatch, null)));
      connection.close(mismatch);
      return;
    }
    connection.flush();
    settle();
    endpoint.controlUp(new ControlChannel(endpoint, name, connection, hello));
  }

  private void bind(String name, Bind bind) {
    switch (endpoint
        .handler()
        .bind(name, bind.migration(), bind.epoch(), bind.token(), bind.lane())) {
      case LinkAnswer.Refuse refuse -> {
        connection.write(FrameType.BOUND, Bind.refused(refuse.sentence()));
        connection.close("refused a data connection of " + name + ": " + refuse.sentence());
      }
      case LinkAnswer.Accept accept -> {
        connection.write(FrameType.BOUND, Bind.accepted());
        connection.flush();
        settle();
        connection.mark(endpoint.options().dscp());
        TlsLink link = new TlsLink(connection, accept.receiver(), endpoint.options().linkLimits());
        accept.onLink().accept(link);
        accept.receiver().onUp();
      }
    }
  }

  private void settle() {
    if (done) {
      return;
    }
    done = true;
    ScheduledFuture<?> timer = deadline;
    if (timer != null) {
      timer.cancel(false);
    }
    over.run();
  }

  @Override
  public void onClosed(String reason) {
    settle();
    endpoint.turnedAway(from, reason);
  }
}
