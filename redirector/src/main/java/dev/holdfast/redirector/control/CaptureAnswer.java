package dev.holdfast.redirector.control;

import dev.holdfast.redirector.tap.Feed;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import java.io.IOException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Streams a capture to the client who has asked for it, and ends the connection with it. */
final class CaptureAnswer {
  private static final Logger log = LoggerFactory.getLogger(CaptureAnswer.class);

  /** By which the capture can be ended: {@code DELETE /v1/captures/ID}. */
  static final String ID_HEADER = "holdfast-capture";

  private CaptureAnswer() {}

  /**
   * Returns when the capture has ended. A thread of its own does the work: a virtual one that
   * always has something to do would keep requests waiting.
   */
  static void stream(Channel client, Feed feed) {
    Thread thread =
        Thread.ofPlatform().name("capture-" + feed.id()).daemon().start(() -> write(client, feed));
    while (true) {
      try {
        thread.join();
        return;
      } catch (InterruptedException e) {
        feed.end();
      }
    }
  }

  private static void write(Channel client, Feed feed) {
    var head = new DefaultHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.OK);
    head.headers()
        .set(HttpHeaderNames.CONTENT_TYPE, "application/x-pcapng")
        .set(HttpHeaderNames.TRANSFER_ENCODING, HttpHeaderValues.CHUNKED)
        .set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE)
        .set(ID_HEADER, feed.id());
    client.write(head);
    try {
      feed.writeTo(new ChunkStream(client));
      client
          .writeAndFlush(LastHttpContent.EMPTY_LAST_CONTENT)
          .addListener(ChannelFutureListener.CLOSE);
    } catch (IOException e) {
      log.debug("capture {}: {}", feed.id(), e.getMessage());
      client.close();
    } catch (RuntimeException e) {
      log.error("capture {} has failed", feed.id(), e);
      client.close(); // without the last chunk the client knows that it is not whole
    }
  }
}
