package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.path.DataLoop;
import dev.holdfast.redirector.steer.AnswerTable;
import dev.holdfast.redirector.steer.NeighbourResponder;
import dev.holdfast.tunnel.device.FrameFilter;
import dev.holdfast.tunnel.device.PacketSocket;
import dev.holdfast.tunnel.packet.ArpMessage;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.packet.NeighbourMessage;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.util.List;

/**
 * A neighbour who asks, as the guest does first of all at its new host, and this host's answers: on
 * the loopback, which the kernel neither asks nor answers on.
 */
final class RehearsalQuestions implements AutoCloseable {
  private static final String LOOPBACK = "lo";

  // locally administered, in use nowhere
  private static final MacAddress ASKER = MacAddress.parse("02:00:5e:00:53:01");
  private static final MacAddress ANSWER = MacAddress.parse("02:00:5e:00:53:02");

  private final List<IpAddress> askers;
  private final List<IpAddress> targets;
  private final NeighbourResponder responder;
  private final PacketSocket socket;
  private final ByteBuf frame = Unpooled.directBuffer(128);

  RehearsalQuestions(DataLoop loop, List<IpAddress> askers, List<IpAddress> targets)
      throws IOException {
    this.askers = askers;
    this.targets = targets;
    var answers = new AnswerTable();
    targets.forEach(target -> answers.capture(target, ANSWER, null));
    responder = NeighbourResponder.start(loop.loop(), LOOPBACK, answers);
    socket = PacketSocket.open(LOOPBACK, FrameFilter.NONE);
  }

  void ask() throws IOException {
    for (int i = 0; i < targets.size(); i++) {
      frame.clear();
      IpAddress target = targets.get(i);
      if (target.isV4()) {
        ArpMessage.writeRequest(frame, ASKER, askers.get(i), target);
      } else {
        NeighbourMessage.writeSolicitation(frame, ASKER, askers.get(i), target);
      }
      boolean unused = socket.send(frame);
    }
  }

  @Override
  public void close() {
    responder.close();
    socket.close();
    frame.release();
  }
}
