package dev.holdfast.redirector.replay.live;

import dev.holdfast.redirector.capturefile.CaptureReader;
import dev.holdfast.redirector.replay.AddressTranslation;
import dev.holdfast.redirector.replay.LiveFailed;
import dev.holdfast.redirector.replay.LiveLine;
import dev.holdfast.redirector.replay.LivePlay;
import dev.holdfast.redirector.replay.Pace;
import dev.holdfast.redirector.replay.PlayedAddresses;
import dev.holdfast.redirector.replay.Points;
import dev.holdfast.redirector.replay.Replay;
import dev.holdfast.redirector.replay.ReplayOptions;
import dev.holdfast.redirector.replay.ReplayReport;
import dev.holdfast.redirector.replay.live.LiveOptions.Place;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.time.Clock;
import io.netty.buffer.ByteBuf;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Plays the begin of a capture over a wire in memory, in no time, so that the way of a packet is
 * loaded and compiled when the first real one has its moment.
 */
public final class Rehearsal implements LiveLine, AutoCloseable {
  private static final int MOST_PACKETS = 4_000;

  // locally administered, and never on a wire
  private static final MacAddress PEERS = MacAddress.parse("02:00:5e:00:53:08");
  private static final MacAddress GUEST = MacAddress.parse("02:00:5e:00:53:09");

  private final ArrayDeque<byte[]> toPeers = new ArrayDeque<>();
  private final ArrayDeque<byte[]> toGuest = new ArrayDeque<>();
  private final Station peers;
  private final Station guest;
  private long now;
  private int packets;

  private static final class Enough extends LiveFailed {
    private static final long serialVersionUID = 1L;

    Enough() {
      super("enough was rehearsed");
    }
  }

  private Rehearsal(PlayedAddresses played) {
    peers = station(PEERS, GUEST, played.peers(), played.guest(), toPeers, toGuest);
    guest = station(GUEST, PEERS, played.guest(), played.peers(), toGuest, toPeers);
    peers.present(true);
    guest.present(true);
  }

  /**
   * Takes some hundred milliseconds.
   *
   * @param options with the guest's played addresses
   */
  public static void play(
      Path file, ReplayOptions options, PlayedAddresses played, AddressTranslation map)
      throws IOException {
    try (CaptureReader reader = CaptureReader.open(file);
        Rehearsal line = new Rehearsal(played)) {
      ReplayReport unused =
          Replay.live(
              reader,
              file.toString(),
              options,
              Points.NONE,
              new LivePlay(line, Pace.AS_CAPTURED, map),
              (read, bytes, nanos) -> {
                throw new Enough();
              });
    } catch (Enough e) {
      return;
    }
  }

  private Station station(
      MacAddress own,
      MacAddress other,
      List<IpAddress> here,
      List<IpAddress> others,
      ArrayDeque<byte[]> arriving,
      ArrayDeque<byte[]> leaving) {
    var port =
        new FramePort() {
          @Override
          public byte @Nullable [] poll() {
            return arriving.poll();
          }

          @Override
          public boolean send(byte[] frame, int length) {
            leaving.add(Arrays.copyOf(frame, length));
            return true;
          }

          @Override
          public void close() {
            arriving.clear();
          }
        };
    var clock =
        new Clock() {
          @Override
          public long nanoTime() {
            return now;
          }

          @Override
          public long epochNanos() {
            return now;
          }
        };
    return new Station(
        new PlayedInterface("memory", own, 1_500),
        new Place("memory", List.of(), other),
        own,
        here,
        others,
        port,
        clock,
        new EnumMap<>(DropReason.class));
  }

  @Override
  public long nanoTime() {
    return now;
  }

  @Override
  public void receive(Arrived to) {
    peers.receive(to, false);
    guest.receive(to, true);
  }

  @Override
  public void await(long nanos) {
    if (toPeers.isEmpty() && toGuest.isEmpty()) {
      now = Math.max(now, nanos);
    }
  }

  @Override
  public void send(ByteBuf packet, boolean byGuest) {
    if (++packets > MOST_PACKETS) {
      throw new Enough();
    }
    (byGuest ? guest : peers).send(packet);
  }

  @Override
  public void begin(Step step) {
    // nobody moves in memory
  }

  @Override
  public boolean isDone() {
    return true;
  }

  @Override
  public void guestLeaves() {
    guest.present(false);
  }

  @Override
  public void guestReturns() {
    guest.present(true);
  }

  @Override
  public Map<DropReason, Long> drops() {
    return Map.of();
  }

  @Override
  public void close() {
    peers.close();
    guest.close();
  }
}
