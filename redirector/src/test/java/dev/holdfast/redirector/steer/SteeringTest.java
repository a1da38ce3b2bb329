package dev.holdfast.redirector.steer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.redirector.steer.KernelChange.Command;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import dev.holdfast.tunnel.packet.MacAddress;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the changes and scripts of steering say, on a host that has nothing yet. */
class SteeringTest {
  private static final MacAddress GUEST = MacAddress.parse("52:54:00:00:00:10");
  private static final MacAddress BRIDGE = MacAddress.parse("02:00:00:00:00:01");

  private final FakeKernel kernel = new FakeKernel();
  private final HostFacts facts = new HostFacts(kernel);

  @BeforeEach
  void describeHost() {
    kernel.answer(
        "ip -d link show",
        """
        [{"ifname":"br0","flags":["UP"],"mtu":1500,"link_type":"ether","address":"%s",
          "linkinfo":{"info_kind":"bridge","info_data":{"vlan_filtering":0}}},
         {"ifname":"gp","flags":["UP"],"mtu":1500,"link_type":"ether","address":"%s","master":"br0"},
         {"ifname":"ul","flags":["UP"],"mtu":1500,"link_type":"ether",
          "address":"0a:00:00:00:00:09","master":"br0"}]
        """
            .formatted(BRIDGE, BRIDGE));
    kernel.answer("sysctl net/ipv4/conf/br0/forwarding", "0");
    kernel.answer("sysctl net/ipv6/conf/all/forwarding", "0");
    kernel.answer("sysctl net/ipv6/conf/all/force_forwarding", "0");
    kernel.answer("sysctl net/ipv6/conf/br0/force_forwarding", "0");
    kernel.answer("sysctl net/ipv4/neigh/br0/proxy_delay", "80");
    kernel.answer("sysctl net/ipv4/conf/br0/rp_filter", "0");
    kernel.answer("sysctl net/ipv4/conf/all/rp_filter", "1");
  }

  private static SteeringPlan plan(boolean bridged) {
    return new SteeringPlan(
        "m1",
        List.of(IpAddress.parse("10.1.0.10"), IpAddress.parse("fd00:1::10")),
        List.of(IpAddress.parse("10.2.0.10"), IpAddress.parse("fd00:2::10")),
        bridged ? GUEST : null,
        "br0",
        bridged ? BRIDGE : null,
        "gp",
        List.of(IpPrefix.parse("10.1.0.1/24"), IpPrefix.parse("fd00:1::1/64")),
        "hf0");
  }

  private List<KernelChange> allChanges() throws IOException {
    List<KernelChange> changes = new ArrayList<>(new HostSteering(facts, "hf0").changes());
    var redirector = new RedirectorSteering(plan(true), facts);
    changes.addAll(redirector.shared());
    changes.addAll(redirector.arm());
    var endpoint = new EndpointSteering(plan(true), facts);
    changes.addAll(endpoint.shared());
    changes.addAll(endpoint.arm());
    return changes;
  }

  @Test
  void everyChangeIsUndoneOrSaysWhyNot() throws IOException {
    for (KernelChange change : allChanges()) {
      assertThat(change.what()).as("%s", change).isNotBlank();
      assertThat(change.undoWhat()).as("%s", change).isNotBlank();
      if (change.undo().isEmpty()) {
        assertThat(change.undoWhat()).startsWith("nothing: ");
      }
    }
  }

  @Test
  void everythingThatIsAddedIsDeleted() throws IOException {
    for (KernelChange change : allChanges()) {
      long added = change.apply().stream().filter(c -> says(c, " replace ", " add ")).count();
      long deleted = change.undo().stream().filter(c -> says(c, " del ")).count();
      if (!change.undo().isEmpty() && change.undo().stream().noneMatch(c -> says(c, " flush "))) {
        assertThat(deleted).as("%s", change).isEqualTo(added);
      }
    }
  }

  private static boolean says(Command command, String... words) {
    return command instanceof Command.Ip ip
        && List.of(words).stream().anyMatch(word -> (ip.arguments() + " ").contains(word));
  }

  @Test
  void aBlackholeIsThereBeforeTheRouteAboveIt() throws IOException {
    for (KernelChange change : allChanges()) {
      List<String> routes =
          change.apply().stream()
              .filter(command -> says(command, "route replace"))
              .map(command -> ((Command.Ip) command).arguments())
              .toList();
      if (routes.size() == 2) {
        assertThat(routes.getFirst()).contains("blackhole");
        assertThat(routes.getLast()).doesNotContain("blackhole");
      }
    }
  }

  @Test
  void holdIsNothingButElements() {
    var steering = new RedirectorSteering(plan(true), facts);
    assertThat(steering.holdScript().lines()).allMatch(line -> line.startsWith("add element "));
    assertThat(steering.holdScript())
        .contains("bridge holdfast capture4 { 52:54:00:00:00:10 . 10.1.0.10 : 02:00:00:00:00:01 }")
        .contains("bridge holdfast asked6 { 0xfd000001000000000000000000000010 : ")
        .contains("bridge holdfast blocked { \"gp\" }")
        .contains("inet holdfast captured6 { fd00:1::10 }")
        .contains("inet holdfast silenced4 { 0x0a01000a }")
        .contains("inet holdfast spent4 { 10.1.0.10 }")
        .contains("inet holdfast spent6 { fd00:1::10 }");
  }

  @Test
  void whatEndsAHoldMayComeTwiceAndTakesBackItsElements() {
    var steering = new RedirectorSteering(plan(true), facts);
    List<String> added =
        steering.holdScript().lines().map(line -> line.replaceAll(" : .*", " }")).toList();
    String undo =
        steering.arm().stream()
            .flatMap(change -> change.undo().stream())
            .filter(command -> command instanceof Command.Nft)
            .map(command -> ((Command.Nft) command).script())
            .reduce("", String::concat);
    for (String element : added) {
      String deletion = element.replaceFirst("^add", "delete");
      assertThat(undo).contains(deletion);
    }
    for (String script : List.of(steering.unholdScript(), steering.unblockScript())) {
      List<String> lines = script.lines().toList();
      List<String> deletions = lines.stream().filter(line -> line.startsWith("delete")).toList();
      // Each is put in once more before it is taken out, so that it is there in any case.
      assertThat(lines).hasSize(2 * deletions.size());
      assertThat(deletions).isNotEmpty();
    }
    assertThat(steering.unholdScript()).contains("capture4").doesNotContain("blocked");
    assertThat(steering.unholdScript()).doesNotContain("silenced");
  }

  @Test
  void aRoutedGuestIsSteeredByItsAddressAlone() {
    assertThat(new RedirectorSteering(plan(false), facts).holdScript())
        .contains("inet holdfast captured4")
        .doesNotContain("bridge holdfast capture");
    String endpoint = new EndpointSteering(plan(false), facts).arm().toString();
    assertThat(endpoint).contains("returned4 { \"br0\" . 10.1.0.10 }").doesNotContain("lladdr");
  }

  @Test
  void onlyWhatIsNotSoAlreadyIsChanged() throws IOException {
    kernel.answer("sysctl net/ipv4/conf/br0/forwarding", "1");
    kernel.answer("sysctl net/ipv6/conf/all/forwarding", "1");
    kernel.answer("sysctl net/ipv4/neigh/br0/proxy_delay", "0");
    kernel.answer("sysctl net/ipv4/conf/all/rp_filter", "0");
    kernel.answer("ip -d link show", "[]"); // no port has the bridge's MAC
    assertThat(new RedirectorSteering(plan(true), facts).shared()).isEmpty();
  }

  @Test
  void aBridgeWithoutAnAddressTakesFramesFromAnySource() throws IOException {
    for (List<KernelChange> changes :
        List.of(
            new RedirectorSteering(plan(true), facts).shared(),
            new EndpointSteering(plan(true), facts).shared())) {
      assertThat(changes.stream().map(KernelChange::what))
          .contains("check sources loosely on br0")
          .anyMatch(what -> what.startsWith("give br0 the link-scoped address"));
    }
  }

  @Test
  void aSysctlIsPutBackOnlyWhileItIsOurs() throws IOException {
    List<Command> undo =
        new RedirectorSteering(plan(true), facts)
            .shared().stream().flatMap(change -> change.undo().stream()).toList();
    assertThat(undo)
        .contains(new Command.SysctlBack("net/ipv4/neigh/br0/proxy_delay", "0", "80"))
        .contains(new Command.SysctlBack("net/ipv4/conf/br0/forwarding", "1", "0"))
        .noneMatch(command -> command instanceof Command.Sysctl);
  }

  @Test
  void theGuardStandsBeforeForwardingBegins() throws IOException {
    KernelChange forwarding =
        new RedirectorSteering(plan(true), facts)
            .shared().stream()
                .filter(change -> change.what().startsWith("forward IPv4"))
                .findFirst()
                .orElseThrow();
    assertThat(forwarding.apply().getFirst()).isInstanceOf(Command.Nft.class);
    assertThat(forwarding.undo().getLast()).isInstanceOf(Command.Nft.class);
  }

  @Test
  void prefixesOfTheOldLanLoseTheirHostBits() {
    assertThat(new EndpointSteering(plan(true), facts).arm().toString())
        .contains("52:54:00:00:00:10 . 10.1.0.10 . 10.1.0.0/24 : 02:00:00:00:00:01")
        .contains(". 0xfd000001000000000000000000000000/64 : 02:00:00:00:00:01");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "br0; reboot", "a\nlink del eth0", "x\"", "sixteen-letters-"})
  void aNameThatIsNoInterfacesGetsIntoNoScript(String name) {
    assertThatThrownBy(() ->
            new SteeringPlan("m1", List.of(), List.of(), null, name, null, null, List.of(), "hf0"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("interface");
  }

  @Test
  void theTablesScriptHasNoPlaceholderLeft() {
    for (boolean keepTtl : new boolean[] {false, true}) {
      assertThat(HoldfastTables.script("hf0", keepTtl))
          .doesNotContainPattern("@[A-Z_]+@")
          .contains("\"hf0\"");
    }
  }
}
