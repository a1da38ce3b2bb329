package dev.holdfast.redirector.control;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.holdfast.fuzz.Bytes;
import dev.holdfast.redirector.migration.HostStatus;
import dev.holdfast.redirector.migration.MigrationService;
import dev.holdfast.redirector.migration.RequestRefused;
import dev.holdfast.redirector.migration.RequestRefused.Kind;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.http.HttpDecoderConfig;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.flow.FlowControlHandler;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.AbstractExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/** Whatever comes on the control socket: each request has an answer, and none is "it failed". */
class HttpRequestFuzzTest {
  /** Does it at once. */
  private static final class Here extends AbstractExecutorService {
    @Override
    public void execute(Runnable task) {
      task.run();
    }

    @Override
    public void shutdown() {}

    @Override
    public List<Runnable> shutdownNow() {
      return List.of();
    }

    @Override
    public boolean isShutdown() {
      return false;
    }

    @Override
    public boolean isTerminated() {
      return false;
    }

    @Override
    public boolean awaitTermination(long timeout, TimeUnit unit) {
      return true;
    }
  }

  /** Knows no migration. */
  private static final MigrationService SERVICE =
      (MigrationService)
          Proxy.newProxyInstance(
              HttpRequestFuzzTest.class.getClassLoader(),
              new Class<?>[] {MigrationService.class},
              (proxy, method, arguments) ->
                  switch (method.getName()) {
                    case "list" -> List.of();
                    case "status" ->
                        new HostStatus(
                            "holdfast.status/1",
                            "a",
                            "0",
                            1,
                            1,
                            "",
                            List.of(),
                            List.of(),
                            Map.of(),
                            Map.of());
                    case "subscribe" -> (AutoCloseable) () -> {};
                    default ->
                        throw new RequestRefused(Kind.UNKNOWN, "There is no such migration.");
                  });

  @MethodSource("requests")
  @FuzzTest
  void requests(byte[] data) {
    var channel =
        new EmbeddedChannel(
            new HttpServerCodec(
                new HttpDecoderConfig().setMaxInitialLineLength(256).setMaxHeaderSize(512)),
            new WholeRequest(1024),
            new FlowControlHandler(),
            new ControlConnection(
                new ControlRoutes(SERVICE), SERVICE, new Here(), Duration.ofSeconds(30)));
    channel.writeInbound(Unpooled.wrappedBuffer(data));
    channel.runPendingTasks();
    channel.checkException();
    StringBuilder answers = new StringBuilder();
    for (ByteBuf out = channel.readOutbound(); out != null; out = channel.readOutbound()) {
      answers.append(out.toString(StandardCharsets.UTF_8));
      out.release();
    }
    channel.finishAndReleaseAll();
    if (!answers.isEmpty()) {
      assertThat(answers.toString()).startsWith("HTTP/1.1 ").doesNotContain("HTTP/1.1 5");
    }
  }

  static Stream<byte[]> requests() {
    String arm =
        "{\"name\":\"web1\",\"oldAddresses\":[\"10.1.0.10\"],\"newAddresses\":[\"10.2.0.10\"],"
            + "\"remote\":\"host-b\",\"deliver\":\"br0\",\"dnsAddresses\":[]}";
    return Stream.of(
            "GET /v1/status HTTP/1.1\r\n\r\nGET /v1/migrations HTTP/1.1\r\n\r\n",
            "GET /v1/flows?migration=web1&remaining=true HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET /v1/events HTTP/1.1\r\n\r\n",
            post("/v1/migrations", arm),
            post("/v1/migrations", "{\"name\":1,\"oldAddresses\":[null],\"x\":[[[["),
            post("/v1/migrations/plan", "null"),
            post("/v1/migrations/web%2F1/finish?force=true", ""),
            post("/v1/migrations/%zz/hold", ""),
            "POST /v1/migrations HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n",
            "POST /v1/migrations HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
            "POST /v1/migrations HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
            "GET " + "/".repeat(300) + " HTTP/1.1\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "\u0000")
        .map(Bytes::text);
  }

  private static String post(String path, String body) {
    return "POST %s HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s".formatted(path, body.length(), body);
  }
}
