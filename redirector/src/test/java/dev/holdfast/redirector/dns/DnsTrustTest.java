package dev.holdfast.redirector.dns;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.redirector.dns.DnsException.Kind;
import dev.holdfast.redirector.dns.server.AuthoritativeServer;
import dev.holdfast.redirector.dns.server.Zone;
import dev.holdfast.tunnel.time.Clock;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.xbill.DNS.Flags;
import org.xbill.DNS.Header;
import org.xbill.DNS.Message;
import org.xbill.DNS.Opcode;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.TSIG;

/** What is believed, and what a refusal tells the operator. */
class DnsTrustTest {
  @TempDir Path folder;
  private DnsBench bench;

  @BeforeEach
  void start() throws Exception {
    bench = new DnsBench(folder);
  }

  @AfterEach
  void stop() throws Exception {
    assertThat(bench.records())
        .containsExactly("300 A 10.1.0.10", "300 A 10.1.0.99", "300 AAAA fd00:1:0:0:0:0:0:10");
    bench.close();
  }

  @Test
  void aKeyThatTheServerDoesNotKnow() throws Exception {
    Path file = bench.file("tsig.key", DnsBench.SECRET);
    assertRefused(
        bench.updater(DnsBench.zone("lab.test.", bench.address, "other-key.", file)),
        "does not know key other-key. (hmac-sha256)",
        "BADKEY");
  }

  @Test
  void aWrongSecret() throws Exception {
    Path file = bench.file("tsig.key", DnsBench.OTHER_SECRET);
    assertRefused(
        bench.updater(DnsBench.zone("lab.test.", bench.address, "mv-key.", file)),
        "finds the signature wrong",
        "BADSIG");
  }

  @Test
  void clocksThatDiffer() throws Exception {
    assertRefused(
        bench.updater(DnsBench.TIMING, shifted(Duration.ofMinutes(20)), bench.zone()),
        "this host's clock is 1200 s ahead of the server's");
    assertRefused(
        bench.updater(DnsBench.TIMING, shifted(Duration.ofMinutes(-10)), bench.zone()),
        "this host's clock is 600 s behind the server's");
  }

  @Test
  void aKeyFileThatIsGone() throws Exception {
    assertRefused(
        bench.updater(DnsBench.zone("lab.test.", bench.address, "mv-key.", folder.resolve("none"))),
        "does not exist");
  }

  @Test
  void aServerThatIsNotThePrimaryOfTheZone() throws Exception {
    Zone other =
        Zone.parse(
            "other.test.", "@ 30 IN SOA ns a 1 1 1 1 1\n@ 30 IN NS ns\nns 30 IN A 127.0.0.1\n");
    try (AuthoritativeServer server =
        new AuthoritativeServer(other, List.of(DnsBench.key(DnsBench.SECRET)), bench.clock)) {
      InetSocketAddress at = server.start(new InetSocketAddress("127.0.0.1", 0));
      assertRefused(bench.updater(bench.zoneAt(at)), "answers REFUSED to a question");
    }
  }

  @Test
  void anUnsignedYesIsNotBelieved() throws Exception {
    assertNotBelieved(request -> unsigned(request, Rcode.NOERROR), "has no signature");
  }

  @Test
  void anUnsignedConflictIsNotBelieved() throws Exception {
    assertNotBelieved(request -> unsigned(request, Rcode.NXRRSET), "has no signature");
  }

  @Test
  void aYesSignedWithAnotherSecretIsNotBelieved() throws Exception {
    TSIG wrong = DnsBench.key(DnsBench.OTHER_SECRET).signer(bench.clock);
    assertNotBelieved(
        request -> {
          Message answer = new Message(unsigned(request, Rcode.NOERROR));
          answer.setTSIG(wrong, Rcode.NOERROR, new Message(request).getTSIG());
          return answer.toWire(Message.MAXLENGTH);
        },
        "signature of the answer (NOERROR) is wrong (BADSIG)");
  }

  @Test
  void aYesToAnotherRequestIsNotBelieved() throws Exception {
    TSIG right = DnsBench.key(DnsBench.SECRET).signer(bench.clock);
    assertNotBelieved(
        request -> {
          Message answer = new Message(unsigned(request, Rcode.NOERROR));
          answer.setTSIG(right, Rcode.NOERROR, null); // does not cover our request's signature
          return answer.toWire(Message.MAXLENGTH);
        },
        "is wrong (BADSIG)");
  }

  /** Knot gives NOTAUTH without any TSIG record to what it cannot verify. */
  @ParameterizedTest
  @ValueSource(strings = {"REFUSED", "NOTAUTH", "NOTIMP", "FORMERR"})
  void anUnsignedNoIsReportedAsWhatItIs(String rcode) throws Exception {
    try (TamperingProxy proxy =
        new TamperingProxy(
            bench.address,
            (request, answer) ->
                DnsLossTest.isUpdate(request) ? unsigned(request, Rcode.value(rcode)) : answer)) {
      // the server behind the proxy has no such key, so nothing is changed there either
      Path file = bench.file("tsig.key", DnsBench.SECRET);
      assertRefused(
          bench.updater(DnsBench.zone("lab.test.", proxy.address(), "other-key.", file)),
          "(The answer was not signed.)");
    }
  }

  /**
   * A proxy in front of a server that knows no key; so the forged yes would be believed wrongly.
   */
  private void assertNotBelieved(Forgery forgery, String why) throws Exception {
    try (AuthoritativeServer keyless =
            new AuthoritativeServer(bench.server.zone(), List.of(), bench.clock);
        TamperingProxy proxy =
            new TamperingProxy(
                keyless.start(new InetSocketAddress("127.0.0.1", 0)),
                (request, answer) ->
                    DnsLossTest.isUpdate(request) ? forgery.of(request) : answer)) {
      DnsTiming impatient =
          new DnsTiming(
              TrySchedule.once(Duration.ofSeconds(2)),
              TrySchedule.ONCE,
              Duration.ofSeconds(1),
              Duration.ofSeconds(1),
              Duration.ZERO,
              Duration.ZERO,
              Duration.ZERO,
              53);
      DnsChange change =
          bench.begin(bench.updater(impatient, bench.zoneAt(proxy.address())), DnsBench.move());
      assertThatThrownBy(change::publish)
          .isInstanceOfSatisfying(
              DnsException.class, e -> assertThat(e.kind()).isEqualTo(Kind.UNREACHABLE))
          .hasMessageContaining(why)
          .hasMessageContaining("not believed");
      assertThat(change.view().state()).isEqualTo("failed");
    }
  }

  @FunctionalInterface
  private interface Forgery {
    byte[] of(byte[] request) throws IOException;
  }

  private static byte[] unsigned(byte[] request, int rcode) throws IOException {
    Message answer = new Message(new Header(request).getID());
    answer.getHeader().setFlag(Flags.QR);
    answer.getHeader().setOpcode(Opcode.UPDATE);
    answer.getHeader().setRcode(rcode);
    return answer.toWire();
  }

  private void assertRefused(DnsUpdater updater, String... words) {
    DnsChange change = bench.begin(updater, DnsBench.move());
    assertThatThrownBy(change::publish)
        .isInstanceOfSatisfying(DnsException.class, e -> assertThat(e.mayPass()).isFalse())
        .hasMessageContainingAll(words);
    assertThat(change.view().state()).isEqualTo("failed");
    assertThat(change.view().problem()).contains(words);
    assertThat(bench.clock.passed()).as("not tried again").isLessThan(Duration.ofSeconds(1));
  }

  private Clock shifted(Duration by) {
    return new Clock() {
      @Override
      public long nanoTime() {
        return bench.clock.nanoTime();
      }

      @Override
      public long epochNanos() {
        return bench.clock.epochNanos() + by.toNanos();
      }
    };
  }
}
