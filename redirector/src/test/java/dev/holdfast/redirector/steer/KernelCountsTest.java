package dev.holdfast.redirector.steer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.tunnel.packet.IpAddress;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What nft 1.0.6 prints of the sets in which the kernel counts for us. */
class KernelCountsTest {
  private static final String SET =
      """
      {"nftables": [{"metainfo": {"version": "1.0.6", "json_schema_version": 1}},
        {"set": {"family": "inet", "name": "%s", "table": "holdfast", "type": "integer",
          "elem": [%s], "stmt": [{"counter": null}]}}]}
      """;

  private static String element(String value, int packets) {
    return "{\"elem\": {\"val\": %s, \"counter\": {\"packets\": %d, \"bytes\": 84}}}"
        .formatted(value, packets);
  }

  @Test
  void whatTheGuestSendsToGroupsIsItsOwn() throws IOException {
    FakeKernel kernel = new FakeKernel();
    String concat = "{\"concat\": [\"52:54:00:10:00:10\", \"%s\"]}";
    kernel.answer(
        "nft list set bridge holdfast grouped4",
        SET.formatted("grouped4", element(concat.formatted("10.1.0.10"), 5)));
    kernel.answer(
        "nft list set bridge holdfast_pcap grouped6",
        SET.formatted("grouped6", element(concat.formatted("fd00:1::10"), 6)));
    String routed = "{\"concat\": [\"tap3\", \"%s\"]}";
    kernel.answer(
        "nft list set inet holdfast grouped4",
        SET.formatted("grouped4", element(routed.formatted("10.1.0.10"), 50)));
    kernel.answer(
        "nft list set netdev holdfast_pcap grouped6",
        SET.formatted("grouped6", element(concat.formatted("fd00:1::10"), 60)));
    NftCounts facts = new NftCounts(kernel);
    assertThat(facts.groupPackets(List.of(IpAddress.parse("10.1.0.10")), false)).isEqualTo(55);
    assertThat(facts.groupPackets(List.of(IpAddress.parse("fd00:1::10")), true)).isEqualTo(66);
    assertThat(facts.groupPackets(List.of(IpAddress.parse("10.1.0.11")), false)).isZero();
  }

  @Test
  void whatAHeldGuestDoesNotHearIsThatOfItsPort() throws IOException {
    FakeKernel kernel = new FakeKernel();
    String two = element("\"tap3\"", 7) + "," + element("\"tap4\"", 100);
    kernel.answer("nft list set bridge holdfast missed", SET.formatted("missed", two));
    kernel.answer(
        "nft list set inet holdfast missed", SET.formatted("missed", element("\"tap3\"", 70)));
    kernel.answer("nft list set bridge holdfast_pcap missed", SET.formatted("missed", two));
    NftCounts facts = new NftCounts(kernel);
    assertThat(facts.groupPacketsMissed("tap3", false)).isEqualTo(77);
    assertThat(facts.groupPacketsMissed("tap4", true)).isEqualTo(100);
    assertThat(facts.groupPacketsMissed("tap5", false)).isZero();
  }

  @Test
  void eachMigrationHasTheErrorsAboutItsOwnAddresses() throws IOException {
    FakeKernel kernel = new FakeKernel();
    kernel.answer(
        "nft list set inet holdfast silenced4",
        SET.formatted(
            "silenced4",
            element("167837706", 3) + "," + element("167837707", 100))); // 10.1.0.10, .11
    kernel.answer(
        "nft list set inet holdfast silenced6",
        SET.formatted("silenced6", element("\"0xfd000001000000000000000000000010\"", 4)));
    NftCounts facts = new NftCounts(kernel);
    IpAddress four = IpAddress.parse("10.1.0.10");
    IpAddress six = IpAddress.parse("fd00:1::10");
    assertThat(facts.errorsKeptBack(List.of(four))).isEqualTo(3);
    assertThat(facts.errorsKeptBack(List.of(four, six))).isEqualTo(7);
    assertThat(facts.errorsKeptBack(List.of(IpAddress.parse("10.1.0.12")))).isZero();
  }
}
