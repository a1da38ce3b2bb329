package dev.holdfast.redirector.dns.server;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.holdfast.fuzz.Bytes;
import dev.holdfast.fuzz.StandingClock;
import dev.holdfast.redirector.dns.TsigKey;
import java.io.IOException;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;
import org.xbill.DNS.Message;
import org.xbill.DNS.Opcode;
import org.xbill.DNS.Rcode;

/** What anybody may ask the demo's name server. */
class NameServerFuzzTest {
  private static final String ZONE =
      """
      $TTL 300
      @ IN SOA ns admin 7 3600 600 86400 30
      @ IN NS ns
      ns IN A 10.9.0.53
      vm IN A 10.1.0.10
      vm IN AAAA fd00:1::10
      www IN CNAME vm
      """;

  @MethodSource("requests")
  @FuzzTest
  void requests(byte[] data) throws Exception {
    TsigKey key =
        TsigKey.of("mv-key.", "hmac-sha256", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=");
    Zone zone = Zone.parse("lab.test", ZONE);
    try (var server = new AuthoritativeServer(zone, List.of(key), new StandingClock())) {
      byte[] answer = server.respond(data, false);
      if (answer != null) {
        assertThat(answer.length).isLessThanOrEqualTo(1232);
        assertThat(new Message(answer).getHeader().getID())
            .isEqualTo((data[0] & 0xff) << 8 | data[1] & 0xff);
        byte[] whole = server.respond(data, true);
        assertThat(whole).isNotNull();
      }
      assertThat(server.zone()).as("nobody has signed anything").isSameAs(zone);
    }
  }

  /** What whoever has the key may ask for. */
  @MethodSource("requests")
  @FuzzTest
  void updates(byte[] data) throws Exception {
    Zone zone = Zone.parse("lab.test", ZONE);
    Message message;
    try {
      message = new Message(data);
    } catch (IOException e) {
      return;
    }
    if (message.getHeader().getOpcode() == Opcode.UPDATE
        && ZoneUpdate.checkZone(zone, message) == Rcode.NOERROR) {
      ZoneUpdate.Outcome outcome = ZoneUpdate.apply(zone, message);
      assertThat(outcome.rcode()).isBetween(0, 10);
    }
  }

  static Stream<byte[]> requests() {
    String zone = "036c616204746573740000060001";
    return Stream.of(
            "123400000001000000000000" + "02766d036c616204746573740000010001",
            "123401000001000000000001"
                + "03777777036c6162047465737400001c0001"
                + "0000290200000080000000",
            "123428000001000000010000" + zone + "02766d" + "c00c" + "000100010000001e00040a02000a",
            "123428000001000100020000"
                + zone
                + "02766dc00c00ff00ff000000000000"
                + "02766dc00c000100ff000000000000"
                + "02766dc00c000100010000001e00040a02000a",
            "123428000001000000010000" + zone + "c00c000600ff000000000000",
            "123480000000000000000000",
            "12340000000200000000")
        .map(Bytes::hex);
  }
}
