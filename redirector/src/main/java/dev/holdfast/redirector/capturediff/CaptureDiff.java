package dev.holdfast.redirector.capturediff;

import dev.holdfast.redirector.capturefile.CaptureReader;
import dev.holdfast.redirector.capturefile.CapturedPacket;
import dev.holdfast.redirector.capturefile.FlowChoice;
import dev.holdfast.redirector.capturefile.Frame;
import dev.holdfast.redirector.capturefile.LinkLayer;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Compares two captures. For one thread, once. */
public final class CaptureDiff {
  /**
   * What counts.
   *
   * @param ignored fields that do not
   * @param toleranceNanos how much times after the first packet may differ; negative: they do not
   *     count
   * @param streams whether TCP is compared as streams of bytes
   * @param flow the packets that are compared; null for all
   * @param most differences that are kept, at least 1; all are counted
   */
  public record Options(
      IgnoredFields ignored,
      long toleranceNanos,
      boolean streams,
      @Nullable FlowChoice flow,
      int most) {}

  /**
   * What was found.
   *
   * @param packetsA IP packets of the first capture that were compared
   * @param packetsB of the second
   * @param samePackets those found in both with equal fields
   * @param sameStreams directions of TCP connections without a difference, with {@code streams}
   * @param streamBytes bytes of streams that were equal, with {@code streams}
   * @param counts differences by kind
   * @param notCompared frames without an IP packet that could be read, of both captures
   * @param beyond packets or streams that could not wait any longer for their equal
   * @param undecided packets or streams whose equal may be behind the damage of the other capture
   * @param first the first differences, in order
   */
  public record Result(
      long packetsA,
      long packetsB,
      long samePackets,
      long sameStreams,
      long streamBytes,
      Map<String, Long> counts,
      long notCompared,
      long beyond,
      long undecided,
      List<Difference> first) {

    /** Whether no difference was found in what could be compared. */
    public boolean isSame() {
      return counts.isEmpty();
    }
  }

  /** One of the two. */
  private static final class Side {
    final CaptureReader reader;
    final boolean isA;
    long packets;
    long firstNanos;
    boolean isOver;

    Side(CaptureReader reader, boolean isA) {
      this.reader = reader;
      this.isA = isA;
    }
  }

  private final Options options;
  private final Side a;
  private final Side b;
  private final DifferenceLog log;
  private final PacketComparison comparison;
  private final FlowPairs pairs;
  private final StreamPairs streams;
  private final CapturedPacket packet = new CapturedPacket();
  private long notCompared;

  /** Compares what two readers have. */
  public CaptureDiff(CaptureReader a, CaptureReader b, Options options) {
    this(a, b, options, FlowPairs.MOST_BYTES);
  }

  /** The same with another bound for what waits. */
  CaptureDiff(CaptureReader a, CaptureReader b, Options options, long mostBytes) {
    this.options = options;
    this.a = new Side(a, true);
    this.b = new Side(b, false);
    this.log = new DifferenceLog(options.most());
    this.comparison = new PacketComparison(options.ignored());
    this.pairs =
        new FlowPairs(comparison, options.ignored(), options.toleranceNanos(), mostBytes, log);
    this.streams = new StreamPairs(mostBytes, log);
  }

  /**
   * Reads one more frame, of the capture whose packets wait less.
   *
   * @return false when both have been read
   */
  public boolean step() throws IOException {
    if (a.isOver && b.isOver) {
      return false;
    }
    long lead = pairs.lead() + streams.lead();
    boolean readA = !a.isOver && (b.isOver || lead <= 0);
    read(readA ? a : b);
    return true;
  }

  /** Frames that have been read of both. */
  public long frames() {
    return a.reader.frames() + b.reader.frames();
  }

  /** Bytes that have been read of both. */
  public long offset() {
    return a.reader.offset() + b.reader.offset();
  }

  private void read(Side side) throws IOException {
    if (!side.reader.next()) {
      side.isOver = true;
      if (side.reader.problem() != null) {
        pairs.cut(side.isA);
        streams.cut(side.isA);
      }
      return;
    }
    Frame frame = side.reader.frame();
    int at = LinkLayer.ip(frame);
    int before = at - frame.offset();
    boolean isPacket =
        at >= 0
            && packet.lay(
                    frame.array(), at, frame.length() - before, frame.originalLength() - before)
                == CapturedPacket.Shape.SOUND;
    if (!isPacket) {
      notCompared++;
      return;
    }
    if (options.flow() != null && !options.flow().has(packet)) {
      return;
    }
    if (side.packets++ == 0) {
      side.firstNanos = frame.epochNanos();
    }
    compare(side, frame);
  }

  private void compare(Side side, Frame frame) {
    long number = side.reader.frames();
    FlowKey flow = FlowKey.of(packet);
    if (options.streams() && isSegment()) {
      streams.add(packet, flow, number, side.isA);
      return;
    }
    long nanos = frame.epochNanos() - side.firstNanos;
    long same = comparison.same(packet, frame.linkType(), frame.offset());
    SeenPacket awaited = pairs.awaited(flow, side.isA);
    if (awaited != null && awaited.same() == same) {
      pairs.meet(awaited, side.isA, number, nanos);
      return;
    }
    pairs.add(
        SeenPacket.of(frame, packet, number, nanos, flow, same, comparison.like(packet)), side.isA);
  }

  private boolean isSegment() {
    return packet.protocol() == CapturedPacket.TCP && !packet.isFragment() && packet.hasTransport();
  }

  /** Decides about what still waits, and tells what was found. */
  public Result finish() {
    pairs.finish();
    streams.finish();
    Map<String, Long> counts = new TreeMap<>();
    for (Difference.Kind kind : Difference.Kind.values()) {
      if (log.count(kind) > 0) {
        counts.put(kind.label(), log.count(kind));
      }
    }
    return new Result(
        a.packets,
        b.packets,
        pairs.same(),
        streams.same(),
        streams.compared(),
        counts,
        notCompared,
        pairs.beyond() + streams.beyond(),
        pairs.undecided() + streams.undecided(),
        log.first());
  }
}
