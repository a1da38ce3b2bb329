package dev.holdfast.redirector.demo.host;

import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.tunnel.packet.IpAddress;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.InetSocketAddress;
import java.net.SocketTimeoutException;
import java.nio.channels.DatagramChannel;
import java.util.ArrayList;
import java.util.List;
import org.xbill.DNS.AAAARecord;
import org.xbill.DNS.ARecord;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.Record;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;

/** Asks a name server as a client without a cache does: UDP, from within a namespace. */
public final class NameQuery {
  private static final int WAIT_MILLIS = 1000;
  private static final int TRIES = 3;

  private NameQuery() {}

  /**
   * The addresses of one family that {@code name} has.
   *
   * @throws IOException when the server gives no answer
   */
  public static List<IpAddress> addresses(
      Namespace from, InetSocketAddress server, String name, boolean v6) throws Exception {
    Message question =
        Message.newQuery(
            Record.newRecord(Name.fromString(name + "."), v6 ? Type.AAAA : Type.A, DClass.IN));
    try (DatagramChannel channel = from.call(DatagramChannel::open)) {
      Message answer = ask(channel, server, question);
      List<IpAddress> found = new ArrayList<>();
      for (Record each : answer.getSection(Section.ANSWER)) {
        switch (each) {
          case ARecord a -> found.add(IpAddress.of(a.getAddress()));
          case AAAARecord a -> found.add(IpAddress.of(a.getAddress()));
          default -> {}
        }
      }
      return found;
    }
  }

  private static Message ask(DatagramChannel channel, InetSocketAddress server, Message question)
      throws IOException {
    byte[] asked = question.toWire();
    var socket = channel.socket();
    socket.setSoTimeout(WAIT_MILLIS);
    for (int i = 0; i < TRIES; i++) {
      socket.send(new DatagramPacket(asked, asked.length, server));
      var packet = new DatagramPacket(new byte[1500], 1500);
      try {
        socket.receive(packet);
      } catch (SocketTimeoutException e) {
        continue;
      }
      byte[] bytes = java.util.Arrays.copyOf(packet.getData(), packet.getLength());
      Message answer = new Message(bytes);
      if (answer.getHeader().getID() == question.getHeader().getID()) {
        return answer;
      }
    }
    throw new IOException("the name server " + server + " gives no answer");
  }
}
