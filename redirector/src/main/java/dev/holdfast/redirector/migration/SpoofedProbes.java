package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.path.SpoofProbe;
import dev.holdfast.tunnel.packet.IpAddress;
import io.netty.buffer.ByteBuf;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The endpoint's part of the proof that the guest's answers may leave at the new site: it sends
 * probes from the old addresses, by the way that answers will take, which is this host's forwarding
 * path from the TUN on, and every filter of the site behind it.
 *
 * <p>A remote host says where they go. It may do so for addresses that are granted to it, while the
 * migration is armed, and not often: nobody is flooded by way of this host.
 */
final class SpoofedProbes {
  /** Of one migration, in all. */
  private static final int MOST = 64;

  private final Host host;
  private final AtomicInteger sent = new AtomicInteger();

  SpoofedProbes(Host host) {
    this.host = host;
  }

  boolean wereSent() {
    return sent.get() > 0;
  }

  /**
   * Sends one to each address that is of an old address's family.
   *
   * @throws RequestRefused where they may not be sent
   */
  void send(MigrationRecord record, long number, List<IpAddress> to) throws RequestRefused {
    if (record.state() != MigrationState.ARMED || record.byPcap()) {
      throw new RequestRefused(
          RequestRefused.Kind.REFUSED,
          "probes from the old addresses are sent while a migration is armed, and not by pcap");
    }
    if (to.size() > record.oldAddresses().size() || sent.addAndGet(to.size()) > MOST) {
      throw new RequestRefused(
          RequestRefused.Kind.REFUSED, "enough probes from the old addresses have been sent");
    }
    byte[] token = HexFormat.of().parseHex(record.token());
    for (IpAddress each : to) {
      for (IpAddress old : record.olds()) {
        if (old.isV4() == each.isV4() && !each.isMulticast()) {
          write(record, SpoofProbe.packet(old, each, token, number));
        }
      }
    }
  }

  /** The TUN is the data loop's. */
  private void write(MigrationRecord record, ByteBuf packet) {
    host.data()
        .run(() -> {
          try {
            boolean unused = host.objects().device(record).write(packet); // it is asked for again
          } catch (IOException e) {
            throw new UncheckedIOException(e.getMessage(), e);
          } finally {
            packet.release();
          }
        });
  }
}
