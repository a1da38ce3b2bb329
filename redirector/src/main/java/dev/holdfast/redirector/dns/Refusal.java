package dev.holdfast.redirector.dns;

import dev.holdfast.redirector.dns.DnsException.Kind;
import java.time.Duration;
import java.time.Instant;
import org.xbill.DNS.Rcode;

/** Says in a sentence what a server's error means here, and what to do about it. */
final class Refusal {
  private Refusal() {}

  /**
   * The exception for an answer that is an error.
   *
   * @param server as {@link DnsClient#text} has it
   * @param what what was asked for, such as {@code the update of vm.lab.test.}
   */
  static DnsException of(
      Answer answer, String server, String zone, TsigKey key, String what, Instant now) {
    String sentence =
        switch (answer.rcode()) {
          case Rcode.NOTAUTH -> notAuthorized(answer, zone, key, what, now);
          case Rcode.REFUSED -> refused(answer, zone, key, what);
          case Rcode.SERVFAIL ->
              "could not do %s (SERVFAIL): its log says why, often that it may not write the zone's journal"
                  .formatted(what);
          case Rcode.NOTZONE ->
              "says that %s is not within zone %s: check 'zone' in the configuration"
                  .formatted(what, zone);
          case Rcode.NOTIMP -> "does not take dynamic updates";
          case Rcode.FORMERR -> "could not read " + what + " (FORMERR)";
          default -> "answers %s to %s".formatted(Rcode.string(answer.rcode()), what);
        };
    Kind kind = answer.rcode() == Rcode.SERVFAIL ? Kind.UNREACHABLE : Kind.REFUSED;
    boolean canBeSigned = answer.signatureError() == Rcode.NOERROR;
    String unsigned = answer.signed() || !canBeSigned ? "" : " (The answer was not signed.)";
    return new DnsException(kind, "The DNS server " + server + " " + sentence + "." + unsigned);
  }

  private static String refused(Answer answer, String zone, TsigKey key, String what) {
    return answer.signatureError() == Rcode.BADKEY
        ? "refuses %s and does not know key %s: is it the primary server of zone %s?"
            .formatted(what, key, zone)
        : ("refuses %s: key %s has no grant for it (BIND: update-policy; Knot: acl; PowerDNS:"
                + " TSIG-ALLOW-DNSUPDATE, and a wrong secret too; a server that wants GSS-TSIG or"
                + " SIG(0) cannot be updated: only TSIG is spoken here)")
            .formatted(what, key);
  }

  private static String notAuthorized(
      Answer answer, String zone, TsigKey key, String what, Instant now) {
    return switch (answer.signatureError()) {
      case Rcode.BADKEY ->
          "does not know key %s, or has no grant of it for %s: compare key-name and key-algorithm with the server's configuration (BADKEY)"
              .formatted(key, what);
      case Rcode.BADSIG ->
          "finds the signature wrong: the secret in the key file is not the one that the server has for key %s (BADSIG)"
              .formatted(key.name());
      case Rcode.BADTIME ->
          "finds the clocks too far apart (BADTIME): "
              + answer
                  .clockDifference(now)
                  .map(Refusal::clocks)
                  .orElse("set the clock of both hosts");
      default ->
          "is not the primary server of zone %s, or does not know key %s (NOTAUTH): check 'server' and 'key-name' in the configuration"
              .formatted(zone, key);
    };
  }

  private static String clocks(Duration serverAhead) {
    return "this host's clock is %d s %s the server's; set the one that is wrong"
        .formatted(
            Math.abs(serverAhead.toSeconds()), serverAhead.isNegative() ? "ahead of" : "behind");
  }
}
