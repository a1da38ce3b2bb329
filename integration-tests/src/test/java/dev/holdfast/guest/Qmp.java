package dev.holdfast.guest;

import java.io.BufferedReader;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A test's connection to QEMU's monitor (QMP specification). It is not the one that the product
 * has: two ends of our own could be wrong alike.
 */
public final class Qmp implements AutoCloseable {
  private static final JsonMapper JSON = JsonMapper.shared();
  private static final Duration START = Duration.ofSeconds(30);
  private static final Duration ANSWER = Duration.ofSeconds(30);

  /**
   * An event.
   *
   * @param name such as STOP, MIGRATION
   * @param nanos when it was read, by {@link System#nanoTime}
   * @param data its data; missing where it has none
   */
  public record Event(String name, long nanos, JsonNode data) {
    /** {@code MIGRATION active}. */
    @Override
    public String toString() {
      String status = data.path("status").asString("");
      return status.isEmpty() ? name : name + " " + status;
    }
  }

  private final SocketChannel channel;
  private final BlockingQueue<JsonNode> answers = new LinkedBlockingQueue<>();
  private final List<Event> events = new ArrayList<>();
  private boolean ended;

  private Qmp(SocketChannel channel) {
    this.channel = channel;
    Thread reader = new Thread(this::read, "qmp of the test");
    reader.setDaemon(true);
    reader.start();
  }

  /** Connects as soon as the socket is there. */
  static Qmp connect(Path socket, BooleanSupplier lives) throws IOException, InterruptedException {
    long deadline = System.nanoTime() + START.toNanos();
    while (true) {
      SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX);
      try {
        channel.connect(UnixDomainSocketAddress.of(socket));
        var qmp = new Qmp(channel);
        var greeting = qmp.answer("greet");
        if (!greeting.has("QMP")) {
          throw new IOException("no greeting of QEMU: " + greeting);
        }
        qmp.execute("qmp_capabilities");
        return qmp;
      } catch (IOException e) {
        channel.close();
        if (!lives.getAsBoolean() || System.nanoTime() > deadline) {
          throw e;
        }
        Thread.sleep(10);
      }
    }
  }

  private void read() {
    try (var in =
        new BufferedReader(
            new InputStreamReader(Channels.newInputStream(channel), StandardCharsets.UTF_8))) {
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        long now = System.nanoTime();
        JsonNode json = JSON.readTree(line);
        if (json.has("event")) {
          add(new Event(json.path("event").asString(""), now, json.path("data")));
        } else {
          answers.add(json);
        }
      }
    } catch (IOException e) {
      // QEMU has ended, or the test
    }
    end();
  }

  private synchronized void add(Event event) {
    events.add(event);
    notifyAll();
  }

  private synchronized void end() {
    ended = true;
    notifyAll();
    answers.add(JSON.missingNode());
  }

  private JsonNode answer(String to) throws IOException, InterruptedException {
    JsonNode answer = answers.poll(ANSWER.toSeconds(), TimeUnit.SECONDS);
    if (answer == null) {
      throw new IOException("QEMU does not answer: " + to);
    }
    if (answer.isMissingNode()) {
      throw new EOFException("QEMU has ended and did not answer: " + to);
    }
    return answer;
  }

  /** Executes a command without arguments. */
  public JsonNode execute(String command) throws IOException, InterruptedException {
    return execute(command, Map.of());
  }

  /**
   * Executes a command; gives what it returns.
   *
   * @throws IOException with QEMU's own words when it refuses
   */
  public JsonNode execute(String command, Map<String, ?> arguments)
      throws IOException, InterruptedException {
    Map<String, Object> request = new LinkedHashMap<>();
    request.put("execute", command);
    if (!arguments.isEmpty()) {
      request.put("arguments", arguments);
    }
    ByteBuffer bytes =
        ByteBuffer.wrap((JSON.writeValueAsString(request) + "\n").getBytes(StandardCharsets.UTF_8));
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
    JsonNode answer = answer(command);
    if (answer.has("error")) {
      throw new IOException(
          "QEMU refuses " + request + ": " + answer.path("error").path("desc").asString(""));
    }
    return answer.path("return");
  }

  /** Switches capabilities of a migration on; others stay as they are. */
  public void switchOn(List<String> capabilities) throws IOException, InterruptedException {
    List<Map<String, Object>> wanted =
        capabilities.stream()
            .map(name -> Map.<String, Object>of("capability", name, "state", true))
            .toList();
    execute("migrate-set-capabilities", Map.of("capabilities", wanted));
  }

  /** How many events there were so far: a place from which to wait on. */
  public synchronized int mark() {
    return events.size();
  }

  /**
   * Waits for an event after a mark.
   *
   * @param name as {@link Event#toString} has it
   * @throws IOException with all events when it does not come
   */
  public Event await(String name, int after, Duration limit)
      throws IOException, InterruptedException {
    return await(name, event -> event.toString().equals(name), after, limit);
  }

  /** Waits for one of a kind. */
  public synchronized Event await(String what, Predicate<Event> wanted, int after, Duration limit)
      throws IOException, InterruptedException {
    long deadline = System.nanoTime() + limit.toNanos();
    int looked = after;
    while (true) {
      for (; looked < events.size(); looked++) {
        if (wanted.test(events.get(looked))) {
          return events.get(looked);
        }
      }
      long millis = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
      if (ended || millis <= 0) {
        throw new IOException(
            "no %s%s; there were %s"
                .formatted(
                    what,
                    ended ? ", and QEMU has ended" : " within " + limit.toSeconds() + " s",
                    events));
      }
      wait(millis);
    }
  }

  /** All so far. */
  public synchronized List<Event> events() {
    return List.copyOf(events);
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
