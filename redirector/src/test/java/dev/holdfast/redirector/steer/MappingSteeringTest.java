package dev.holdfast.redirector.steer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.redirector.migration.MigrationPlan.Check;
import dev.holdfast.redirector.steer.KernelChange.Command;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import dev.holdfast.tunnel.packet.MacAddress;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a guest that does not know its new addresses asks of its new host's kernel. */
class MappingSteeringTest {
  private static final MacAddress GUEST = MacAddress.parse("52:54:00:10:00:10");
  private static final List<IpAddress> OLDS = addresses("10.1.0.10", "fd00:1::10", "10.1.0.11");
  private static final List<IpAddress> NEWS = addresses("fd00:2::10", "10.2.0.10", "10.2.0.11");

  private final FakeKernel kernel = new FakeKernel();
  private final HostFacts facts = new HostFacts(kernel);

  @TempDir private Path folder;

  private static List<IpAddress> addresses(String... texts) {
    return Stream.of(texts).map(IpAddress::parse).toList();
  }

  @BeforeEach
  void aHostThatForwards() {
    for (String conf : List.of("net/ipv4/conf/br0", "net/ipv6/conf/all")) {
      kernel.answer("sysctl " + conf + "/forwarding", "1");
    }
    kernel.answer("sysctl net/ipv4/conf/br0/rp_filter", "0");
    kernel.answer("sysctl net/ipv4/conf/all/rp_filter", "0");
  }

  private static SteeringPlan plan(@Nullable MacAddress bridge) {
    return new SteeringPlan(
        "m1",
        OLDS,
        NEWS,
        GUEST,
        "br0",
        bridge,
        null,
        List.of(IpPrefix.parse("10.1.0.1/24"), IpPrefix.parse("fd00:1::1/64")),
        "hf0");
  }

  private MappingSteering steering() {
    return new MappingSteering(plan(MacAddress.parse("52:54:00:a2:00:02")), facts);
  }

  @Test
  void eachNewAddressIsMappedToTheOldOneInItsPlace() {
    assertThat(steering().mapScript())
        .contains(
            "add element ip holdfast inward { 10.2.0.10 : 10.1.0.10 }",
            "add element ip holdfast outward { 10.1.0.11 : 10.2.0.11 }",
            "add element ip6 holdfast inward { fd00:2::10 : fd00:1::10 }",
            "add element ip holdfast lans { 10.1.0.11 . 10.1.0.0/24 }",
            "add element ip6 holdfast lans { fd00:1::10 . fd00:1::/64 }");
    assertThat(steering().settleScript())
        .contains("delete element ip holdfast lans { 10.1.0.10 . 10.1.0.0/24 }")
        .doesNotContain("inward", "outward");
  }

  @Test
  void armSwitchesNoMappingOn() {
    for (KernelChange change : steering().arm()) {
      for (Command each : change.apply()) {
        assertThat(each.toString()).doesNotContain("inward", "outward", "fresh {");
      }
    }
  }

  @Test
  void allThatIsSwitchedOnIsUndone() throws IOException {
    KernelLedger ledger = KernelLedger.open(folder.resolve("kernel.jsonl"), kernel);
    ledger.apply("m1", steering().arm());
    ledger.close();
    kernel.forget();
    KernelLedger next = KernelLedger.open(folder.resolve("kernel.jsonl"), kernel); // after a crash
    kernel.refuse("conntrack -f ipv4 -D --reply-dst", "0 flow entries have been deleted.");
    assertThat(next.undo("m1")).isEmpty();
    String undone = String.join("\n", kernel.said());
    steering()
        .mapScript()
        .lines()
        .map(line -> line.replace("add element", "delete element").replaceFirst(" : .* }", " }"))
        .forEach(line -> assertThat(undone).contains(line));
    assertThat(undone)
        .contains(
            "conntrack -f ipv4 -D --orig-dst 10.2.0.10",
            "conntrack -f ipv4 -D --reply-dst 10.2.0.11",
            "conntrack -f ipv6 -D --orig-dst fd00:1::10",
            "conntrack -f ipv6 -D --orig-src fd00:1::10 --reply-dst fd00:1::10");
  }

  @Test
  void nothingThatTheGuestAsksIsHeardOnTheNewLan() {
    String arm = steering().arm().toString();
    assertThat(arm)
        .contains(GUEST + " . 10.1.0.10 . 0.0.0.0/0 : ", GUEST + " . 0x" + "0".repeat(32) + "/0 : ")
        .doesNotContain("renamed");
  }

  @Test
  void withoutABridgeItCannotBe() {
    assertThatThrownBy(() -> new MappingSteering(plan(null), facts))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("br0 is no bridge");
    assertThatThrownBy(() -> AddressPairs.of(OLDS, addresses("10.2.0.10", "fd00:2::10", "::5")))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void preflightSaysWhatIsInTheWay() throws IOException {
    KernelLedger ledger = KernelLedger.open(folder.resolve("kernel.jsonl"), kernel);
    kernel.answer("conntrack -C", "90\n");
    kernel.answer("sysctl net/netfilter/nf_conntrack_max", "100");
    kernel.refuse("nft check", "Operation not supported");
    List<Check> checks = new Preflight("host-b", facts, ledger).mapping(kernel, NEWS, null, "br0");
    assertThat(checks)
        .filteredOn(check -> check.result().equals("failed"))
        .extracting(Check::detail)
        .anySatisfy(detail -> assertThat(detail).contains("known by it alone"))
        .anySatisfy(detail -> assertThat(detail).contains("Operation not supported"))
        .anySatisfy(detail -> assertThat(detail).contains("10.2.0.10 is in no prefix of br0"))
        .anySatisfy(detail -> assertThat(detail).contains("no default route for IPv6"));
    assertThat(checks)
        .filteredOn(check -> check.result().equals("warning"))
        .extracting(Check::detail)
        .containsExactly("90 of 100 entries are taken; what finds no room is dropped");
  }
}
