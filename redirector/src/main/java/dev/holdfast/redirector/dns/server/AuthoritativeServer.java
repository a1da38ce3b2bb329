package dev.holdfast.redirector.dns.server;

import dev.holdfast.redirector.dns.DnsException;
import dev.holdfast.redirector.dns.DnsNames;
import dev.holdfast.redirector.dns.TsigKey;
import dev.holdfast.tunnel.time.Clock;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Flags;
import org.xbill.DNS.Header;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.OPTRecord;
import org.xbill.DNS.Opcode;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Section;
import org.xbill.DNS.TSIG;
import org.xbill.DNS.TSIGRecord;

/**
 * Serves one zone over UDP and TCP and takes updates that one of its keys has signed.
 *
 * <p>Thread-safe. Unsigned updates are refused. Everything that is not an answer to a well-formed
 * message is dropped and counted: what arrives is untrusted.
 */
public final class AuthoritativeServer implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(AuthoritativeServer.class);

  /** Both what we offer and the most that we send by UDP: fits any path (RFC 9715 section 3.1). */
  private static final int LARGEST_UDP = 1232;

  private static final int LARGEST_PLAIN_UDP = 512;

  private final AtomicReference<Zone> zone;
  private final Map<Name, TSIG> keys = new HashMap<>();
  private final Clock clock;
  private final LongAdder queries = new LongAdder();
  private final LongAdder updates = new LongAdder();
  private final LongAdder applied = new LongAdder();
  private final LongAdder unauthorized = new LongAdder();
  private final LongAdder malformed = new LongAdder();
  private @Nullable ServerSockets sockets;

  /**
   * What the server has done so far.
   *
   * @param queries well-formed questions
   * @param updates well-formed updates, accepted or not
   * @param applied updates that were accepted
   * @param unauthorized messages that were not signed, or not by a key of ours
   * @param malformed what could not be read as a request
   */
  public record Counters(
      long queries, long updates, long applied, long unauthorized, long malformed) {}

  public AuthoritativeServer(Zone zone, List<TsigKey> keys, Clock clock) throws DnsException {
    this.zone = new AtomicReference<>(zone);
    this.clock = clock;
    for (TsigKey key : keys) {
      TSIG signer = key.signer(clock);
      this.keys.put(DnsNames.absolute(key.name()), signer);
    }
  }

  /**
   * Binds UDP and TCP and begins to serve. The sockets belong to the network namespace of the
   * calling thread.
   *
   * @param listen port 0 takes a free one
   * @return where it listens
   * @throws DnsException when the address cannot be bound
   */
  public synchronized InetSocketAddress start(InetSocketAddress listen) throws DnsException {
    if (sockets != null) {
      throw new IllegalStateException("the server has been started already");
    }
    sockets = ServerSockets.bind(listen, "dns-" + zone().origin(), this::respond);
    log.debug("zone {} is served at {}", zone().origin(), sockets.address());
    return sockets.address();
  }

  /** Where it listens; empty when it does not. */
  public synchronized Optional<InetSocketAddress> address() {
    return Optional.ofNullable(sockets).map(ServerSockets::address);
  }

  /** The zone as it is now. */
  public Zone zone() {
    Zone now = zone.get();
    if (now == null) {
      throw new AssertionError("a zone is there from construction on");
    }
    return now;
  }

  /** Puts another zone in place, as an operator who edits the file would. */
  public void replaceZone(Zone fresh) {
    zone.set(fresh);
  }

  public Counters counters() {
    return new Counters(
        queries.sum(), updates.sum(), applied.sum(), unauthorized.sum(), malformed.sum());
  }

  /** Stops serving and waits for its threads. A server that was never started has nothing to do. */
  @Override
  public synchronized void close() {
    if (sockets != null) {
      sockets.close();
      sockets = null;
    }
  }

  /**
   * The answer to one message, or null when it deserves none.
   *
   * @param overTcp no size limit but the format's
   */
  byte @Nullable [] respond(byte[] request, boolean overTcp) {
    Message message;
    try {
      message = new Message(request);
    } catch (IOException e) {
      malformed.increment();
      return null;
    }
    if (message.getHeader().getFlag(Flags.QR)) {
      malformed.increment(); // answering answers makes two servers talk for ever
      return null;
    }
    Message response = emptyResponse(message);
    TSIGRecord signature = message.getTSIG();
    TSIG signer = null;
    if (signature != null) {
      signer = keys.get(signature.getName());
      int fault = signer == null ? Rcode.BADKEY : signer.verify(message, request, null);
      if (fault != Rcode.NOERROR) {
        unauthorized.increment();
        return notAuthorized(response, signer, signature, fault, overTcp);
      }
    }
    switch (message.getHeader().getOpcode()) {
      case Opcode.QUERY -> answerQuery(message, response);
      case Opcode.UPDATE -> response.getHeader().setRcode(update(message, signer != null));
      default -> response.getHeader().setRcode(Rcode.NOTIMP);
    }
    if (signer != null) {
      response.setTSIG(signer, Rcode.NOERROR, signature);
    }
    return response.toWire(overTcp ? Message.MAXLENGTH : largestUdp(message));
  }

  private void answerQuery(Message message, Message response) {
    if (message.getSection(Section.QUESTION).size() != 1) {
      malformed.increment();
      response.getHeader().setRcode(Rcode.FORMERR);
      return;
    }
    queries.increment();
    ZoneAnswer.fill(zone(), message.getSection(Section.QUESTION).getFirst(), response);
  }

  /** One update at a time, so that prerequisites hold until their update has been done. */
  private synchronized int update(Message message, boolean signed) {
    updates.increment();
    Zone before = zone();
    int rcode = ZoneUpdate.checkZone(before, message);
    if (rcode != Rcode.NOERROR) {
      return rcode;
    }
    if (!signed) {
      unauthorized.increment();
      return Rcode.REFUSED;
    }
    ZoneUpdate.Outcome outcome = ZoneUpdate.apply(before, message);
    if (outcome.rcode() == Rcode.NOERROR) {
      applied.increment();
      zone.set(outcome.zone());
    }
    return outcome.rcode();
  }

  /**
   * RFC 8945 section 5.2: NOTAUTH; unsigned where we have no key or the signature is wrong, signed
   * where only the time is.
   */
  private byte[] notAuthorized(
      Message response, @Nullable TSIG signer, TSIGRecord signature, int fault, boolean overTcp) {
    response.getHeader().setRcode(Rcode.NOTAUTH);
    if (signer != null && fault == Rcode.BADTIME) {
      response.setTSIG(signer, fault, signature);
    } else {
      response.removeAllRecords(Section.ADDITIONAL); // dnsjava would write our OPT behind the TSIG
      response.addRecord(
          new TSIGRecord(
              signature.getName(),
              DClass.ANY,
              0,
              signature.getAlgorithm(),
              Instant.ofEpochSecond(clock.epochNanos() / 1_000_000_000L),
              signature.getFudge(),
              new byte[0],
              signature.getOriginalID(),
              fault,
              new byte[0]),
          Section.ADDITIONAL);
    }
    return response.toWire(overTcp ? Message.MAXLENGTH : LARGEST_PLAIN_UDP);
  }

  private static Message emptyResponse(Message request) {
    Header asked = request.getHeader();
    Message response = new Message(asked.getID());
    Header header = response.getHeader();
    header.setFlag(Flags.QR);
    header.setOpcode(asked.getOpcode());
    if (asked.getFlag(Flags.RD)) {
      header.setFlag(Flags.RD);
    }
    request
        .getSection(Section.QUESTION)
        .forEach(each -> response.addRecord(each, Section.QUESTION));
    if (request.getOPT() != null) {
      response.addRecord(new OPTRecord(LARGEST_UDP, 0, 0), Section.ADDITIONAL);
    }
    return response;
  }

  private static int largestUdp(Message request) {
    OPTRecord options = request.getOPT();
    return options == null
        ? LARGEST_PLAIN_UDP
        : Math.clamp(options.getPayloadSize(), LARGEST_PLAIN_UDP, LARGEST_UDP);
  }
}
