package dev.holdfast.tunnel.endpoint;

import dev.holdfast.tunnel.link.LinkReceiver;
import dev.holdfast.tunnel.link.TlsLink;
import dev.holdfast.tunnel.observe.DropReason;
import java.net.InetSocketAddress;
import java.util.UUID;
import java.util.function.Consumer;

/**
 * What a {@link TunnelEndpoint} tells and asks. Called on the event loop's thread, so it must not
 * block; packets wait meanwhile.
 */
public interface EndpointHandler {
  /** Both have said hello. There may be several channels with one remote host at a time. */
  void controlUp(ControlChannel channel);

  /** A channel that was up has ended, whoever ended it. */
  void controlDown(ControlChannel channel, String reason);

  /** Any message but hello and keepalive, in the order sent. */
  void message(ControlChannel channel, ControlMessage message);

  /**
   * A proven remote host wants to bring packets of a migration.
   *
   * @param token 16 bytes, to be compared with the token given out in {@code ArmReply}, in constant
   *     time
   * @param lane which of the migration's data connections it says to be, 0 to 255
   */
  LinkAnswer bind(String remoteName, UUID migration, long epoch, byte[] token, int lane);

  /** A frame was dropped, and its connection with it. */
  void counted(DropReason reason);

  /** Somebody was turned away who has proven nothing, or spoke what is not ours. */
  default void turnedAway(InetSocketAddress from, String sentence) {}

  /** The answer to {@link #bind}. */
  sealed interface LinkAnswer {
    /**
     * @param onLink is given the link before the first frame reaches the receiver
     */
    record Accept(LinkReceiver receiver, Consumer<TlsLink> onLink) implements LinkAnswer {}

    /**
     * @param sentence for the person at the other host
     */
    record Refuse(String sentence) implements LinkAnswer {}
  }
}
