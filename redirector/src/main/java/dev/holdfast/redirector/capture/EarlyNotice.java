package dev.holdfast.redirector.capture;

import dev.holdfast.redirector.decide.Fit;
import dev.holdfast.redirector.decide.TooBigSenders;
import dev.holdfast.tunnel.packet.IcmpErrors;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.IntSupplier;

/**
 * The rehearsal of a smaller path MTU: who sends packets, from arm on, that the tunnel will not
 * carry whole is told before the guest is paused, so that nothing of it is left to learn when it
 * counts. Both ends are told, each in the other's name. What is seen is carried all the same, by
 * whoever carries it now.
 *
 * <p>Used by the learner's thread; where a notice goes is the consumer's business.
 */
public final class EarlyNotice {
  /** How often one flow is told: a stack may keep what it learns for ten minutes (RFC 1191 6.3). */
  private static final long EVERY_NANOS = TimeUnit.SECONDS.toNanos(1);

  private static final long SELDOM_NANOS = TimeUnit.SECONDS.toNanos(60);
  private static final int LONGEST_FRAME = 1500;

  private final IntSupplier carried;
  private final TooBigSenders senders = new TooBigSenders(EVERY_NANOS);
  private final TooBigSenders ofSuperPackets = new TooBigSenders(SELDOM_NANOS);
  private final Consumer<ByteBuf> tell;
  private long told;

  /**
   * @param carried bytes of the longest packet that the tunnel will carry whole, as is known by
   *     then: the path between the hosts may change after arm
   * @param tell takes over {@code [virtio_net_hdr][ICMP error]}, direct
   */
  public EarlyNotice(IntSupplier carried, Consumer<ByteBuf> tell) {
    this.carried = carried;
    this.tell = tell;
  }

  /**
   * Looks at one packet.
   *
   * @param packet of which only the first {@code captured} bytes may be there
   * @param flow a number that packets of its flow and direction share
   */
  void look(PacketView packet, int captured, int flow, long nowNanos) {
    int limit = carried.getAsInt();
    if (packet.length() <= limit) {
      return;
    }
    // How the sender of a super-packet cuts it cannot be seen: he may have learnt already.
    TooBigSenders asked = packet.length() > LONGEST_FRAME ? ofSuperPackets : senders;
    Fit fit = Fit.of(packet, packet.length(), limit, asked, flow, nowNanos);
    asked.note(fit, limit, flow, nowNanos);
    if (!fit.isTold()) {
      return;
    }
    ByteBuf error = Unpooled.directBuffer(VirtioNetHeader.LENGTH + Fit.SMALLEST_V6);
    error.writeZero(VirtioNetHeader.LENGTH);
    int mtu = Fit.told(limit, packet.isV4());
    if (IcmpErrors.tooBig(error, packet, packet.destination(), mtu, captured)) {
      told++;
      tell.accept(error);
    } else {
      error.release();
    }
  }

  /** How many notices there were. */
  public long told() {
    return told;
  }
}
