package dev.holdfast.redirector.dns;

import dev.holdfast.redirector.dns.DnsException.Kind;
import dev.holdfast.tunnel.time.Clock;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.PortUnreachableException;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Flags;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.OPTRecord;
import org.xbill.DNS.Record;
import org.xbill.DNS.Section;
import org.xbill.DNS.TSIG;
import org.xbill.DNS.TSIGRecord;

/**
 * Puts a request to one server until an answer comes that may be believed.
 *
 * <p>The first two tries go by UDP, and by TCP where the answer is cut short or the request is
 * long; later ones by TCP, which passes where UDP is filtered. Every try has a new message id, so
 * an answer to an earlier one is never taken for its own: whether a lost answer's update was done
 * is for the caller to find out by reading back.
 */
final class DnsClient {
  /** What any path carries whole (RFC 9715 section 3.1). */
  private static final int LARGEST_UDP = 1232;

  private static final int UDP_TRIES = 2;

  private final Clock clock;
  private final Pause pause;
  private final DnsTransport transport;

  DnsClient(Clock clock, Pause pause) {
    this.clock = clock;
    this.pause = pause;
    this.transport = new DnsTransport(clock);
  }

  Clock clock() {
    return clock;
  }

  Pause pause() {
    return pause;
  }

  /**
   * Asks one question, without recursion.
   *
   * @throws DnsException when no answer comes
   */
  Message query(InetSocketAddress server, Name name, int type, TrySchedule schedule)
      throws DnsException {
    Answer answer =
        exchange(
            server,
            () -> {
              Message query = Message.newQuery(Record.newRecord(name, type, DClass.IN));
              query.getHeader().unsetFlag(Flags.RD);
              query.addRecord(new OPTRecord(LARGEST_UDP, 0, 0), Section.ADDITIONAL);
              return query;
            },
            null,
            schedule);
    return answer.message();
  }

  /**
   * Sends a signed request, made anew for each try.
   *
   * @return an answer whose signature is right, or an error that a server cannot or does not sign
   * @throws DnsException when no answer comes, or only such as are not to be believed
   */
  Answer signed(
      InetSocketAddress server, Supplier<Message> request, TsigKey key, TrySchedule schedule)
      throws DnsException {
    return exchange(server, request, key, schedule);
  }

  private Answer exchange(
      InetSocketAddress server,
      Supplier<Message> request,
      @Nullable TsigKey key,
      TrySchedule schedule)
      throws DnsException {
    String trouble = "";
    try {
      for (int i = 0; i < schedule.timeouts().size(); i++) {
        if (i > 0) {
          pause.sleep(schedule.pauses().get(i - 1));
        }
        Attempt attempt = new Attempt(request.get(), key == null ? null : key.signer(clock));
        try {
          return attempt.send(server, schedule.timeouts().get(i), i >= UDP_TRIES);
        } catch (IOException e) {
          trouble = attempt.trouble(e);
        }
      }
    } catch (InterruptedException e) {
      throw DnsException.interrupted();
    }
    throw new DnsException(
        Kind.UNREACHABLE,
        "The DNS server %s gave no usable answer in %s: %s."
            .formatted(text(server), tries(schedule), trouble));
  }

  private static String tries(TrySchedule schedule) {
    int count = schedule.timeouts().size();
    return count == 1 ? "one try" : count + " tries";
  }

  /** Such as {@code 10.9.0.53 port 53}. */
  static String text(InetSocketAddress server) {
    return (server.getAddress() == null
            ? server.getHostString()
            : server.getAddress().getHostAddress())
        + " port "
        + server.getPort();
  }

  /** One try. */
  private final class Attempt {
    private final Message request;
    private final @Nullable TSIG signer;
    private final byte[] wire;
    private final @Nullable TSIGRecord signature;
    private @Nullable Answer taken;
    private @Nullable String passedOver;

    Attempt(Message request, @Nullable TSIG signer) {
      this.request = request;
      this.signer = signer;
      if (signer != null) {
        request.setTSIG(signer);
      }
      this.wire = request.toWire(Message.MAXLENGTH);
      this.signature = signer == null ? null : signatureOf(wire);
    }

    Answer send(InetSocketAddress server, Duration timeout, boolean overTcp)
        throws IOException, InterruptedException {
      if (!overTcp && wire.length <= LARGEST_UDP) {
        transport.udp(server, wire, timeout, this::take);
        Answer answer = taken();
        if (!answer.message().getHeader().getFlag(Flags.TC)) {
          return answer;
        }
      }
      transport.tcp(server, wire, timeout, this::take);
      return taken();
    }

    private boolean take(byte[] bytes) {
      AnswerCheck.Verdict verdict = AnswerCheck.check(request, signer, signature, bytes);
      switch (verdict) {
        case AnswerCheck.Verdict.Believed(Answer answer) -> taken = answer;
        case AnswerCheck.Verdict.PassedOver(String why) -> passedOver = why;
      }
      return verdict instanceof AnswerCheck.Verdict.Believed;
    }

    private Answer taken() {
      if (taken == null) {
        throw new AssertionError("the transport returns only what was taken");
      }
      return taken;
    }

    String trouble(IOException e) {
      if (passedOver != null) {
        return "it answered, but " + passedOver + ", so that is not believed";
      }
      return switch (e) {
        case SocketTimeoutException timeout ->
            "nothing came back; does it run, and does a firewall let UDP and TCP through?";
        case PortUnreachableException refused -> "nothing listens there";
        case ConnectException refused -> "nothing listens there";
        default -> "" + e.getMessage();
      };
    }

    private static TSIGRecord signatureOf(byte[] wire) {
      try {
        return new Message(wire).getTSIG();
      } catch (IOException e) {
        throw new AssertionError("dnsjava reads what it wrote", e);
      }
    }
  }
}
