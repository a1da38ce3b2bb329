package dev.holdfast.redirector.capture;

import dev.holdfast.tunnel.device.PacketDevice;
import dev.holdfast.tunnel.observe.DropCounters;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.time.Clock;
import io.netty.buffer.ByteBuf;
import io.netty.channel.IoEventLoop;
import java.io.IOException;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;

/**
 * One interface on which frames are captured and sent, for as many migrations as use it.
 *
 * <p>What is captured may be changed by any thread but the data loop's; what is known of neighbours
 * belongs to the data loop.
 */
public final class LanPort implements AutoCloseable {

  private final LanInterface lan;
  private final FrameTap tap;
  private final LanSocket socket;
  private final LanDevice device;
  private final CaptureFilter filter;

  private LanPort(
      LanInterface lan, FrameTap tap, LanSocket socket, LanDevice device, CaptureFilter filter) {
    this.lan = lan;
    this.tap = tap;
    this.socket = socket;
    this.device = device;
    this.filter = filter;
  }

  /** What two descriptors of one interface give. */
  private record Frames(FrameTap tap, LanSocket socket) implements FrameSource {
    @Override
    public byte @Nullable [] poll() {
      return tap.poll();
    }

    @Override
    public int pollLongUdp(ByteBuf into) {
      return socket.receive(into);
    }

    @Override
    public long lost() {
      return tap.lost() + socket.skipped();
    }
  }

  /**
   * Makes ready for the first frame, where there is time for it: some tens of milliseconds.
   *
   * @throws IOException when there is no libpcap, or no privilege
   */
  public static void rehearse(Clock clock) throws IOException {
    TapRehearsal.play(clock);
  }

  /**
   * Opens the interface; nothing is captured yet.
   *
   * @param loop the data loop, where {@code onFrames} is called when there may be something to
   *     read, again and again while there is
   * @param drops of the data loop
   * @throws IOException when there is no such interface, or no libpcap, or no privilege
   */
  public static LanPort open(
      LanInterface lan, Clock clock, DropCounters drops, IoEventLoop loop, Runnable onFrames)
      throws IOException {
    LanSocket socket = LanSocket.open(lan, loop, clock, onFrames);
    try {
      FrameTap tap = FrameTap.open(lan.name(), clock, loop, onFrames);
      var filter = new CaptureFilter();
      var device = new LanDevice(lan, new Frames(tap, socket), filter::wants, socket, clock, drops);
      return new LanPort(lan, tap, socket, device, filter);
    } catch (IOException | RuntimeException e) {
      socket.close();
      throw e;
    }
  }

  /** Where the packets of its migrations come from and go to. */
  public PacketDevice device() {
    return device;
  }

  public LanInterface lan() {
    return lan;
  }

  /**
   * How a hop is taken here: none where {@code keep}; who must go no further is told to {@code
   * onSpent}, on the data loop. Before anything is captured.
   */
  public void hops(boolean keep, Consumer<PacketView> onSpent) {
    device.hops(keep, onSpent);
  }

  /**
   * To how many bytes TCP of a packet's migration is cut that was captured as a super-packet: what
   * its tunnel carries whole at that moment. Before anything is captured.
   */
  public void cutTo(ToIntFunction<PacketView> innerMtu) {
    device.cutTo(innerMtu);
  }

  /** The guest is on this LAN, now or when it is back. Data loop only. */
  public void pin(List<IpAddress> olds, MacAddress guest) {
    olds.forEach(old -> device.pin(old, guest));
  }

  /** Data loop only. */
  public void unpin(List<IpAddress> olds) {
    olds.forEach(device::unpin);
  }

  /** From when this returns, what is for {@code olds} is captured. */
  public synchronized void capture(String migration, List<IpAddress> olds) throws IOException {
    filter.capture(migration, olds);
    apply();
  }

  /** What neighbours still send to this host's MAC is captured, and no more. */
  public synchronized void captureStrays(String migration, List<IpAddress> olds)
      throws IOException {
    filter.captureStrays(migration, olds, lan.mac());
    apply();
  }

  /** What {@code guest} sends from {@code olds} is captured. */
  public synchronized void captureAnswers(String migration, List<IpAddress> olds, MacAddress guest)
      throws IOException {
    filter.answers(migration, olds, guest);
    apply();
  }

  public synchronized void captureNothing(String migration) throws IOException {
    filter.nothing(migration);
    apply();
  }

  private void apply() throws IOException {
    tap.filter(filter.toString());
    filter.publish();
  }

  /** Ends the capture; {@link #free} is the data loop's. */
  @Override
  public void close() {
    tap.close();
  }

  /** Closes the device. Data loop only. */
  public void free() {
    device.close();
    socket.close();
  }
}
