package dev.holdfast.redirector.hook;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A QEMU without a guest: its monitor on a Unix socket, for one client at a time. */
public final class FakeQmp implements AutoCloseable {
  private static final JsonMapper JSON = JsonMapper.builder().build();
  private static final String GREETING =
      "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 0, \"minor\": 2, \"major\": 7}},"
          + " \"capabilities\": [\"oob\"]}}\n";

  private final Path socket;
  private final ServerSocketChannel server;
  private final List<String> commands = new CopyOnWriteArrayList<>();
  private final Set<String> capabilities = ConcurrentHashMap.newKeySet();
  private final Map<String, String> refusals = new ConcurrentHashMap<>();
  private final Map<String, Consumer<FakeQmp>> reactions = new ConcurrentHashMap<>();
  private volatile String greeting = GREETING;
  private volatile String run = "running";
  private volatile String migration = "";
  private volatile @Nullable SocketChannel client;
  private volatile boolean negotiated;

  public FakeQmp(Path socket) throws IOException {
    this.socket = socket;
    this.server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    server.bind(UnixDomainSocketAddress.of(socket));
    Thread.ofPlatform().name("fake-qmp").daemon().start(this::serve);
  }

  /** Its RunState. */
  public FakeQmp run(String state) {
    run = state;
    return this;
  }

  /** Its MigrationStatus; "" for none. */
  public FakeQmp migration(String status) {
    migration = status;
    return this;
  }

  public FakeQmp capability(String name) {
    capabilities.add(name);
    return this;
  }

  public FakeQmp greeting(String text) {
    greeting = text;
    return this;
  }

  /** Answers a command with an error from now on. */
  public FakeQmp refuse(String command, String description) {
    refusals.put(command, description);
    return this;
  }

  /** Does that after it has answered a command. */
  public FakeQmp after(String command, Consumer<FakeQmp> reaction) {
    reactions.put(command, reaction);
    return this;
  }

  /** The commands that came, in order, without those that only look. */
  public List<String> orders() {
    return commands.stream().filter(each -> !each.startsWith("query-")).toList();
  }

  /** Whether a client has come as far as {@code command}, so often. */
  public boolean saw(String command, int times) {
    return commands.stream().filter(command::equals).count() >= times;
  }

  /** An event at {@code epochNanos}; its run state and migration follow from it. */
  public void event(String name, String status, long epochNanos) {
    switch (name) {
      case "STOP" -> run = "paused";
      case "RESUME" -> run = "running";
      case "MIGRATION" -> migration = status;
      default -> {}
    }
    say(
        "{\"timestamp\": {\"seconds\": %d, \"microseconds\": %d}, \"event\": \"%s\"%s}\n"
            .formatted(
                epochNanos / 1_000_000_000L,
                epochNanos / 1_000 % 1_000_000,
                name,
                status.isEmpty() ? "" : ", \"data\": {\"status\": \"" + status + "\"}"));
  }

  /** Sends anything. */
  public synchronized void say(String text) {
    SocketChannel open = client;
    if (open == null) {
      return;
    }
    try {
      ByteBuffer out = ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
      while (out.hasRemaining()) {
        open.write(out);
      }
    } catch (IOException e) {
      // The client has gone, which its test may want.
    }
  }

  /** Ends the connection; the next client is welcome. */
  public void drop() throws IOException {
    SocketChannel open = client;
    if (open != null) {
      open.close();
    }
  }

  private void serve() {
    try {
      while (true) {
        try (SocketChannel accepted = server.accept()) {
          client = accepted;
          negotiated = false;
          say(greeting);
          var lines =
              new BufferedReader(
                  new InputStreamReader(Channels.newInputStream(accepted), StandardCharsets.UTF_8));
          for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            answer(JSON.readTree(line));
          }
        } catch (IOException e) {
          if (!server.isOpen()) {
            return;
          }
        } finally {
          client = null;
        }
      }
    } catch (RuntimeException e) {
      e.printStackTrace();
    }
  }

  private void answer(JsonNode command) {
    String name = command.path("execute").asString();
    commands.add(name);
    String id = ", \"id\": " + command.path("id") + "}\n";
    String refusal =
        negotiated || name.equals("qmp_capabilities")
            ? refusals.get(name)
            : "Expecting capabilities negotiation with 'qmp_capabilities'";
    if (refusal != null) {
      say("{\"error\": {\"class\": \"GenericError\", \"desc\": \"" + refusal + "\"}" + id);
    } else {
      say("{\"return\": " + value(name, command.path("arguments")) + id);
    }
    Consumer<FakeQmp> reaction = reactions.get(name);
    if (reaction != null) {
      reaction.accept(this);
    }
  }

  private String value(String name, JsonNode arguments) {
    return switch (name) {
      case "qmp_capabilities" -> {
        negotiated = true;
        yield "{}";
      }
      case "query-status" ->
          "{\"status\": \"%s\", \"running\": %s, \"singlestep\": false}"
              .formatted(run, run.equals("running"));
      case "query-migrate" -> migration.isEmpty() ? "{}" : "{\"status\": \"" + migration + "\"}";
      case "migrate-set-capabilities" -> {
        for (JsonNode each : arguments.path("capabilities")) {
          if (each.path("state").asBoolean(false)) {
            capabilities.add(each.path("capability").asString());
          }
        }
        yield "{}";
      }
      case "query-migrate-capabilities" ->
          "[{\"state\": %s, \"capability\": \"events\"}, {\"state\": %s, \"capability\":"
                  .formatted(
                      capabilities.contains("events"),
                      capabilities.contains("pause-before-switchover"))
              + " \"pause-before-switchover\"}]";
      default -> "{}";
    };
  }

  /** QEMU ends: connection and socket go. */
  @Override
  public void close() throws IOException {
    server.close();
    drop();
    Files.deleteIfExists(socket);
  }
}
