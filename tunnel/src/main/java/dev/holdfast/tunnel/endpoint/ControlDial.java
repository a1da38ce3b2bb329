package dev.holdfast.tunnel.endpoint;

import dev.holdfast.tunnel.endpoint.ControlMessage.Fault;
import dev.holdfast.tunnel.endpoint.ControlMessage.Hello;
import dev.holdfast.tunnel.link.FrameConnection;
import dev.holdfast.tunnel.link.FrameType;
import io.netty.buffer.ByteBuf;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** Opens a control channel: both say hello, the one who connects first. */
final class ControlDial extends Dial<ControlChannel> {
  private @Nullable FrameConnection connection;

  ControlDial(TunnelEndpoint endpoint, RemoteHost remote) {
    super(endpoint, remote, new CompletableFuture<>());
  }

  @Override
  void greet(FrameConnection open) {
    connection = open;
    open.write(FrameType.CONTROL, endpoint.encode(endpoint.hello()));
    open.flush();
  }

  @Override
  void onFrame(FrameType type, ByteBuf payload) {
    FrameConnection open = connection;
    if (open == null || result.isDone()) {
      return;
    }
    if (type != FrameType.CONTROL) {
      fail(remote.name() + " answered the hello with a frame of type " + type);
      return;
    }
    ControlMessage answer;
    try {
      answer = ControlCodec.decode(payload);
    } catch (ControlFormatException e) {
      fail(remote.name() + " said a hello that cannot be read: " + e.getMessage());
      return;
    }
    switch (answer) {
      case Hello hello -> {
        String mismatch = Versions.mismatch(hello, remote.name());
        if (mismatch != null) {
          fail(mismatch);
          return;
        }
        ControlChannel channel = new ControlChannel(endpoint, remote.name(), open, hello);
        endpoint.controlUp(channel);
        boolean unused = succeed(channel); // a channel nobody waits for is of use to the next
      }
      case Fault fault -> fail(remote.name() + " answered: " + fault.text());
      case null, default -> fail(remote.name() + " did not answer the hello with its own");
    }
  }
}
