package dev.holdfast.redirector.control;

import dev.holdfast.redirector.migration.CaptureRequest;
import dev.holdfast.redirector.migration.ExplainRequest;
import dev.holdfast.redirector.migration.Explanation;
import dev.holdfast.redirector.migration.FlowView;
import dev.holdfast.redirector.migration.HostStatus;
import dev.holdfast.redirector.migration.MigrationPlan;
import dev.holdfast.redirector.migration.MigrationRequest;
import dev.holdfast.redirector.migration.MigrationView;
import dev.holdfast.redirector.migration.RequestRefused;
import java.io.IOException;
import java.net.ConnectException;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;

/**
 * Asks a running daemon, over its control socket. Each method blocks until the answer is there.
 *
 * <p>Every method throws {@link DaemonNotRunning} when nobody answers on the socket, another {@link
 * IOException} with a sentence when the connection broke, and {@link RequestRefused} with the
 * daemon's own words when it refused.
 *
 * <p>It needs nothing but the JDK and the JSON library: a command that asks one question must start
 * quickly.
 */
public final class ControlClient implements AutoCloseable {
  private static final Duration ANSWER_WITHIN = Duration.ofMinutes(2); // arm probes the remote host

  private final Path socket;
  private final boolean keepsOpen;
  private @Nullable UnixConnection open;

  public ControlClient(Path socket) {
    this(socket, false);
  }

  private ControlClient(Path socket, boolean keepsOpen) {
    this.socket = socket;
    this.keepsOpen = keepsOpen;
  }

  /**
   * One that stays connected between requests, for who must be quick: a request is one round trip.
   * The daemon ends a connection that says nothing for 30 s, and it may be restarted; then the
   * request is made once more on a new one, so only ask for what may be asked for twice. For one
   * thread.
   */
  public static ControlClient keepingOpen(Path socket) {
    return new ControlClient(socket, true);
  }

  public Path socket() {
    return socket;
  }

  public HostStatus status() throws IOException, RequestRefused {
    return ask("GET", "/v1/status", null, HostStatus.class);
  }

  /** Newest first. */
  public List<MigrationView> list() throws IOException, RequestRefused {
    return ask("GET", "/v1/migrations", null, MigrationList.class).migrations();
  }

  public MigrationView show(String id) throws IOException, RequestRefused {
    return ask("GET", "/v1/migrations/" + encode(id), null, MigrationView.class);
  }

  public MigrationPlan plan(MigrationRequest request) throws IOException, RequestRefused {
    return ask("POST", "/v1/migrations/plan", request, MigrationPlan.class);
  }

  public MigrationView arm(MigrationRequest request) throws IOException, RequestRefused {
    return ask("POST", "/v1/migrations", request, MigrationView.class);
  }

  public MigrationView hold(String id) throws IOException, RequestRefused {
    return act(id, "hold");
  }

  public MigrationView holdToReturn(String id) throws IOException, RequestRefused {
    return act(id, "hold?to-return=true");
  }

  public MigrationView release(String id) throws IOException, RequestRefused {
    return act(id, "release");
  }

  public MigrationView rollback(String id, boolean force) throws IOException, RequestRefused {
    return act(id, force ? "rollback?force=true" : "rollback");
  }

  public MigrationView unmap(String id, boolean force) throws IOException, RequestRefused {
    return act(id, force ? "unmap?force=true" : "unmap");
  }

  public MigrationView finish(String id, boolean force) throws IOException, RequestRefused {
    return act(id, force ? "finish?force=true" : "finish");
  }

  /**
   * @param id of one migration, or null for all
   */
  public List<FlowView> flows(@Nullable String id, boolean remaining)
      throws IOException, RequestRefused {
    String target = "/v1/flows?remaining=" + remaining;
    if (id != null) {
      target += "&migration=" + encode(id);
    }
    return ask("GET", target, null, FlowList.class).flows();
  }

  /** What would become of a packet now, and why. */
  public Explanation explain(ExplainRequest request) throws IOException, RequestRefused {
    return ask("POST", "/v1/explain", request, Explanation.class);
  }

  /** Begins a capture; what passes from when this returns is in it. */
  public CaptureStream capture(CaptureRequest request) throws IOException, RequestRefused {
    byte[] body = Json.line(request).getBytes(StandardCharsets.UTF_8);
    HttpExchange exchange = anew("POST", "/v1/captures", body, null);
    if (exchange.status() != 200) {
      try (exchange) {
        throw refusal(exchange);
      }
    }
    return new CaptureStream(exchange);
  }

  /** Ends a capture: its stream goes on to its end. */
  public void endCapture(String id) throws IOException, RequestRefused {
    ask("DELETE", "/v1/captures/" + encode(id), null, CaptureEnded.class);
  }

  /** Follows the daemon's events; when this returns, none is missed from there on. */
  public EventStream events() throws IOException, RequestRefused {
    HttpExchange exchange = anew("GET", "/v1/events", null, null);
    if (exchange.status() != 200) {
      try (exchange) {
        throw refusal(exchange);
      }
    }
    return new EventStream(exchange);
  }

  private MigrationView act(String id, String verb) throws IOException, RequestRefused {
    return ask("POST", "/v1/migrations/" + encode(id) + "/" + verb, null, MigrationView.class);
  }

  private <T> T ask(String method, String target, @Nullable Object body, Class<T> answer)
      throws IOException, RequestRefused {
    try (HttpExchange exchange = begin(method, target, body)) {
      if (exchange.status() / 100 != 2) {
        throw refusal(exchange);
      }
      return Json.read(exchange.body(), answer);
    } catch (JacksonException e) {
      throw new IOException(
          "The daemon's answer is not understood; are it and this program of the same version? ("
              + e.getOriginalMessage()
              + ")",
          e);
    } catch (SocketTimeoutException e) {
      throw new IOException(
          "The daemon on "
              + socket
              + " has not answered within "
              + ANSWER_WITHIN.toSeconds()
              + " s.",
          e);
    }
  }

  private HttpExchange begin(String method, String target, @Nullable Object body)
      throws IOException {
    byte[] bytes =
        body != null
            ? Json.line(body).getBytes(StandardCharsets.UTF_8)
            : method.equals("POST") ? new byte[0] : null;
    if (!keepsOpen) {
      return anew(method, target, bytes, null);
    }
    UnixConnection kept = open;
    open = null;
    if (kept != null) {
      try {
        return HttpExchange.begin(kept, method, target, bytes, ANSWER_WITHIN, free -> open = free);
      } catch (SocketTimeoutException e) {
        throw e;
      } catch (IOException stale) {
        // Its other end was closed while nothing was asked.
      }
    }
    return anew(method, target, bytes, free -> open = free);
  }

  private HttpExchange anew(
      String method,
      String target,
      byte @Nullable [] body,
      @Nullable Consumer<UnixConnection> keeper)
      throws IOException {
    try {
      return HttpExchange.begin(
          UnixConnection.open(socket), method, target, body, ANSWER_WITHIN, keeper);
    } catch (ConnectException e) {
      throw new DaemonNotRunning(
          socket, "No holdfast daemon is running: nobody answers on SOCKET.", e);
    } catch (SocketException e) {
      if (!Files.exists(socket)) {
        throw new DaemonNotRunning(socket, "No holdfast daemon is running: there is no SOCKET.", e);
      }
      throw new DaemonNotRunning(
          socket,
          "The daemon's socket SOCKET cannot be opened ("
              + e.getMessage()
              + "): use root, or the group holdfast.",
          e);
    }
  }

  private static RequestRefused refusal(HttpExchange exchange) throws IOException {
    byte[] body = exchange.body();
    try {
      return Json.read(body, ErrorBody.class).toException();
    } catch (JacksonException e) {
      throw new IOException("The daemon answered with HTTP status " + exchange.status() + ".", e);
    }
  }

  private static String encode(String segment) {
    return URLEncoder.encode(segment, StandardCharsets.UTF_8).replace("+", "%20");
  }

  /** Ends a connection that is kept open; asking again opens another. */
  @Override
  public void close() throws IOException {
    UnixConnection kept = open;
    open = null;
    if (kept != null) {
      kept.close();
    }
  }
}
