package dev.holdfast.redirector.replay.live;

import dev.holdfast.redirector.capture.PcapPort;
import dev.holdfast.redirector.replay.LiveFailed;
import dev.holdfast.redirector.replay.LiveLine;
import dev.holdfast.redirector.replay.PlayedAddresses;
import dev.holdfast.redirector.replay.live.LiveOptions.Place;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.time.Clock;
import io.netty.buffer.ByteBuf;
import java.io.IOException;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** The peers and the guest of a live replay, at their interfaces. */
public final class PcapLine implements LiveLine, AutoCloseable {
  /** A thread that sleeps is woken that much too late at times: the rest is waited for awake. */
  private static final long AWAKE_NANOS = 100_000L;

  private static final long TICK_NANOS = 50_000_000L;
  private static final long READY_NANOS = 3_000_000_000L;
  private static final String FILTER = "arp or ip or ip6";

  private final LiveOptions options;
  private final Clock clock;
  private final Thread owner = Thread.currentThread();
  private final AtomicBoolean woken = new AtomicBoolean();
  private final Map<DropReason, Long> drops = new EnumMap<>(DropReason.class);
  private final List<PcapPort> ports = new ArrayList<>();
  private final List<Station> stations = new ArrayList<>();
  private final List<StepCommand> running = new ArrayList<>();
  private final Station peers;
  private final Station guestBefore;
  private final Station guestAfter;
  private Station guest;
  private long tickedAt;

  private PcapLine(LiveOptions options, PlayedAddresses played, Clock clock) throws IOException {
    this.options = options;
    this.clock = clock;
    try {
      PlayedInterface atPeers = PlayedInterface.of(options.peers().interfaceName());
      PlayedInterface atGuest = PlayedInterface.of(options.guest().interfaceName());
      MacAddress wanted = options.guestMac();
      MacAddress guestMac = wanted == null ? atGuest.playedMac() : wanted;
      peers =
          station(atPeers, options.peers(), atPeers.playedMac(), played.peers(), played.guest());
      guestBefore = station(atGuest, options.guest(), guestMac, played.guest(), played.peers());
      Place after = options.guestAfter();
      guestAfter =
          after.equals(options.guest())
              ? guestBefore
              : station(
                  PlayedInterface.of(after.interfaceName()),
                  after,
                  guestMac,
                  played.guest(),
                  played.peers());
    } catch (IOException | RuntimeException e) {
      close();
      throw e;
    }
    guest = guestBefore;
  }

  /** Why these addresses are not played, a sentence each; empty where they are. */
  public static List<String> problems(PlayedAddresses played, boolean force) throws IOException {
    return AddressCheck.problems(played, PlayedInterface.ownAddresses(), force);
  }

  /**
   * Opens the interfaces, and waits until the gateways have answered. The calling thread is the one
   * that replays.
   *
   * @throws IOException with a sentence, when one cannot be used or somebody does not answer
   */
  public static PcapLine open(LiveOptions options, PlayedAddresses played, Clock clock)
      throws IOException {
    var line = new PcapLine(options, played, clock);
    try {
      line.ready();
      return line;
    } catch (IOException | RuntimeException e) {
      line.close();
      throw e;
    }
  }

  private Station station(
      PlayedInterface lan,
      Place place,
      MacAddress mac,
      List<IpAddress> here,
      List<IpAddress> others)
      throws IOException {
    PcapPort port = PcapPort.open(lan.name(), FILTER, clock, this::wake);
    ports.add(port);
    var made = new Station(lan, place, mac, here, others, framesOf(port), clock, drops);
    stations.add(made);
    return made;
  }

  private static FramePort framesOf(PcapPort port) {
    return new FramePort() {
      @Override
      public byte @Nullable [] poll() {
        return port.poll();
      }

      @Override
      public boolean send(byte[] frame, int length) {
        return port.send(frame, length);
      }

      @Override
      public void close() {
        port.close();
      }
    };
  }

  private void ready() throws IOException {
    peers.present(true);
    guest.present(true);
    long end = clock.nanoTime() + READY_NANOS;
    while (true) {
      receive((packet, atGuest) -> {});
      List<IpAddress> missing = new ArrayList<>(peers.missing());
      missing.addAll(guest.missing());
      if (missing.isEmpty()) {
        return;
      }
      if (clock.nanoTime() - end > 0) {
        throw new IOException(
            "Nobody answers for the gateway %s (ARP, neighbour discovery); is it on that side, and are the interfaces where they should be?"
                .formatted(missing.getFirst()));
      }
      await(clock.nanoTime() + TICK_NANOS);
    }
  }

  // ---- time ----

  @Override
  public long nanoTime() {
    return clock.nanoTime();
  }

  private void wake() {
    woken.set(true);
    LockSupport.unpark(owner);
  }

  @Override
  public void await(long nanos) {
    long until = Math.min(nanos, clock.nanoTime() + TICK_NANOS);
    while (!woken.getAndSet(false)) {
      long left = until - clock.nanoTime();
      if (left <= 0) {
        return;
      }
      if (Thread.currentThread().isInterrupted()) {
        throw new LiveFailed("The replay was interrupted.");
      }
      if (left > AWAKE_NANOS) {
        LockSupport.parkNanos(this, left - AWAKE_NANOS);
      } else {
        Thread.onSpinWait();
      }
    }
  }

  // ---- packets ----

  @Override
  public void send(ByteBuf packet, boolean byGuest) {
    (byGuest ? guest : peers).send(packet);
  }

  @Override
  public void receive(Arrived to) {
    for (Station station : stations) {
      station.receive(to, station != peers);
    }
    long now = clock.nanoTime();
    if (now - tickedAt >= TICK_NANOS) {
      tickedAt = now;
      stations.forEach(Station::tick);
    }
  }

  @Override
  public Map<DropReason, Long> drops() {
    Map<DropReason, Long> all = new EnumMap<>(DropReason.class);
    all.putAll(drops);
    long lost = ports.stream().mapToLong(PcapPort::lost).sum();
    if (lost > 0) {
      all.put(DropReason.CAPTURE_OVERRUN, lost);
    }
    return all;
  }

  // ---- the move ----

  @Override
  public void begin(Step step) {
    String command = step == Step.MOVE ? options.onMove() : options.onResume();
    if (command != null) {
      String option = step == Step.MOVE ? "--on-move" : "--on-resume";
      running.add(StepCommand.start(option, command, clock, this::wake));
    }
  }

  @Override
  public boolean isDone() {
    for (StepCommand command : running) {
      if (!command.isDone()) {
        return false;
      }
    }
    running.forEach(StepCommand::close);
    running.clear();
    return true;
  }

  @Override
  public void guestLeaves() {
    guest.present(false);
  }

  @Override
  public void guestReturns() {
    guest = guestAfter;
    guest.present(true);
  }

  @Override
  public void close() {
    running.forEach(StepCommand::close);
    stations.forEach(Station::close);
  }
}
