package dev.holdfast.redirector.steer;

import dev.holdfast.tunnel.device.FdReadiness;
import dev.holdfast.tunnel.device.FrameFilter;
import dev.holdfast.tunnel.device.PacketSocket;
import dev.holdfast.tunnel.packet.ArpMessage;
import dev.holdfast.tunnel.packet.Ethernet;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.packet.NeighbourMessage;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.IoEventLoop;
import java.io.IOException;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Answers ARP requests and neighbour solicitations on one interface, as its {@link AnswerTable}
 * says.
 *
 * <p>The kernel's own proxies wait before they answer, and its NDP proxy sends no Override, so that
 * a neighbour who remembers the guest's MAC would not take the answer (RFC 4861 section 7.2.5). A
 * request without a question is not answered: announcements, and the guest's own.
 *
 * <p>Works on the event loop's thread. When the interface goes, answering ends with a warning.
 */
public final class NeighbourResponder implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(NeighbourResponder.class);
  private static final int LONGEST_FRAME = 2048;
  private static final int BATCH = 64;

  private final PacketSocket socket;
  private final AnswerTable table;
  private final @Nullable AddressClaims claims;
  private final ByteBuf in = Unpooled.directBuffer(LONGEST_FRAME, LONGEST_FRAME);
  private final ByteBuf out = Unpooled.directBuffer(LONGEST_FRAME, LONGEST_FRAME);
  private final ArpMessage arp = new ArpMessage();
  private final NeighbourMessage neighbour = new NeighbourMessage();
  private final LongAdder answered = new LongAdder();
  private final FdReadiness readiness;
  private volatile boolean closed;

  private NeighbourResponder(
      IoEventLoop loop, PacketSocket socket, AnswerTable table, @Nullable AddressClaims claims)
      throws IOException {
    this.socket = socket;
    this.table = table;
    this.claims = claims;
    this.readiness = FdReadiness.register(loop, socket.fd(), this::answerAll);
  }

  /**
   * Starts to answer, in the calling thread's network namespace.
   *
   * @throws IOException when there is no such interface, or privilege is missing
   */
  public static NeighbourResponder start(IoEventLoop loop, String device, AnswerTable table)
      throws IOException {
    return start(loop, device, table, null);
  }

  /**
   * The same, with somebody who looks at every frame first.
   *
   * @throws IOException when there is no such interface, or privilege is missing
   */
  public static NeighbourResponder start(
      IoEventLoop loop, String device, AnswerTable table, @Nullable AddressClaims claims)
      throws IOException {
    PacketSocket socket =
        PacketSocket.open(
            device,
            claims == null ? FrameFilter.ARP_AND_NEIGHBOR_SOLICITATION : FrameFilter.ADDRESS_USE);
    try {
      socket.ignoreOutgoing();
      socket.joinAllMulticast(); // solicitations go to groups that this host is not in
      return new NeighbourResponder(loop, socket, table, claims);
    } catch (IOException | RuntimeException e) {
      socket.close();
      throw e;
    }
  }

  /** The table in use; changes to it take effect with the next question. */
  public AnswerTable table() {
    return table;
  }

  /** Answers sent so far. */
  public long answered() {
    return answered.sum();
  }

  /**
   * Answers what has been asked by now, for who keeps the loop busy meanwhile: a guest to which
   * packets are given cannot answer them before it knows its neighbours. On the loop only.
   */
  public void answerNow() {
    if (!closed) {
      answerAll();
    }
  }

  /** Takes a batch at most, so that others on the loop have their turn. */
  private void answerAll() {
    try {
      for (int i = 0; i < BATCH; i++) {
        int length = socket.receive(in.clear());
        if (length == 0) {
          return;
        }
        if (claims != null) {
          defend(claims.look(in, length));
        }
        if (writeAnswer(length)) {
          if (socket.send(out)) {
            answered.increment();
          }
        } else if (writeRenamed(length)) {
          boolean unused = socket.send(out); // the guest asks again
        }
      }
    } catch (IOException e) {
      LOG.warn("no more answers to ARP and neighbour solicitations: {}", e.getMessage());
      readiness.close();
    }
  }

  /** Says once more where the address is: whoever has believed somebody else comes back. */
  private void defend(@Nullable IpAddress address) throws IOException {
    MacAddress here = address == null ? null : table.captured(address);
    if (address == null || here == null) {
      return;
    }
    out.clear();
    if (address.isV4()) {
      ArpMessage.writeGratuitous(out, here, address);
    } else {
      NeighbourMessage.writeUnsolicited(out, here, address, 0);
    }
    socket.send(out);
  }

  private boolean writeAnswer(int length) {
    out.clear();
    if (arp.check(in, 0, length)) {
      if (!arp.isRequest() || arp.isGratuitous()) {
        return false;
      }
      MacAddress mac =
          table.answer(
              arp.frameSource(), arp.senderAddress(), arp.frameDestination(), arp.targetAddress());
      if (mac == null || mac.equals(arp.frameSource())) {
        return false;
      }
      arp.writeAnswer(out, mac);
      return true;
    }
    if (neighbour.check(in, 0, length) && neighbour.isSolicitation()) {
      MacAddress mac =
          table.answer(
              neighbour.frameSource(),
              neighbour.source(),
              neighbour.frameDestination(),
              neighbour.target());
      if (mac == null || mac.equals(neighbour.frameSource())) {
        return false;
      }
      boolean router = table.speaksForRouters(neighbour.frameSource(), neighbour.target());
      neighbour.writeAnswer(out, mac, router ? NeighbourMessage.ROUTER : 0);
      return true;
    }
    return false;
  }

  /**
   * Asks in a guest's stead as its new address, what it asks as an old one: for where no bridge
   * rule may rewrite its frames, which then do not come here as an old one's any more. The frame is
   * from this host's MAC, or switches would look for the guest where it does not live; what is said
   * in it is the guest's, and so is the answer.
   */
  private boolean writeRenamed(int length) {
    out.clear();
    if (arp.check(in, 0, length)) {
      MacAddress guest = arp.frameSource();
      IpAddress target = arp.targetAddress();
      IpAddress as = arp.isRequest() ? table.renamed(guest, arp.senderAddress(), target) : null;
      if (as != null) {
        ArpMessage.writeRequest(out, guest, as, target);
        out.setBytes(Ethernet.SOURCE, socket.macAddress().toBytes());
      }
      return as != null;
    }
    if (neighbour.check(in, 0, length) && neighbour.isSolicitation()) {
      MacAddress guest = neighbour.frameSource();
      IpAddress target = neighbour.target();
      IpAddress as = table.renamed(guest, neighbour.source(), target);
      if (as != null) {
        NeighbourMessage.writeSolicitation(out, guest, as, target);
        out.setBytes(Ethernet.SOURCE, socket.macAddress().toBytes());
      }
      return as != null;
    }
    return false;
  }

  /** Stops answering; may be called from any thread, and twice. */
  @Override
  public void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
    }
    readiness.close();
    socket.close();
    in.release();
    out.release();
  }
}
