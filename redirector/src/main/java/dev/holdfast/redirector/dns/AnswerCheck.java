package dev.holdfast.redirector.dns;

import java.io.IOException;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.Flags;
import org.xbill.DNS.Message;
import org.xbill.DNS.Opcode;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.TSIG;
import org.xbill.DNS.TSIGRecord;

/**
 * Decides whether bytes that came back are the answer to a request, and whether to believe them.
 *
 * <p>Of a signed request only a signed answer is believed, except where the server cannot sign: it
 * does not know the key, or finds our signature wrong (RFC 8945 section 5.2; BIND leaves the MAC
 * empty, at a secondary with REFUSED, Knot and PowerDNS may leave out the whole record). Such an
 * answer can only be a refusal; a forged one costs a retry and never changes anything.
 */
final class AnswerCheck {
  /** What a server may say without a signature: that it will not or cannot do it. */
  private static final Set<Integer> UNSIGNED_ERRORS =
      Set.of(Rcode.FORMERR, Rcode.SERVFAIL, Rcode.NOTIMP, Rcode.REFUSED, Rcode.NOTAUTH);

  private AnswerCheck() {}

  /** The outcome. */
  sealed interface Verdict {
    /** This is the answer. */
    record Believed(Answer answer) implements Verdict {}

    /**
     * Something else, to be passed over in favour of what may still come.
     *
     * @param why a clause with "it" or "the answer" as its subject
     */
    record PassedOver(String why) implements Verdict {}
  }

  /**
   * Checks one message.
   *
   * @param signer what the request was signed with; null when it was not
   * @param signature the request's own
   */
  static Verdict check(
      Message request, @Nullable TSIG signer, @Nullable TSIGRecord signature, byte[] bytes) {
    Message message;
    try {
      message = new Message(bytes);
    } catch (IOException e) {
      return new Verdict.PassedOver("the answer is not a DNS message");
    }
    if (message.getHeader().getID() != request.getHeader().getID()
        || !message.getHeader().getFlag(Flags.QR)
        || message.getHeader().getOpcode() != request.getHeader().getOpcode()) {
      return new Verdict.PassedOver("the answer is to another request");
    }
    if (signer == null) {
      return checkQuestion(request, message);
    }
    TSIGRecord theirs = message.getTSIG();
    int rcode = message.getHeader().getRcode();
    if (theirs == null) {
      return UNSIGNED_ERRORS.contains(rcode)
          ? new Verdict.Believed(new Answer(message, false))
          : new Verdict.PassedOver("the answer (" + Rcode.string(rcode) + ") has no signature");
    }
    int fault = signer.verify(message, bytes, signature);
    if (fault == Rcode.NOERROR) {
      return new Verdict.Believed(new Answer(message, true));
    }
    if (UNSIGNED_ERRORS.contains(rcode) && theirs.getError() != Rcode.NOERROR) {
      return new Verdict.Believed(new Answer(message, false));
    }
    return new Verdict.PassedOver(
        "the signature of the answer (%s) is wrong (%s)"
            .formatted(Rcode.string(rcode), Rcode.TSIGstring(fault)));
  }

  /** An answer to a question repeats it, but for servers in trouble, which may leave it out. */
  private static Verdict checkQuestion(Message request, Message message) {
    boolean repeats =
        request.getQuestion() != null && request.getQuestion().equals(message.getQuestion());
    boolean trouble =
        message.getQuestion() == null
            && message.getHeader().getRcode() != Rcode.NOERROR
            && message.getHeader().getOpcode() == Opcode.QUERY;
    return repeats || trouble
        ? new Verdict.Believed(new Answer(message, false))
        : new Verdict.PassedOver("the answer is to another question");
  }
}
