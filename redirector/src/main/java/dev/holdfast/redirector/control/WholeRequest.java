package dev.holdfast.redirector.control;

import dev.holdfast.redirector.migration.RequestRefused.Kind;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.http.HttpMessage;
import io.netty.handler.codec.http.HttpObjectAggregator;

/** Collects a request with its body; says so in our own words when the body is too large. */
final class WholeRequest extends HttpObjectAggregator {
  private final int largestBody;

  WholeRequest(int largestBody) {
    super(largestBody, true);
    this.largestBody = largestBody;
  }

  @Override
  protected void handleOversizedMessage(ChannelHandlerContext ctx, HttpMessage oversized) {
    ctx.writeAndFlush(
            HttpAnswer.of(
                ControlRoutes.Answer.error(
                    413,
                    Kind.INVALID,
                    "The request's body is larger than " + largestBody + " bytes."),
                false))
        .addListener(ChannelFutureListener.CLOSE);
  }
}
