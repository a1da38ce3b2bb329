package dev.holdfast.redirector.replay;

import dev.holdfast.redirector.capturefile.CaptureReader;
import dev.holdfast.redirector.capturefile.Frame;
import dev.holdfast.redirector.capturefile.LinkLayer;
import dev.holdfast.tunnel.observe.DropReason;
import dev.holdfast.tunnel.packet.PacketFault;
import dev.holdfast.tunnel.packet.PacketView;
import dev.holdfast.tunnel.packet.VirtioNetHeader;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Plays one capture, from its first packet to the last delivery. */
public final class Replay implements AutoCloseable {
  private static final long STEP_NANOS = 100_000_000L;
  private static final int WATCH_EVERY = 1 << 14;
  private static final byte[] NO_BYTES = {};

  private final ReplayOptions options;
  private final CaptureReader reader;
  private final String file;
  private final VirtualTime time;
  private final Sites sites;
  private final AddressTranslation map;
  private final WaitingBytes memory = new WaitingBytes(WaitingBytes.MOST);
  private final boolean isLive;
  private final Results results;
  private final Connections connections;
  private final Arriving arriving;
  private final PacketView view = new PacketView();
  private final TcpOptions told = new TcpOptions();
  private final Map<String, Long> notReplayed = new TreeMap<>();
  private ByteBuf wrapped = Unpooled.EMPTY_BUFFER;
  private byte[] wrappedArray = NO_BYTES;
  private final long firstEpoch;
  private long lastTime;
  private long replayed;
  private long lateDatagrams;

  /** Is told how far a long replay has come. */
  public interface Watch {
    /**
     * @param packets read so far
     * @param bytes of the file, unpacked
     * @param nanos of the capture's time
     */
    void at(long packets, long bytes, long nanos);
  }

  private Replay(
      CaptureReader reader,
      String file,
      ReplayOptions options,
      Points points,
      @Nullable LivePlay live) {
    this.reader = reader;
    this.file = file;
    this.options = options;
    results = new Results(options.namedFlows());
    firstEpoch = reader.frames() == 0 ? 0 : reader.frame().epochNanos();
    time = new VirtualTime(firstEpoch);
    connections = new Connections(results, time, options.stallNanos());
    arriving = new Arriving(connections, time, this::machines);
    isLive = live != null;
    map = live == null ? AddressTranslation.NONE : live.map();
    sites =
        live == null
            ? new TwoSites(options, time, points, arriving)
            : new LiveSites(
                options.guests().getFirst(), live, time, points, arriving, connections::unwritten);
  }

  private List<Machine> machines() {
    return sites.machines();
  }

  /**
   * Plays a capture.
   *
   * @param reader at its begin
   * @param file for the report
   * @param points is shown what passes
   * @throws IOException when the file cannot be read any more; damage in it is in the report
   */
  public static ReplayReport run(
      CaptureReader reader, String file, ReplayOptions options, Points points, Watch watch)
      throws IOException {
    return run(reader, file, options, points, null, watch);
  }

  /**
   * Plays a capture through a real network. Of the options only the guest, which is one, and what
   * is said of the verdict count.
   *
   * @throws LiveFailed when it cannot go on
   */
  public static ReplayReport live(
      CaptureReader reader,
      String file,
      ReplayOptions options,
      Points points,
      LivePlay live,
      Watch watch)
      throws IOException {
    if (options.guests().size() != 1) {
      throw new IllegalArgumentException("one guest is played live");
    }
    return run(reader, file, options, points, live, watch);
  }

  private static ReplayReport run(
      CaptureReader reader,
      String file,
      ReplayOptions options,
      Points points,
      @Nullable LivePlay live,
      Watch watch)
      throws IOException {
    boolean any = reader.next();
    try (Replay replay = new Replay(reader, file, options, points, live)) {
      return replay.play(any, watch);
    }
  }

  private ReplayReport play(boolean any, Watch watch) throws IOException {
    for (boolean more = any; more; more = reader.next()) {
      Frame frame = reader.frame();
      lastTime = Math.max(lastTime, frame.epochNanos() - firstEpoch);
      sites.passToPacket(reader.frames(), lastTime);
      connections.tidy();
      packet(frame);
      if (reader.frames() % WATCH_EVERY == 0) {
        watch.at(reader.frames(), reader.offset(), lastTime);
      }
    }
    settle();
    return report();
  }

  /** What is on its way arrives, and what was lost is sent again. */
  private void settle() {
    connections.captureEnded();
    long longestPause = options.guests().stream().mapToLong(GuestPlan::pauseNanos).max().orElse(0);
    long step = isLive ? STEP_NANOS : Math.max(STEP_NANOS, longestPause / 1_000);
    while (sites.isMoving()) { // the pause may be longer than the capture
      sites.passTo(time.nanoTime() + step);
    }
    long end = time.nanoTime() + options.settleNanos();
    List<TcpConnection> left = connections.undelivered();
    while (time.nanoTime() < end
        && (lateDatagrams > 0 || !(left.isEmpty() && connections.areDatagramsDelivered()))) {
      sites.passTo(Math.min(end, time.nanoTime() + STEP_NANOS));
      left.removeIf(connection -> connection.isDelivered() || connection.isGivenUp());
    }
    connections.endAll();
  }

  private void packet(Frame frame) {
    int at = LinkLayer.ip(frame);
    if (at < 0) {
      leaveOut(
          switch (at) {
            case LinkLayer.NOT_IP -> "no IP packet";
            case LinkLayer.CUT_OFF -> "it ends within its link-layer header";
            default -> "link type " + frame.linkType() + " is not known here";
          });
      return;
    }
    int captured = frame.offset() + frame.length() - at;
    int original = Math.max(captured, frame.originalLength() - (at - frame.offset()));
    int length = LinkLayer.packetLength(frame.array(), at, captured, original);
    ByteBuf buf = wrapped(frame.array());
    if (length > 0 && length <= 65_535) {
      writeLength(buf, at, length);
    }
    int there = Math.min(captured, length);
    PacketFault fault =
        there < length ? view.checkHeaders(buf, at, there) : view.check(buf, at, there);
    if (fault != PacketFault.NONE) {
      leaveOut("malformed: " + fault.name().toLowerCase(Locale.ROOT).replace('_', ' '));
      return;
    }
    if (isLive) {
      if (there >= length) {
        AddressTranslation.complete(view);
      }
      map.apply(view);
    }
    Machine from = Players.from(machines(), view);
    Machine to = Players.to(machines(), view);
    if (from == null && to == null) {
      leaveOut("neither from nor to an old address");
      return;
    }
    if (from == to) {
      leaveOut("from a guest to itself");
      return;
    }
    boolean fromGuest = from != null && (to == null || from.number < to.number);
    if (view.isTcp() && !view.isFragment()) {
      tcp(from, to, fromGuest, there);
    } else {
      datagram(from, to, fromGuest, there);
    }
  }

  /** A super-packet that was too long for the field, or was captured before it was filled in. */
  private void writeLength(ByteBuf buf, int at, int length) {
    if (buf.getByte(at) >> 4 == 4 && buf.getShort(at + 2) == 0) {
      buf.setShort(at + 2, length);
    }
  }

  private ByteBuf wrapped(byte[] array) {
    if (array != wrappedArray) {
      wrappedArray = array;
      wrapped = Unpooled.wrappedBuffer(array);
    }
    return wrapped;
  }

  private void tcp(@Nullable Machine from, @Nullable Machine to, boolean fromGuest, int there) {
    told.read(view);
    TcpConnection connection = connections.tcp(view, fromGuest);
    if (connection == null || connection.isReplacedBy(view, fromGuest)) {
      if (connection == null && (view.tcpFlags() & PacketView.RST) != 0) {
        leaveOut("a reset of a connection that is not in the capture");
        return;
      }
      Machine guest = fromGuest ? from : to;
      if (guest == null) {
        return;
      }
      connection =
          new TcpConnection(
              view,
              fromGuest,
              reader.frames(),
              guest,
              fromGuest ? to : from,
              sites,
              time,
              memory,
              connections::judge);
      connections.add(view, fromGuest, connection);
    }
    replayed++;
    connection.captured(view, told, there, fromGuest);
  }

  private void datagram(
      @Nullable Machine from, @Nullable Machine to, boolean fromGuest, int there) {
    if (there < view.length()) {
      leaveOut("cut off by the capture, and no TCP");
      return;
    }
    if (view.isIcmp() && !FlowId.isEcho(view)) {
      leaveOut("ICMP about something else: whom it concerns makes its own here");
      return;
    }
    if (view.destination().isMulticast()) {
      leaveOut("to a group");
      return;
    }
    Machine guest = fromGuest ? from : to;
    if (guest == null) {
      return;
    }
    DatagramFlow flow = connections.datagrams(view, fromGuest);
    if (flow == null) {
      Machine other = fromGuest ? to : from;
      flow = new DatagramFlow(view, fromGuest, reader.frames(), guest, other, time.nanoTime());
      connections.add(view, fromGuest, flow);
    }
    replayed++;
    ByteBuf packet =
        PooledByteBufAllocator.DEFAULT.directBuffer(VirtioNetHeader.LENGTH + view.length());
    packet.writeZero(VirtioNetHeader.LENGTH);
    packet.writeBytes(view.buffer(), view.start(), view.length());
    if (from == null) {
      flow.sent(packet, VirtioNetHeader.LENGTH, view.length(), fromGuest, time.nanoTime());
      sites.fromPeer(packet, guest);
    } else {
      DatagramFlow of = flow;
      // what a paused guest would have sent in its pause and since, it sends later by the pause
      long late = from.place() == Machine.Place.OLD_HOST ? 0 : from.plan.pauseNanos();
      Runnable sending =
          () -> {
            int length = packet.readableBytes() - VirtioNetHeader.LENGTH;
            of.sent(packet, VirtioNetHeader.LENGTH, length, fromGuest, time.nanoTime());
            sites.fromMachine(packet, from, to);
          };
      if (late == 0) {
        sending.run();
      } else {
        lateDatagrams++;
        time.after(
            late,
            () -> {
              lateDatagrams--;
              from.whenRunning(sending);
            });
      }
    }
  }

  private void leaveOut(String why) {
    notReplayed.merge(why, 1L, Long::sum);
  }

  // ---- the report ----

  private ReplayReport report() {
    CaptureReader.Problem problem = reader.problem();
    Map<String, Map<String, Long>> dropped = new LinkedHashMap<>();
    sites
        .drops()
        .forEach((host, reasons) -> {
          Map<String, Long> named = new TreeMap<>();
          for (Map.Entry<DropReason, Long> entry : reasons.entrySet()) {
            named.put(label(entry.getKey()), entry.getValue());
          }
          dropped.put(host, named);
        });
    Map<String, Long> atEnds = new TreeMap<>();
    tell(atEnds, "of-nothing-that-was-sent", arriving.strays());
    tell(atEnds, "malformed", arriving.malformed());
    tell(atEnds, "judged-early-for-lack-of-room", connections.givenUp());
    if (!atEnds.isEmpty()) {
      dropped.put("ends", atEnds);
    }
    List<ReplayReport.Guest> guests = new ArrayList<>();
    for (Machine machine : machines()) {
      guests.add(
          new ReplayReport.Guest(
              machine.olds().stream().map(Object::toString).toList(),
              sinceBegin(machine.pausedAt()),
              sinceBegin(machine.resumedAt())));
    }
    return new ReplayReport(
        file,
        reader.description(),
        reader.frames(),
        replayed,
        notReplayed,
        problem == null ? null : problem.text(),
        reader.backwards(),
        lastTime,
        guests,
        sites.carriage(),
        sites.held(),
        sites.staged(),
        sites.tunnelled(true),
        sites.tunnelled(false),
        dropped,
        sites.lost(),
        results.verdicts(),
        results.recovery(),
        results.totals(),
        results.flows(),
        results.leftOut(),
        null,
        sites.lateness());
  }

  private static void tell(Map<String, Long> counts, String what, long count) {
    if (count > 0) {
      counts.put(what, count);
    }
  }

  private static String label(DropReason reason) {
    return reason.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  private static long sinceBegin(long nanos) {
    return nanos == Machine.NOT_YET ? -1 : nanos - VirtualTime.BEGIN;
  }

  @Override
  public void close() {
    sites.close();
    arriving.close();
  }
}
