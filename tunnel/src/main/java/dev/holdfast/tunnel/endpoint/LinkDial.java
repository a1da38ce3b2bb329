package dev.holdfast.tunnel.endpoint;

import dev.holdfast.tunnel.link.FrameConnection;
import dev.holdfast.tunnel.link.FrameType;
import dev.holdfast.tunnel.link.LinkReceiver;
import dev.holdfast.tunnel.link.TlsLink;
import io.netty.buffer.ByteBuf;
import java.net.InetAddress;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** Opens a data connection for one migration. */
final class LinkDial extends Dial<TlsLink> {
  private final Bind bind;
  private final LinkReceiver receiver;
  private @Nullable FrameConnection connection;

  LinkDial(
      TunnelEndpoint endpoint,
      RemoteHost remote,
      @Nullable InetAddress from,
      Bind bind,
      LinkReceiver receiver,
      CompletableFuture<TlsLink> result) {
    super(endpoint, remote, from, result);
    this.bind = bind;
    this.receiver = receiver;
  }

  @Override
  void greet(FrameConnection open) {
    connection = open;
    open.write(FrameType.BIND, bind.encode());
    open.flush();
  }

  @Override
  void onFrame(FrameType type, ByteBuf payload) {
    FrameConnection open = connection;
    if (open == null || result.isDone()) {
      return;
    }
    if (type != FrameType.BOUND) {
      fail(remote.name() + " answered the data connection with a frame of type " + type);
      return;
    }
    String refusal = Bind.refusal(payload);
    if (!refusal.isEmpty()) {
      fail(remote.name() + " refuses the data connection: " + refusal);
      return;
    }
    open.mark(endpoint.options().dscp());
    TlsLink link = new TlsLink(open, receiver, endpoint.options().linkLimits());
    if (succeed(link)) {
      receiver.onUp();
    } else {
      link.close("nobody waits for it any more");
    }
  }
}
