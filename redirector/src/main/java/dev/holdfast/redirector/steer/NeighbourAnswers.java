package dev.holdfast.redirector.steer;

import dev.holdfast.tunnel.packet.ArpMessage;
import dev.holdfast.tunnel.packet.Ethernet;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.packet.NeighbourMessage;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * What is said because of a frame with an ARP message or a neighbour solicitation or advertisement:
 * an answer as the {@link AnswerTable} has it, a defence of the address, or the guest's question in
 * another name. A request without a question is not answered: announcements, and the guest's own.
 *
 * <p>No thread, no socket.
 */
public final class NeighbourAnswers implements AutoCloseable {
  private static final int LONGEST_FRAME = 2048;

  private final AnswerTable table;
  private final @Nullable AddressClaims claims;
  private final MacAddress own;
  private final ByteBuf out = Unpooled.directBuffer(LONGEST_FRAME, LONGEST_FRAME);
  private final ArpMessage arp = new ArpMessage();
  private final NeighbourMessage neighbour = new NeighbourMessage();

  /** Where frames go. */
  @FunctionalInterface
  public interface Output {
    /**
     * @param frame for this call alone
     * @return false where it was not taken
     */
    boolean send(ByteBuf frame) throws IOException;
  }

  /**
   * @param claims looks at every frame first; null where nothing is captured
   * @param own the interface's MAC
   */
  public NeighbourAnswers(AnswerTable table, @Nullable AddressClaims claims, MacAddress own) {
    this.table = table;
    this.claims = claims;
    this.own = own;
  }

  /**
   * Takes one frame that this host did not send.
   *
   * @param in the frame, from index 0 on
   * @return 1 where an answer was sent, 0 otherwise
   * @throws IOException when {@code to} fails
   */
  public int take(ByteBuf in, int length, Output to) throws IOException {
    if (claims != null) {
      defend(claims.look(in, length), to);
    }
    if (writeAnswer(in, length)) {
      return to.send(out) ? 1 : 0;
    }
    if (writeRenamed(in, length)) {
      boolean unused = to.send(out); // the guest asks again
    }
    return 0;
  }

  /** Says once more where the address is: whoever has believed somebody else comes back. */
  private void defend(@Nullable IpAddress address, Output to) throws IOException {
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
    boolean unused = to.send(out); // who goes on claiming it is heard again
  }

  private boolean writeAnswer(ByteBuf in, int length) {
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
  private boolean writeRenamed(ByteBuf in, int length) {
    out.clear();
    if (arp.check(in, 0, length)) {
      MacAddress guest = arp.frameSource();
      IpAddress target = arp.targetAddress();
      IpAddress as = arp.isRequest() ? table.renamed(guest, arp.senderAddress(), target) : null;
      if (as != null) {
        ArpMessage.writeRequest(out, guest, as, target);
        out.setBytes(Ethernet.SOURCE, own.toBytes());
      }
      return as != null;
    }
    if (neighbour.check(in, 0, length) && neighbour.isSolicitation()) {
      MacAddress guest = neighbour.frameSource();
      IpAddress target = neighbour.target();
      IpAddress as = table.renamed(guest, neighbour.source(), target);
      if (as != null) {
        NeighbourMessage.writeSolicitation(out, guest, as, target);
        out.setBytes(Ethernet.SOURCE, own.toBytes());
      }
      return as != null;
    }
    return false;
  }

  @Override
  public void close() {
    out.release();
  }
}
