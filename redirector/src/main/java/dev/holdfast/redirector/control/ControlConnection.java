package dev.holdfast.redirector.control;

import dev.holdfast.redirector.control.ControlRoutes.Answer;
import dev.holdfast.redirector.control.ControlRoutes.Ask;
import dev.holdfast.redirector.migration.MigrationService;
import dev.holdfast.redirector.migration.MigrationService.Event;
import dev.holdfast.redirector.migration.RequestRefused.Kind;
import dev.holdfast.redirector.tap.Feed;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.codec.http.QueryStringDecoder;
import io.netty.handler.codec.http.TooLongHttpHeaderException;
import io.netty.handler.codec.http.TooLongHttpLineException;
import io.netty.util.concurrent.Future;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One client: takes a request, has it answered, takes the next.
 *
 * <p>While an answer is being made the connection is not read, so a client cannot pile up requests.
 * Everything here runs on the event loop but for {@link ControlRoutes#answer} and the listener of
 * events.
 */
final class ControlConnection extends SimpleChannelInboundHandler<FullHttpRequest> {
  /** Tells a connection that the daemon stops. */
  static final Object STOP = new Object();

  private static final Logger log = LoggerFactory.getLogger(ControlConnection.class);

  private final ControlRoutes routes;
  private final MigrationService service;
  private final ExecutorService workers;
  private final Duration requestWithin;
  private @Nullable Future<?> deadline;
  private @Nullable AutoCloseable subscription;
  private @Nullable Feed feed;
  private final List<DefaultHttpContent> early = new ArrayList<>();
  private boolean stopping;
  private boolean answering;

  ControlConnection(
      ControlRoutes routes,
      MigrationService service,
      ExecutorService workers,
      Duration requestWithin) {
    this.routes = routes;
    this.service = service;
    this.workers = workers;
    this.requestWithin = requestWithin;
  }

  @Override
  public void channelActive(ChannelHandlerContext ctx) throws Exception {
    expectRequest(ctx);
    super.channelActive(ctx);
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) throws Exception {
    requestIsHere();
    unsubscribe();
    if (feed != null) {
      feed.end();
    }
    super.channelInactive(ctx);
  }

  @Override
  protected void channelRead0(ChannelHandlerContext ctx, FullHttpRequest request) {
    requestIsHere();
    if (subscription != null || feed != null) {
      ctx.close(); // nothing can be asked on a connection that streams
      return;
    }
    if (request.decoderResult().isFailure()) {
      refuseBytes(ctx, request.decoderResult().cause());
      return;
    }
    ctx.channel().config().setAutoRead(false);
    answering = true;
    boolean keepAlive = HttpUtil.isKeepAlive(request);
    Ask ask;
    try {
      var target = new QueryStringDecoder(request.uri(), StandardCharsets.UTF_8);
      ask =
          new Ask(
              request.method().name(),
              segments(target.rawPath()),
              target.parameters(),
              ByteBufUtil.getBytes(request.content()));
    } catch (IllegalArgumentException e) { // a percent sign without two hex digits behind it
      reply(ctx, Answer.error(400, Kind.INVALID, "The request's address is malformed."), false);
      return;
    }
    try {
      if (request.method().equals(HttpMethod.GET)
          && ask.path().equals(List.of("v1", "events"))
          && ask.query().isEmpty()) {
        workers.execute(() -> stream(ctx));
      } else if (request.method().equals(HttpMethod.POST)
          && ask.path().equals(List.of("v1", "captures"))) {
        workers.execute(() -> capture(ctx, ask, keepAlive));
      } else {
        workers.execute(() -> {
          Answer answer = routes.answer(ask);
          ctx.executor().execute(() -> reply(ctx, answer, keepAlive));
        });
      }
    } catch (RejectedExecutionException e) {
      reply(ctx, Answer.error(503, Kind.FAILED, "The daemon is stopping."), false);
    }
  }

  private void reply(ChannelHandlerContext ctx, Answer answer, boolean keepAlive) {
    answering = false;
    boolean stay = keepAlive && !stopping;
    var written = ctx.writeAndFlush(HttpAnswer.of(answer, stay));
    if (stay) {
      expectRequest(ctx);
      ctx.channel().config().setAutoRead(true);
    } else {
      written.addListener(ChannelFutureListener.CLOSE);
    }
  }

  /**
   * Subscribes, and only then sends the head: whoever has it misses no event from there on. Events
   * that come before the head wait behind it on the event loop.
   */
  private void stream(ChannelHandlerContext ctx) {
    var head = new DefaultHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.OK);
    head.headers()
        .set(HttpHeaderNames.CONTENT_TYPE, "application/x-ndjson")
        .set(HttpHeaderNames.TRANSFER_ENCODING, HttpHeaderValues.CHUNKED)
        .set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE);
    AutoCloseable opened = service.subscribe(event -> send(ctx, event));
    ctx.executor()
        .execute(() -> {
          answering = false;
          subscription = opened;
          if (!ctx.channel().isActive()) {
            unsubscribe();
            return;
          }
          ctx.write(head);
          early.forEach(ctx::write);
          early.clear();
          ctx.flush();
          ctx.channel().config().setAutoRead(true); // to learn that the client went away
        });
  }

  private void capture(ChannelHandlerContext ctx, Ask ask, boolean keepAlive) {
    ControlRoutes.Begun begun = routes.capture(ask);
    Feed started = begun.feed();
    if (started == null) {
      ctx.executor().execute(() -> reply(ctx, Objects.requireNonNull(begun.answer()), keepAlive));
      return;
    }
    ctx.executor()
        .execute(() -> {
          answering = false;
          feed = started;
          if (stopping || !ctx.channel().isActive()) {
            started.end();
          }
          ctx.channel().config().setAutoRead(true); // to learn that the client went away
        });
    CaptureAnswer.stream(ctx.channel(), started);
  }

  private void send(ChannelHandlerContext ctx, Event event) {
    byte[] line = (Json.line(EventLine.of(event)) + "\n").getBytes(StandardCharsets.UTF_8);
    ctx.executor()
        .execute(() -> {
          var content = new DefaultHttpContent(Unpooled.wrappedBuffer(line));
          if (subscription == null) {
            if (answering) {
              early.add(content);
            }
          } else if (ctx.channel().isWritable()) {
            ctx.writeAndFlush(content);
          } else {
            unsubscribe();
            log.warn("a reader of events is too slow and is cut off");
            ctx.close();
          }
        });
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext ctx, Object event) throws Exception {
    if (event != STOP) {
      super.userEventTriggered(ctx, event);
      return;
    }
    stopping = true;
    if (feed != null) {
      feed.end(); // its end is written, and closes the connection
    } else if (subscription != null) {
      unsubscribe();
      ctx.writeAndFlush(LastHttpContent.EMPTY_LAST_CONTENT)
          .addListener(ChannelFutureListener.CLOSE);
    } else if (!answering) {
      ctx.close();
    }
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    log.debug("a client's connection broke", cause);
    ctx.close();
  }

  private static void refuseBytes(ChannelHandlerContext ctx, Throwable cause) {
    Answer answer =
        switch (cause) {
          case TooLongHttpLineException e ->
              Answer.error(414, Kind.INVALID, "The request's first line is too long.");
          case TooLongHttpHeaderException e ->
              Answer.error(431, Kind.INVALID, "The request's headers are too long.");
          default -> Answer.error(400, Kind.INVALID, "The request is not HTTP/1.1.");
        };
    ctx.writeAndFlush(HttpAnswer.of(answer, false)).addListener(ChannelFutureListener.CLOSE);
  }

  private void expectRequest(ChannelHandlerContext ctx) {
    requestIsHere();
    deadline =
        ctx.executor().schedule(() -> ctx.close(), requestWithin.toMillis(), TimeUnit.MILLISECONDS);
  }

  private void requestIsHere() {
    if (deadline != null) {
      deadline.cancel(false);
      deadline = null;
    }
  }

  private void unsubscribe() {
    AutoCloseable open = subscription;
    subscription = null;
    if (open == null) {
      return;
    }
    try {
      open.close();
    } catch (Exception e) {
      log.warn("a subscription to events did not end", e);
    }
  }

  /** Split first and decoded then: an encoded slash is part of a name. */
  private static List<String> segments(String rawPath) {
    return Arrays.stream(rawPath.split("/", -1))
        .skip(1)
        .map(segment -> URLDecoder.decode(segment.replace("+", "%2B"), StandardCharsets.UTF_8))
        .toList();
  }
}
