package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.holdfast.redirector.demo.host.DemoHost;
import dev.holdfast.redirector.demo.host.HostPlan;
import dev.holdfast.redirector.demo.host.NameService;
import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.KernelSnapshot;
import dev.holdfast.redirector.demo.lab.Lab;
import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.redirector.demo.lab.LabOptions;
import dev.holdfast.redirector.migration.MigrationRequest;
import dev.holdfast.redirector.migration.RequestRefused;
import dev.holdfast.suite.SideBySide;
import dev.holdfast.tunnel.identity.Fingerprint;
import java.nio.file.Path;
import java.util.List;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/**
 * What cannot be armed is refused in one sentence, and nothing is changed: two real daemons in the
 * demo's lab.
 *
 * <pre>
 *   old host 10.1.0.2 (br0, vnet3) --- router, DNS --- new host 10.2.0.2 (br0)
 * </pre>
 */
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
class RefusalsIT {
  private static final List<String> GRANTED = List.of("10.1.0.0/24");
  private static final String ELSE =
      "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

  private final Cleanup cleanup = new Cleanup();

  @TempDir private Path folder;

  private @Nullable Lab lab;
  private @Nullable NameService names;
  private @Nullable DemoHost old;
  private @Nullable DemoHost fresh;

  private static <T> T there(@Nullable T thing) {
    return java.util.Objects.requireNonNull(thing);
  }

  @BeforeEach
  void build() throws Exception {
    Lab built = Lab.build(LabOptions.plain(), cleanup);
    LabAddresses addresses = LabAddresses.V4;
    lab = built;
    names = NameService.start(built.router(), addresses.router(), addresses.guestOld(), cleanup);
    old =
        new DemoHost(
            new HostPlan("old-host", built.oldHost(), addresses.oldHost(), Lab.BRIDGE, 4, "tun"),
            folder.resolve("old"));
    fresh =
        new DemoHost(
            new HostPlan("new-host", built.newHost(), addresses.newHost(), Lab.BRIDGE, 4, "tun"),
            folder.resolve("new"));
    old.unrehearsed();
    fresh.unrehearsed();
  }

  @AfterEach
  void takeDown() {
    cleanup.close();
    assertThat(cleanup.problems()).isEmpty();
  }

  private static MigrationRequest request() {
    return MigrationRequest.of(
            "web1", List.of("10.1.0.10"), List.of("10.2.0.10"), "new-host", Lab.BRIDGE)
        .guestPort(Lab.OLD_PORT)
        .guestMac(Lab.GUEST_MAC)
        .dnsName(NameService.GUEST_NAME)
        .encapsulation("tls")
        .holdPolicy("queue")
        .flowListCommand("true")
        .request();
  }

  private void startOld(UnaryOperator<HostPlan.Remote> knows) throws Exception {
    there(old).start(knows.apply(there(fresh).asRemote(GRANTED)), there(names), cleanup);
    there(old).awaitReady();
  }

  private void startNew(UnaryOperator<HostPlan.Remote> knows) throws Exception {
    there(fresh).start(knows.apply(there(old).asRemote(GRANTED)), there(names), cleanup);
    there(fresh).awaitReady();
  }

  /**
   * Arming is refused in words that contain {@code words}; neither kernel nor name nor daemon is
   * changed.
   */
  private void refused(MigrationRequest request, String... words) throws Exception {
    KernelSnapshot oldBefore = KernelSnapshot.of(there(lab).oldHost());
    KernelSnapshot newBefore = KernelSnapshot.of(there(lab).newHost());
    List<String> recordsBefore = there(names).records();

    RequestRefused refused =
        catchThrowableOfType(RequestRefused.class, () -> there(old).control().arm(request));

    assertThat(refused.kind()).isEqualTo(RequestRefused.Kind.REFUSED);
    assertThat(refused.getMessage()).contains(words).doesNotContain("Exception");
    assertThat(there(old).control().list()).isEmpty();
    assertThat(oldBefore.differences(KernelSnapshot.of(there(lab).oldHost()), line -> false))
        .isEmpty();
    assertThat(newBefore.differences(KernelSnapshot.of(there(lab).newHost()), line -> false))
        .isEmpty();
    assertThat(there(names).records()).isEqualTo(recordsBefore);
  }

  private static HostPlan.Remote withPin(HostPlan.Remote remote, String fingerprint) {
    return new HostPlan.Remote(remote.host(), Fingerprint.parse(fingerprint), remote.granted());
  }

  @SideBySide
  @Test
  void aRemoteHostThatDoesNotRun() throws Exception {
    startOld(remote -> remote);

    refused(request(), "new-host", "10.2.0.2:4754");
  }

  @SideBySide
  @Test
  void aRemoteHostWithAnotherCertificate() throws Exception {
    startOld(remote -> withPin(remote, ELSE));
    startNew(remote -> remote);

    refused(request(), "new-host", "sha256:", ELSE.substring(0, 12));
  }

  @SideBySide
  @Test
  void aRemoteHostThatDoesNotKnowUs() throws Exception {
    startOld(remote -> remote);
    startNew(remote -> withPin(remote, ELSE));

    refused(request(), "new-host");
    assertThat(there(fresh).control().list()).isEmpty();
  }

  @SideBySide
  @Test
  void anAddressThatTheRemoteHostDoesNotGrant() throws Exception {
    startOld(remote -> remote);
    startNew(
        remote -> new HostPlan.Remote(remote.host(), remote.fingerprint(), List.of("10.7.0.0/24")));

    refused(request(), "new-host", "10.1.0.10", "not granted", "10.7.0.0/24");
    assertThat(there(fresh).control().list()).isEmpty();
  }

  /** The sound request, but for these. */
  private static MigrationRequest request(
      @Nullable String guestPort, @Nullable String dnsName, String encapsulation) {
    MigrationRequest sound = request();
    return MigrationRequest.of(
            sound.name(),
            sound.oldAddresses(),
            sound.newAddresses(),
            sound.remote(),
            sound.deliver())
        .guestPort(guestPort)
        .guestMac(sound.guestMac())
        .dnsName(dnsName)
        .encapsulation(encapsulation)
        .holdPolicy("queue")
        .flowListCommand("true")
        .request();
  }

  private static MigrationRequest request(String encapsulation) {
    return request(request().guestPort(), request().dnsName(), encapsulation);
  }

  private static MigrationRequest requestFrom(String guestPort) {
    return request(guestPort, request().dnsName(), "tls");
  }

  @SideBySide
  @Test
  void ipInIpFromAHostThatOnlyConnects() throws Exception {
    startOld(remote -> remote);
    startNew(remote ->
        new HostPlan.Remote(remote.host(), remote.fingerprint(), remote.granted(), "", true));

    refused(request("ipip"), "new-host has no endpoint of old-host in its config", "NAT");
    assertThat(there(old).control().plan(request("auto")).checks())
        .filteredOn(check -> check.name().equals("encapsulation"))
        .singleElement()
        .satisfies(check ->
            assertThat(check.detail())
                .startsWith("auto: tls, since the config of old-host does not allow clear text"));
    assertThat(there(fresh).control().list()).isEmpty();
  }

  @SideBySide
  @Test
  void whatIsWrongInTheRequest() throws Exception {
    startOld(remote -> remote);
    startNew(remote -> remote);
    MigrationRequest sound = request();

    refused(
        MigrationRequest.of(
                sound.name(), sound.oldAddresses(), sound.newAddresses(), sound.remote(), "br9")
            .guestPort(sound.guestPort())
            .guestMac(sound.guestMac())
            .dnsName(sound.dnsName())
            .encapsulation("tls")
            .holdPolicy("queue")
            .flowListCommand("true")
            .request(),
        "br9");
    refused(requestFrom("vnet9"), "vnet9");
    refused(request(sound.guestPort(), "gone.lab.test", "tls"), "DNS", "gone.lab.test");
    assertThat(there(fresh).control().list()).isEmpty();
  }

  @SideBySide
  @Test
  void aNewLanWithTheOldLansPrefixAndAPortThatNothingSees() throws Exception {
    startOld(remote -> remote);
    startNew(remote -> remote);
    there(lab)
        .oldHost()
        .ip(
            "link add card type veth peer name wire",
            "link add link card name mvt0 type macvtap",
            "link set mvt0 up");
    refused(requestFrom("mvt0"), "mvt0", "macvtap", "Linux bridge");

    // Its other half: by this half the two daemons reach each other.
    there(lab).newHost().ip("route add 10.1.0.128/25 dev br0");
    refused(request(), "separate LANs", "10.1.0.0/24", "overlaps", "10.1.0.128/25", "renumber");
    assertThat(there(old).control().plan(request()).checks())
        .anySatisfy(check -> {
          assertThat(check.name()).isEqualTo("separate LANs");
          assertThat(check.result()).isEqualTo("failed");
        });
    assertThat(there(fresh).control().list()).isEmpty();
  }
}
