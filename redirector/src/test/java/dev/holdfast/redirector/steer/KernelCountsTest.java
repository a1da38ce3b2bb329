package dev.holdfast.redirector.steer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.tunnel.packet.IpAddress;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What nft 1.0.6 prints of the sets in which the kernel counts for us. */
class KernelCountsTest {
  private static String set(String... elements) {
    return """
    table inet holdfast {
    \tset name {
    \t\ttype ipv4_addr
    \t\tcounter
    \t\telements = { %s }
    \t}
    }
    """
        .formatted(String.join(",\n\t\t\t     ", elements));
  }

  private static String element(String key, int packets) {
    return key + " counter packets " + packets + " bytes 84";
  }

  @Test
  void whatTheGuestSendsToGroupsIsItsOwn() throws IOException {
    FakeKernel kernel = new FakeKernel();
    String concat = "52:54:00:10:00:10 . ";
    kernel.answer("nft list set bridge holdfast grouped4", set(element(concat + "10.1.0.10", 5)));
    kernel.answer(
        "nft list set bridge holdfast_pcap grouped6", set(element(concat + "fd00:1::10", 6)));
    String routed = "\"tap3\" . ";
    kernel.answer("nft list set inet holdfast grouped4", set(element(routed + "10.1.0.10", 50)));
    kernel.answer(
        "nft list set netdev holdfast_pcap grouped6", set(element(concat + "fd00:1::10", 60)));
    NftCounts facts = new NftCounts(kernel);
    assertThat(facts.groupPackets(List.of(IpAddress.parse("10.1.0.10")), false)).isEqualTo(55);
    assertThat(facts.groupPackets(List.of(IpAddress.parse("fd00:1::10")), true)).isEqualTo(66);
    assertThat(facts.groupPackets(List.of(IpAddress.parse("10.1.0.11")), false)).isZero();
  }

  @Test
  void whatAHeldGuestDoesNotHearIsThatOfItsPort() throws IOException {
    FakeKernel kernel = new FakeKernel();
    String two = set(element("\"tap3\"", 7), element("\"tap4\"", 100));
    kernel.answer("nft list set bridge holdfast missed", two);
    kernel.answer("nft list set inet holdfast missed", set(element("\"tap3\"", 70)));
    kernel.answer("nft list set bridge holdfast_pcap missed", two);
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
        set(element("0xa01000a", 3), element("0xa01000b", 100))); // 10.1.0.10, .11
    kernel.answer(
        "nft list set inet holdfast silenced6",
        set(element("0xfd000001000000000000000000000010", 4)));
    NftCounts facts = new NftCounts(kernel);
    IpAddress four = IpAddress.parse("10.1.0.10");
    IpAddress six = IpAddress.parse("fd00:1::10");
    assertThat(facts.errorsKeptBack(List.of(four))).isEqualTo(3);
    assertThat(facts.errorsKeptBack(List.of(four, six))).isEqualTo(7);
    assertThat(facts.errorsKeptBack(List.of(IpAddress.parse("10.1.0.12")))).isZero();
  }

  @Test
  void whoseTtlWasUsedUpIsToldByItsAddress() throws IOException {
    FakeKernel kernel = new FakeKernel();
    kernel.answer(
        "nft list set inet holdfast spent4", set(element("10.1.0.10", 3), element("10.1.0.1", 50)));
    kernel.answer("nft list set inet holdfast spent6", set(element("fd00:1::10", 4)));
    NftCounts facts = new NftCounts(kernel);
    IpAddress four = IpAddress.parse("10.1.0.10");
    IpAddress six = IpAddress.parse("fd00:1::10");
    assertThat(facts.spent(List.of(four, six))).isEqualTo(7);
    assertThat(facts.spent(List.of(IpAddress.parse("10.1.0.100")))).isZero();
  }
}
