package dev.holdfast.redirector.tap;

import dev.holdfast.redirector.capturefile.LinkLayer;
import dev.holdfast.redirector.capturefile.PcapNgWriter;
import dev.holdfast.redirector.path.Tap;
import dev.holdfast.tunnel.encap.TlsFrame;
import dev.holdfast.tunnel.link.FrameType;
import dev.holdfast.tunnel.time.Clock;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.function.Function;

/** Makes pcapng of what a {@link Recording} has copied; one thread of its own. */
final class Recorder implements Feed {
  /** LINKTYPE_USER0: one TLS frame from its length on; {@code conf/wireshark} has a dissector. */
  static final int TLS_FRAMES = 147;

  private static final long POLL_MILLIS = 10;
  private static final long STATISTICS_NANOS = 1_000_000_000L;

  /**
   * After that a word is said where nothing passes: it tells who writes that his reader has gone.
   */
  private static final long SILENCE_NANOS = 10_000_000_000L;

  private static final int BATCH = 512;
  private static final Tap.Place[] PLACES = Tap.Place.values();

  private final String id;
  private final Recording recording;
  private final Ring ring;
  private final Limits limits;
  private final Clock clock;
  private final String program;
  private final String host;
  private final TapRecord record;
  private final CommentText comments;
  private final Consumer<Recorder> detach;
  private final int[] numbers = new int[PLACES.length];
  private final long[] written = new long[PLACES.length];
  private final long[] told = new long[PLACES.length];
  private ByteBuffer packet = ByteBuffer.allocate(2048);
  private long left;
  private volatile boolean ended;

  /**
   * @param program for the file, such as "holdfast 0.1.0"
   * @param host this daemon's name
   * @param names of migrations
   * @param detach takes the recording off the packet path; returns when it is, and may be called
   *     again
   */
  Recorder(
      String id,
      Recording recording,
      Ring ring,
      Limits limits,
      Clock clock,
      String program,
      String host,
      Function<UUID, String> names,
      Consumer<Recorder> detach) {
    this.id = id;
    this.recording = recording;
    this.ring = ring;
    this.limits = limits;
    this.clock = clock;
    this.program = program;
    this.host = host;
    this.record = new TapRecord(ring.bytes());
    this.comments = new CommentText(names);
    this.detach = detach;
    this.left = limits.count();
  }

  Recording recording() {
    return recording;
  }

  @Override
  public String id() {
    return id;
  }

  @Override
  public void end() {
    ended = true;
  }

  @Override
  public void writeTo(OutputStream out) throws IOException {
    try {
      PcapNgWriter writer = new PcapNgWriter(out, program);
      describe(writer);
      write(writer);
    } finally {
      detach.accept(this);
      ring.release();
    }
  }

  private void describe(PcapNgWriter writer) throws IOException {
    Arrays.fill(numbers, -1);
    for (Tap.Place place : recording.selection().places()) {
      numbers[place.ordinal()] =
          writer.describe(
              place.label(),
              place.description() + ", on " + host,
              place.isTls() ? TLS_FRAMES : LinkLayer.RAW,
              limits.snapLength());
    }
    writer.flush();
  }

  private void write(PcapNgWriter writer) throws IOException {
    long began = clock.nanoTime();
    long counted = began;
    long said = began;
    while (left > 0) {
      boolean over = ended || clock.nanoTime() - began >= limits.nanos();
      if (over) {
        detach.accept(this); // from here on nothing is added, and all that is there is written
      }
      boolean empty = drain(writer);
      if (clock.nanoTime() - counted >= STATISTICS_NANOS) {
        counted = clock.nanoTime();
        if (statistics(writer, false)) {
          said = counted;
        } else if (counted - said >= SILENCE_NANOS) {
          said = counted;
          statistics(writer, recording.selection().places().iterator().next());
        }
      }
      writer.flush();
      if (empty && over) {
        break;
      }
      if (empty) {
        sleep();
      }
    }
    statistics(writer, true);
    writer.flush();
  }

  private void sleep() {
    try {
      Thread.sleep(POLL_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      ended = true;
    }
  }

  /** Writes a batch; true where there is no more of it. */
  private boolean drain(PcapNgWriter writer) throws IOException {
    for (int i = 0; i < BATCH && left > 0; i++) {
      int at = ring.next();
      if (at < 0) {
        return true;
      }
      write(writer, record.over(at));
      ring.free();
      left--;
    }
    return false;
  }

  private void write(PcapNgWriter writer, TapRecord from) throws IOException {
    Tap.Place place = from.place();
    FrameType type = from.frameType();
    int header = type == null ? 0 : TlsFrame.HEADER;
    ByteBuffer room = room(header + from.captured());
    room.clear();
    if (type != null) {
      room.putInt(1 + from.length()).put((byte) type.code());
    }
    int captured = Math.min(header + from.captured(), limits.snapLength());
    from.bytes().getBytes(from.dataIndex(), room.limit(header + from.captured()));
    writer.packet(
        numbers[place.ordinal()],
        from.epochNanos(),
        room.flip().limit(captured),
        header + from.length(),
        comments.of(from));
    written[place.ordinal()]++;
  }

  private ByteBuffer room(int length) {
    if (packet.capacity() < length) {
      packet = ByteBuffer.allocate(Math.max(length, 2 * packet.capacity()));
    }
    return packet;
  }

  /** What was received and lost so far, where that has changed; true where it has anywhere. */
  private boolean statistics(PcapNgWriter writer, boolean always) throws IOException {
    boolean changed = false;
    for (Tap.Place place : recording.selection().places()) {
      int at = place.ordinal();
      if (always || written[at] + recording.lost(place) != told[at]) {
        statistics(writer, place);
        changed = true;
      }
    }
    return changed;
  }

  private void statistics(PcapNgWriter writer, Tap.Place place) throws IOException {
    int at = place.ordinal();
    long lost = recording.lost(place);
    told[at] = written[at] + lost;
    writer.statistics(numbers[at], clock.epochNanos(), told[at], lost);
  }
}
