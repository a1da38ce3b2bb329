package dev.holdfast.redirector.dns.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.redirector.dns.DnsException;
import dev.holdfast.redirector.dns.TsigKey;
import dev.holdfast.tunnel.time.SystemClock;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Flags;
import org.xbill.DNS.Header;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;
import org.xbill.DNS.Section;
import org.xbill.DNS.SimpleResolver;
import org.xbill.DNS.TSIG;
import org.xbill.DNS.TSIGRecord;
import org.xbill.DNS.Type;
import org.xbill.DNS.Update;

/** The server as a client sees it, through sockets, with dnsjava's own resolver as the client. */
class AuthoritativeServerTest {
  private static final String SECRET = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
  private static final String OTHER_SECRET = "ZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmY=";

  private AuthoritativeServer server;
  private InetSocketAddress address;

  @BeforeEach
  void start() throws Exception {
    StringBuilder many = new StringBuilder();
    for (int i = 0; i < 100; i++) {
      many.append("many IN A 192.0.2.").append(i).append('\n');
    }
    Zone zone =
        Zone.parse(
            "lab.test",
            """
            $TTL 300
            @ IN SOA ns admin 7 3600 600 86400 30
            @ IN NS ns
            ns IN A 10.9.0.53
            vm IN A 10.1.0.10
            vm IN AAAA fd00:1::10
            www IN CNAME vm
            a.b IN TXT "below"
            """
                + many);
    server =
        new AuthoritativeServer(
            zone, List.of(TsigKey.of("mv-key", "hmac-sha256", SECRET)), SystemClock.INSTANCE);
    address = server.start(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
  }

  @AfterEach
  void stop() {
    server.close();
  }

  @Test
  void answersWithAuthority() throws Exception {
    Message answer = ask("vm.lab.test.", Type.A, false);
    assertThat(answer.getHeader().getFlag(Flags.AA)).isTrue();
    assertThat(answer.getSection(Section.ANSWER))
        .extracting(Record::rdataToString)
        .containsExactly("10.1.0.10");
    assertThat(server.counters().queries()).isEqualTo(1);
  }

  @Test
  void saysNoDataAndNoNameApartAndGivesTheSoa() throws Exception {
    Message noData = ask("ns.lab.test.", Type.AAAA, false);
    assertThat(noData.getRcode()).isEqualTo(Rcode.NOERROR);
    assertThat(noData.getSection(Section.ANSWER)).isEmpty();
    assertThat(noData.getSection(Section.AUTHORITY).getFirst().getTTL()).isEqualTo(30);
    assertThat(ask("b.lab.test.", Type.A, false).getRcode()).isEqualTo(Rcode.NOERROR);
    Message noName = ask("nobody.lab.test.", Type.A, false);
    assertThat(noName.getRcode()).isEqualTo(Rcode.NXDOMAIN);
    assertThat(noName.getSection(Section.AUTHORITY)).hasSize(1);
  }

  @Test
  void followsAnAliasWithinTheZoneAndGivesGlue() throws Exception {
    assertThat(ask("www.lab.test.", Type.A, false).getSection(Section.ANSWER))
        .extracting(Record::rdataToString)
        .containsExactly("vm.lab.test.", "10.1.0.10");
    assertThat(ask("lab.test.", Type.NS, false).getSection(Section.ADDITIONAL))
        .extracting(Record::rdataToString)
        .contains("10.9.0.53");
  }

  @Test
  void refusesNamesOfOthersAndTransfers() throws Exception {
    assertThat(ask("example.com.", Type.A, false).getRcode()).isEqualTo(Rcode.REFUSED);
    assertThat(ask("lab.test.", Type.IXFR, true).getRcode()).isEqualTo(Rcode.REFUSED);
  }

  @Test
  void truncatesOverUdpAndIsWholeOverTcp() throws Exception {
    SimpleResolver udp = resolver(null);
    udp.setIgnoreTruncation(true);
    udp.setEDNS(-1);
    Message cut = udp.send(query("many.lab.test.", Type.A));
    assertThat(cut.getHeader().getFlag(Flags.TC)).isTrue();
    assertThat(ask("many.lab.test.", Type.A, true).getSection(Section.ANSWER)).hasSize(100);
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void takesASignedUpdateAndSignsItsAnswer(boolean tcp) throws Exception {
    Update update = move();
    SimpleResolver resolver = resolver(key("mv-key.", SECRET));
    resolver.setTCP(tcp);
    Message answer = resolver.send(update);
    assertThat(answer.getRcode()).isEqualTo(Rcode.NOERROR);
    assertThat(answer.isVerified()).isTrue();
    assertThat(server.zone().values("vm.lab.test", "A")).containsExactly("10.2.0.10");
    assertThat(server.zone().serial()).isEqualTo(8);
    assertThat(server.counters().applied()).isEqualTo(1);
  }

  @Test
  void refusesAnUpdateThatIsNotSigned() throws Exception {
    assertThat(resolver(null).send(move()).getRcode()).isEqualTo(Rcode.REFUSED);
    assertUnchanged();
  }

  @Test
  void saysWhichKeyOrSignatureIsWrong() throws Exception {
    assertTsigError(resolver(key("other-key.", SECRET)).send(move()), Rcode.BADKEY);
    assertTsigError(resolver(key("mv-key.", OTHER_SECRET)).send(move()), Rcode.BADSIG);
    TSIG sha512 = new TSIG(TSIG.HMAC_SHA512, Name.fromString("mv-key."), new byte[64]);
    assertTsigError(resolver(sha512).send(move()), Rcode.BADKEY);
    assertUnchanged();
    assertThat(server.counters().unauthorized()).isEqualTo(3);
  }

  @Test
  void saysThatTheClocksDifferAndSignsThat() throws Exception {
    java.time.Clock slow =
        java.time.Clock.offset(java.time.Clock.systemUTC(), Duration.ofMinutes(-20));
    TSIG late =
        new TSIG(
            TSIG.HMAC_SHA256,
            Name.fromString("mv-key."),
            new javax.crypto.spec.SecretKeySpec(
                java.util.Base64.getDecoder().decode(SECRET), "HmacSHA256"),
            slow);
    Message answer = resolver(late).send(move());
    assertTsigError(answer, Rcode.BADTIME);
    assertThat(answer.isVerified()).isTrue();
    assertThat(answer.getTSIG().getOther()).hasSize(6);
    assertUnchanged();
  }

  @Test
  void doesNotAnswerAnswersOrNoise() throws Exception {
    try (DatagramSocket socket = new DatagramSocket()) {
      socket.connect(address);
      byte[] noise = {1, 2, 3};
      socket.send(new DatagramPacket(noise, noise.length));
      Message answer = query("vm.lab.test.", Type.A);
      answer.getHeader().setFlag(Flags.QR);
      byte[] wire = answer.toWire();
      socket.send(new DatagramPacket(wire, wire.length));
    }
    // asked afterwards, so both have been read by then: one thread reads in order
    ask("vm.lab.test.", Type.A, false);
    assertThat(server.counters().malformed()).isEqualTo(2);
  }

  @Test
  void saysWhereItCannotListen() throws Exception {
    AuthoritativeServer second =
        new AuthoritativeServer(server.zone(), List.of(), SystemClock.INSTANCE);
    assertThatThrownBy(() -> second.start(address))
        .isInstanceOf(DnsException.class)
        .hasMessageStartingWith(
            "The DNS server cannot listen at 127.0.0.1 port " + address.getPort());
  }

  private void assertUnchanged() throws Exception {
    assertThat(server.zone().values("vm.lab.test", "A")).containsExactly("10.1.0.10");
    assertThat(server.zone().serial()).isEqualTo(7);
  }

  private static void assertTsigError(Message answer, int error) {
    assertThat(answer.getHeader().getRcode()).isEqualTo(Rcode.NOTAUTH);
    TSIGRecord signature = answer.getTSIG();
    assertThat(signature).isNotNull();
    assertThat(Rcode.TSIGstring(signature.getError())).isEqualTo(Rcode.TSIGstring(error));
  }

  private static Update move() throws Exception {
    Name name = Name.fromString("vm.lab.test.");
    Update update = new Update(Name.fromString("lab.test."));
    update.present(Record.fromString(name, Type.A, DClass.IN, 0, "10.1.0.10", Name.root));
    update.delete(name, Type.A, "10.1.0.10");
    update.add(name, Type.A, 30, "10.2.0.10");
    return update;
  }

  private Message ask(String name, int type, boolean tcp) throws Exception {
    SimpleResolver resolver = resolver(null);
    resolver.setTCP(tcp);
    return resolver.send(query(name, type));
  }

  private static Message query(String name, int type) throws Exception {
    Message message = Message.newQuery(Record.newRecord(Name.fromString(name), type, DClass.IN));
    assertThat(message.getHeader().getOpcode()).isEqualTo(new Header().getOpcode());
    return message;
  }

  private static TSIG key(String name, String secret) {
    return new TSIG(TSIG.HMAC_SHA256, name, secret);
  }

  private SimpleResolver resolver(@Nullable TSIG key) {
    SimpleResolver resolver = new SimpleResolver(address);
    if (key != null) {
      resolver.setTSIGKey(key);
    }
    resolver.setTimeout(Duration.ofSeconds(10));
    return resolver;
  }
}
