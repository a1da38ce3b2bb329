package dev.holdfast.redirector.hook;

import dev.holdfast.tunnel.time.Clock;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.ConnectException;
import java.net.SocketException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A connection to QEMU's monitor: JSON objects, one a line, over a Unix socket (QMP specification,
 * sections 2.2 to 2.5).
 *
 * <p>A thread reads lines into a bounded queue; when nobody takes them, QEMU has to wait. Lines
 * that are longer than 1 MiB, or no JSON, are passed over and counted. For one caller's thread.
 */
final class QmpMonitor implements AutoCloseable {
  private static final int LONGEST_LINE = 1 << 20;
  private static final int LINES_AHEAD = 1024;
  private static final Duration ANSWER_WITHIN = Duration.ofSeconds(10);
  private static final JsonMapper JSON = JsonMapper.builder().build();
  private static final JsonNode UNREADABLE = JSON.missingNode();

  private final Path socket;
  private final Clock clock;
  private final SocketChannel channel;
  private final BlockingQueue<Line> lines = new ArrayBlockingQueue<>(LINES_AHEAD);
  private final Deque<QmpEvent> events = new ArrayDeque<>();
  private long commands;
  private long unreadable;

  /**
   * What the reader has read.
   *
   * @param json missing where it was unreadable; null for the end of the connection
   */
  private record Line(@Nullable JsonNode json, String end) {}

  private QmpMonitor(Path socket, Clock clock, SocketChannel channel) {
    this.socket = socket;
    this.clock = clock;
    this.channel = channel;
  }

  /**
   * Connects and negotiates: greeting, then {@code qmp_capabilities}.
   *
   * @param within how long QEMU may take for its greeting
   * @throws IOException with a sentence, when nobody answers, or nobody who speaks QMP
   */
  static QmpMonitor open(Path socket, Clock clock, Duration within) throws IOException {
    SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX);
    QmpMonitor monitor = new QmpMonitor(socket, clock, channel);
    try {
      connect(socket, channel);
      Thread.ofPlatform().name("qmp").daemon().start(monitor::read);
      monitor.greet(within);
      return monitor;
    } catch (QmpRefused e) {
      monitor.close();
      throw new IOException("QEMU on " + socket + " refuses " + e.getMessage() + ".", e);
    } catch (IOException | RuntimeException e) {
      monitor.close();
      throw e;
    }
  }

  private static void connect(Path socket, SocketChannel channel) throws IOException {
    try {
      boolean unused = channel.connect(UnixDomainSocketAddress.of(socket));
    } catch (ConnectException e) {
      throw new NotThere("No QEMU answers on " + socket + ".", e);
    } catch (SocketException e) {
      if (Files.notExists(socket)) {
        throw new NotThere("There is no QMP socket " + socket + ".", e);
      }
      throw new IOException("The QMP socket " + socket + " cannot be opened: " + e.getMessage(), e);
    }
  }

  /** Nobody listens there: not yet, or not any more. The message is a sentence. */
  static final class NotThere extends IOException {
    private static final long serialVersionUID = 1L;

    NotThere(String message, Throwable cause) {
      super(message, cause);
    }
  }

  private void greet(Duration within) throws IOException, QmpRefused {
    Line first = take(within);
    if (first == null) {
      throw new IOException(
          "QEMU does not greet on "
              + socket
              + ": a monitor serves one program at a time, and another has this one. Give QEMU a"
              + " second one: -qmp unix:PATH,server=on,wait=off");
    }
    if (first.json == null || !first.json.has("QMP")) {
      throw new IOException("What answers on " + socket + " is no QMP monitor of QEMU.");
    }
    JsonNode unused = command("qmp_capabilities", Map.of());
  }

  /**
   * Asks QEMU. Events that come before the answer are kept for {@link #next}.
   *
   * @return what the answer's {@code return} has
   * @throws QmpRefused with QEMU's own words
   * @throws IOException when the connection is lost, or there is no answer within 10 s
   */
  JsonNode command(String name, Map<String, ?> arguments) throws IOException, QmpRefused {
    String id = "holdfast-" + ++commands;
    Map<String, Object> command = new LinkedHashMap<>();
    command.put("execute", name);
    if (!arguments.isEmpty()) {
      command.put("arguments", arguments);
    }
    command.put("id", id);
    write(JSON.writeValueAsString(command) + "\n");
    long deadline = clock.nanoTime() + ANSWER_WITHIN.toNanos();
    while (true) {
      Line line = take(Duration.ofNanos(Math.max(0, deadline - clock.nanoTime())));
      if (line == null) {
        throw new IOException("QEMU on " + socket + " has not answered " + name + " within 10 s.");
      }
      JsonNode json = whole(line);
      if (json.has("event")) {
        events.add(QmpEvent.of(json));
      } else if (json.path("id").asString("").equals(id)) {
        if (json.has("error")) {
          throw new QmpRefused(name, json.path("error").path("desc").asString("no reason given"));
        }
        return json.path("return");
      }
    }
  }

  /**
   * The next event.
   *
   * @return null when none came within that time
   * @throws IOException when QEMU has gone
   */
  @Nullable QmpEvent next(Duration within) throws IOException {
    long deadline = clock.nanoTime() + within.toNanos();
    while (events.isEmpty()) {
      Line line = take(Duration.ofNanos(Math.max(0, deadline - clock.nanoTime())));
      if (line == null) {
        return null;
      }
      JsonNode json = whole(line);
      if (json.has("event")) {
        events.add(QmpEvent.of(json));
      }
    }
    return events.removeFirst();
  }

  /** Whether QEMU has said something that nobody has heard yet. */
  boolean hasNews() {
    return !events.isEmpty() || !lines.isEmpty();
  }

  /** Lines that were passed over: too long, or no JSON object. */
  long unreadable() {
    return unreadable;
  }

  private JsonNode whole(Line line) throws EOFException {
    if (line.json == null) {
      lines.clear();
      lines.add(line); // whoever asks next hears it, too
      throw new EOFException("QEMU has closed " + socket + line.end + ".");
    }
    unreadable += line.json.isMissingNode() ? 1 : 0;
    return line.json;
  }

  private @Nullable Line take(Duration within) throws IOException {
    try {
      return lines.poll(within.toNanos(), TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted");
    }
  }

  private void write(String text) throws IOException {
    ByteBuffer out = ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
    try {
      while (out.hasRemaining()) {
        channel.write(out);
      }
    } catch (IOException e) {
      throw new EOFException("QEMU has closed " + socket + " (" + e.getMessage() + ").");
    }
  }

  /** The reader's thread. */
  private void read() {
    String end = "";
    try {
      ByteBuffer in = ByteBuffer.allocate(16 << 10);
      var line = new ByteArrayOutputStream();
      boolean tooLong = false;
      while (channel.read(in.clear()) >= 0) {
        in.flip();
        while (in.hasRemaining()) {
          byte next = in.get();
          if (next != '\n') {
            tooLong |= line.size() >= LONGEST_LINE;
            if (!tooLong) {
              line.write(next);
            }
            continue;
          }
          if (tooLong || !line.toString(StandardCharsets.UTF_8).isBlank()) {
            lines.put(new Line(tooLong ? UNREADABLE : parse(line.toByteArray()), ""));
          }
          line.reset();
          tooLong = false;
        }
      }
    } catch (IOException e) {
      end = " (" + e.getMessage() + ")";
    } catch (InterruptedException e) {
      return;
    }
    try {
      lines.put(new Line(null, end));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static JsonNode parse(byte[] line) {
    try {
      JsonNode json = JSON.readTree(line);
      return json.isObject() ? json : UNREADABLE;
    } catch (JacksonException e) {
      return UNREADABLE;
    }
  }

  @Override
  public void close() throws IOException {
    channel.close();
    lines.clear(); // a reader that waits for room goes on to its end
  }
}
