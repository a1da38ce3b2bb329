package dev.holdfast.tunnel.endpoint;

import dev.holdfast.tunnel.link.FrameType;
import dev.holdfast.tunnel.link.LinkReceiver;
import dev.holdfast.tunnel.link.TlsLink;
import dev.holdfast.tunnel.observe.DropReason;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.UUID;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** Keeps what an endpoint tells, for the test's thread to wait for. */
final class Recorder implements EndpointHandler {
  private static final int PATIENCE_SECONDS = 20;

  record Said(ControlChannel channel, ControlMessage message) {}

  record Down(ControlChannel channel, String reason) {}

  record Frame(FrameType type, byte[] payload) {
    String text() {
      return new String(payload, StandardCharsets.UTF_8);
    }
  }

  final BlockingQueue<ControlChannel> up = new LinkedBlockingQueue<>();
  final BlockingQueue<Down> down = new LinkedBlockingQueue<>();
  final BlockingQueue<Said> said = new LinkedBlockingQueue<>();
  final BlockingQueue<DropReason> dropped = new LinkedBlockingQueue<>();
  final BlockingQueue<String> turnedAway = new LinkedBlockingQueue<>();
  final BlockingQueue<TlsLink> links = new LinkedBlockingQueue<>();
  final BlockingQueue<String> binds = new LinkedBlockingQueue<>();
  final Ends frames = new Ends();
  volatile String refusal = "";

  /** One end of a data connection. */
  static final class Ends implements LinkReceiver {
    final BlockingQueue<Frame> seen = new LinkedBlockingQueue<>();
    final BlockingQueue<String> events = new LinkedBlockingQueue<>();

    @Override
    public void onFrame(FrameType type, ByteBuf payload) {
      seen.add(new Frame(type, ByteBufUtil.getBytes(payload)));
    }

    @Override
    public void onUp() {
      events.add("up");
    }

    @Override
    public void onWritable() {
      events.add("writable");
    }

    @Override
    public void onDown(String reason) {
      events.add("down: " + reason);
    }
  }

  static <T> T next(BlockingQueue<T> queue) throws InterruptedException {
    T value = queue.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
    if (value == null) {
      throw new AssertionError("nothing came within " + PATIENCE_SECONDS + " s");
    }
    return value;
  }

  @Override
  public void controlUp(ControlChannel channel) {
    up.add(channel);
  }

  @Override
  public void controlDown(ControlChannel channel, String reason) {
    down.add(new Down(channel, reason));
  }

  @Override
  public void message(ControlChannel channel, ControlMessage message) {
    said.add(new Said(channel, message));
  }

  @Override
  public LinkAnswer bind(String remoteName, UUID migration, long epoch, byte[] token, int lane) {
    binds.add(remoteName + " " + migration + " " + epoch + " " + token.length + " " + lane);
    return refusal.isEmpty()
        ? new LinkAnswer.Accept(frames, links::add)
        : new LinkAnswer.Refuse(refusal);
  }

  @Override
  public void counted(DropReason reason) {
    dropped.add(reason);
  }

  @Override
  public void turnedAway(InetSocketAddress from, String sentence) {
    turnedAway.add(sentence);
  }
}
