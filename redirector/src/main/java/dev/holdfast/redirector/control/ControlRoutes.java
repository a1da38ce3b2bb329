package dev.holdfast.redirector.control;

import dev.holdfast.redirector.migration.CaptureRequest;
import dev.holdfast.redirector.migration.ExplainRequest;
import dev.holdfast.redirector.migration.MigrationRequest;
import dev.holdfast.redirector.migration.MigrationService;
import dev.holdfast.redirector.migration.RequestRefused;
import dev.holdfast.redirector.migration.RequestRefused.Kind;
import dev.holdfast.redirector.tap.Feed;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.exc.UnrecognizedPropertyException;

/** Which request asks the service for what. Knows nothing of sockets; calls may block. */
final class ControlRoutes {
  private static final Logger log = LoggerFactory.getLogger(ControlRoutes.class);

  private final MigrationService service;

  ControlRoutes(MigrationService service) {
    this.service = service;
  }

  /**
   * A request, without its HTTP.
   *
   * @param path decoded segments: {@code /v1/migrations/web1} is v1, migrations, web1
   */
  record Ask(String method, List<String> path, Map<String, List<String>> query, byte[] body) {}

  /**
   * An answer, without its HTTP.
   *
   * @param body a record
   * @param allow the methods that the path knows; empty unless the status is 405
   */
  record Answer(int status, Object body, String allow) {
    Answer(int status, Object body) {
      this(status, body, "");
    }

    static Answer refusal(RequestRefused refused) {
      return new Answer(
          statusOf(refused.kind()),
          ErrorBody.of(refused.kind(), String.valueOf(refused.getMessage()), refused.checks()));
    }

    static Answer error(int status, Kind kind, String message) {
      return new Answer(status, ErrorBody.of(kind, message));
    }
  }

  static int statusOf(Kind kind) {
    return switch (kind) {
      case INVALID -> 400;
      case UNKNOWN -> 404;
      case CONFLICT, REFUSED -> 409;
      case FAILED -> 500;
    };
  }

  Answer answer(Ask ask) {
    return answer(ask, this::route);
  }

  /** What may refuse. */
  private interface Way {
    Answer take(Ask ask) throws RequestRefused;
  }

  private static Answer answer(Ask ask, Way way) {
    try {
      return way.take(ask);
    } catch (RequestRefused refused) {
      return Answer.refusal(refused);
    } catch (RuntimeException e) {
      log.error("{} {} failed", ask.method(), String.join("/", ask.path()), e);
      return Answer.error(
          500, Kind.FAILED, "The daemon failed at this request (" + e + "); its log says more.");
    }
  }

  private Answer route(Ask ask) throws RequestRefused {
    List<String> path = ask.path();
    if (path.size() < 2 || path.size() > 4 || !path.getFirst().equals("v1")) {
      return unknownPath(path);
    }
    String noun = path.get(1);
    return switch (path.size()) {
      case 2 ->
          switch (noun) {
            case "status" -> get(ask) ? status(ask) : wrongMethod("GET");
            case "flows" -> get(ask) ? flows(ask) : wrongMethod("GET");
            case "events" -> {
              refuseParameters(ask);
              yield wrongMethod("GET"); // a good GET is streamed, and never comes here
            }
            case "captures" -> wrongMethod("POST"); // a POST is streamed, and never comes here
            case "explain" -> post(ask) ? explain(ask) : wrongMethod("POST");
            case "migrations" ->
                get(ask) ? list(ask) : post(ask) ? arm(ask) : wrongMethod("GET, POST");
            default -> unknownPath(path);
          };
      case 3 -> {
        if (noun.equals("captures")) {
          yield ask.method().equals("DELETE") ? endCapture(ask) : wrongMethod("DELETE");
        }
        if (!noun.equals("migrations")) {
          yield unknownPath(path);
        }
        if (path.get(2).equals("plan") && post(ask)) {
          yield plan(ask);
        }
        yield get(ask) ? show(ask) : wrongMethod("GET");
      }
      default ->
          !noun.equals("migrations")
              ? unknownPath(path)
              : switch (path.get(3)) {
                case "hold", "release", "rollback", "finish", "unmap" ->
                    post(ask) ? act(ask) : wrongMethod("POST");
                default -> unknownPath(path);
              };
    };
  }

  private Answer status(Ask ask) throws RequestRefused {
    refuseParameters(ask);
    return new Answer(200, service.status());
  }

  private Answer list(Ask ask) throws RequestRefused {
    refuseParameters(ask);
    return new Answer(200, MigrationList.of(service.list()));
  }

  private Answer show(Ask ask) throws RequestRefused {
    refuseParameters(ask);
    return new Answer(200, service.show(ask.path().get(2)));
  }

  private Answer flows(Ask ask) throws RequestRefused {
    refuseParameters(ask, "migration", "remaining");
    String migration = parameter(ask, "migration");
    return new Answer(200, FlowList.of(service.flows(migration, flag(ask, "remaining"))));
  }

  private Answer explain(Ask ask) throws RequestRefused {
    refuseParameters(ask);
    ExplainRequest request = read(ask.body(), ExplainRequest.class, "a question about a packet");
    String packet = present("packet", request.packet());
    return new Answer(
        200,
        service.explain(new ExplainRequest(packet, request.outOfTunnel(), request.migration())));
  }

  /**
   * What a wish for a capture came to: it has begun, or there is an answer that says why not.
   *
   * @param feed null where there is an answer
   * @param answer null where there is a feed
   */
  record Begun(@Nullable Feed feed, @Nullable Answer answer) {}

  /** Begins a capture, which the caller must stream. */
  Begun capture(Ask ask) {
    Feed[] begun = new Feed[1];
    Answer refusal =
        answer(
            ask,
            asked -> {
              refuseParameters(asked);
              begun[0] =
                  service.capture(read(asked.body(), CaptureRequest.class, "a wish for a capture"));
              return new Answer(200, CaptureEnded.of(""));
            });
    return begun[0] == null ? new Begun(null, refusal) : new Begun(begun[0], null);
  }

  private Answer endCapture(Ask ask) throws RequestRefused {
    refuseParameters(ask);
    refuseBody(ask.body());
    String id = ask.path().get(2);
    service.endCapture(id);
    return new Answer(200, CaptureEnded.of(id));
  }

  private Answer plan(Ask ask) throws RequestRefused {
    refuseParameters(ask);
    return new Answer(200, service.plan(request(ask.body())));
  }

  private Answer arm(Ask ask) throws RequestRefused {
    refuseParameters(ask);
    return new Answer(201, service.arm(request(ask.body())));
  }

  private Answer act(Ask ask) throws RequestRefused {
    String id = ask.path().get(2);
    String verb = ask.path().get(3);
    if (verb.equals("finish") || verb.equals("rollback") || verb.equals("unmap")) {
      refuseParameters(ask, "force");
    } else if (verb.equals("hold")) {
      refuseParameters(ask, "to-return");
    } else {
      refuseParameters(ask);
    }
    refuseBody(ask.body());
    return new Answer(
        200,
        switch (verb) {
          case "hold" -> flag(ask, "to-return") ? service.holdToReturn(id) : service.hold(id);
          case "release" -> service.release(id);
          case "rollback" -> service.rollback(id, flag(ask, "force"));
          case "unmap" -> service.unmap(id, flag(ask, "force"));
          default -> service.finish(id, flag(ask, "force"));
        });
  }

  /** The body as a request whose required fields are there; the service judges what they say. */
  private static MigrationRequest request(byte[] body) throws RequestRefused {
    MigrationRequest request = read(body, MigrationRequest.class, "a migration");
    return new MigrationRequest(
        present("name", request.name()),
        presentList("oldAddresses", request.oldAddresses()),
        presentList("newAddresses", request.newAddresses()),
        present("remote", request.remote()),
        request.from(),
        request.guestPort(),
        request.guestMac(),
        present("deliver", request.deliver()),
        request.dnsName(),
        orEmpty(request.dnsAddresses()),
        request.encapsulation(),
        request.holdPolicy(),
        request.flowListCommand(),
        request.capture(),
        request.returnPath(),
        request.guestUnaware());
  }

  /**
   * @param what the object is, for the message where it has a field that is none
   */
  private static <T> T read(byte[] body, Class<T> type, String what) throws RequestRefused {
    if (body.length == 0) {
      throw new RequestRefused(Kind.INVALID, "The request has no body; it needs a JSON object.");
    }
    T request;
    try {
      request = Json.readStrictly(body, type);
    } catch (UnrecognizedPropertyException e) {
      throw new RequestRefused(
          Kind.INVALID, "There is no field '" + e.getPropertyName() + "' in " + what + ".", e);
    } catch (JacksonException e) {
      throw new RequestRefused(
          Kind.INVALID, "The request's body is not usable JSON: " + e.getOriginalMessage(), e);
    }
    if (isNull(request)) {
      throw new RequestRefused(Kind.INVALID, "The request's body is null, not a JSON object.");
    }
    return request;
  }

  private static String present(String field, @Nullable String value) throws RequestRefused {
    if (value == null || value.isBlank()) {
      throw new RequestRefused(Kind.INVALID, "The field '" + field + "' is missing.");
    }
    return value;
  }

  private static List<String> presentList(String field, @Nullable List<String> value)
      throws RequestRefused {
    List<String> list = orEmpty(value);
    if (list.isEmpty()) {
      throw new RequestRefused(Kind.INVALID, "The field '" + field + "' is missing or empty.");
    }
    return list;
  }

  /** What JSON may leave out, or give as null, is an empty list for the service. */
  private static List<String> orEmpty(@Nullable List<String> list) throws RequestRefused {
    if (list == null) {
      return List.of();
    }
    for (String element : list) {
      if (isNull(element)) {
        throw new RequestRefused(Kind.INVALID, "A list of addresses contains null.");
      }
    }
    return List.copyOf(list);
  }

  private static boolean isNull(@Nullable Object value) {
    return value == null;
  }

  private static void refuseBody(byte[] body) throws RequestRefused {
    String text = new String(body, StandardCharsets.UTF_8).strip();
    if (!text.isEmpty() && !text.equals("{}")) {
      throw new RequestRefused(Kind.INVALID, "This request takes no body.");
    }
  }

  private static void refuseParameters(Ask ask, String... known) throws RequestRefused {
    for (String name : ask.query().keySet()) {
      if (!List.of(known).contains(name)) {
        throw new RequestRefused(
            Kind.INVALID,
            "There is no parameter '"
                + name
                + "' here"
                + (known.length == 0 ? "." : ", only " + String.join(" and ", known) + "."));
      }
    }
  }

  private static @Nullable String parameter(Ask ask, String name) throws RequestRefused {
    List<String> values = ask.query().getOrDefault(name, List.of());
    if (values.size() > 1) {
      throw new RequestRefused(Kind.INVALID, "The parameter '" + name + "' is there twice.");
    }
    return values.isEmpty() ? null : values.getFirst();
  }

  private static boolean flag(Ask ask, String name) throws RequestRefused {
    String value = parameter(ask, name);
    if (value == null || value.equals("false")) {
      return false;
    }
    if (value.equals("true")) {
      return true;
    }
    throw new RequestRefused(
        Kind.INVALID, "The parameter '" + name + "' must be true or false, not '" + value + "'.");
  }

  private static boolean get(Ask ask) {
    return ask.method().equals("GET");
  }

  private static boolean post(Ask ask) {
    return ask.method().equals("POST");
  }

  private static Answer unknownPath(List<String> path) {
    return Answer.error(
        404, Kind.UNKNOWN, "There is nothing at /" + String.join("/", path) + " in this API.");
  }

  private static Answer wrongMethod(String allow) {
    return new Answer(
        405,
        ErrorBody.of(Kind.INVALID, "Only " + allow.replace(", ", " and ") + " can be used here."),
        allow);
  }
}
