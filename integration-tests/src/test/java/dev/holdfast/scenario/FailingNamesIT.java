package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.dns.LossyProxy;
import dev.holdfast.redirector.demo.host.NameService;
import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.GuestCable;
import dev.holdfast.redirector.demo.lab.Lab;
import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.redirector.demo.lab.LabOptions;
import dev.holdfast.redirector.demo.lab.Tool;
import dev.holdfast.redirector.dns.TsigKey;
import dev.holdfast.redirector.dns.server.AuthoritativeServer;
import dev.holdfast.redirector.dns.server.Zone;
import dev.holdfast.redirector.migration.MigrationRequest;
import dev.holdfast.redirector.migration.MigrationView;
import dev.holdfast.redirector.migration.MigrationView.DnsView;
import dev.holdfast.redirector.migration.RequestRefused;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.time.SystemClock;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;
import org.xbill.DNS.Rcode;

/**
 * A guest with a name in each of five zones moves, and after arm the servers of four go wrong: one
 * refuses, one says that it is in trouble, one is silent, one says yes and does nothing. The
 * reverse zone's server is gone. The first name moves, the migration goes on, each of the others is
 * told of, and both ends of the migration are open: rolled back, or finished by the daemon that
 * comes next, which does what is owed.
 *
 * <pre>
 *   router 10.9.0.1 (lab.test; 10.in-addr.arpa on port 54), 10.9.0.61 to .64 (one zone each)
 * </pre>
 */
@Tag("suite-tools")
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
class FailingNamesIT {
  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final int RCODE = 3;
  private static final int HEADER = 12;

  /** What becomes of an update once the server has gone wrong. */
  private enum Fault {
    REFUSES("refuse.test", Rcode.REFUSED),
    FAILS("fail.test", Rcode.SERVFAIL),
    IS_SILENT("silent.test", -1),
    LIES("lie.test", Rcode.NOERROR);

    private final String zone;
    private final int rcode;

    Fault(String zone, int rcode) {
      this.zone = zone;
      this.rcode = rcode;
    }

    String guest() {
      return "vm." + zone;
    }

    InetAddress address() {
      return IpAddress.parse("10.9.0." + (61 + ordinal())).toInetAddress();
    }

    /** An answer that nobody has signed, or none. */
    byte @Nullable [] to(byte[] request) {
      if (rcode < 0) {
        return null;
      }
      byte[] answer = Arrays.copyOf(request, HEADER);
      answer[2] |= (byte) 0x80;
      answer[RCODE] = (byte) rcode;
      Arrays.fill(answer, 4, HEADER, (byte) 0);
      return answer;
    }
  }

  /** As long as its time has come, no update comes to the server. */
  private final class Wrong implements LossyProxy.Fate {
    private final Fault fault;

    Wrong(Fault fault) {
      this.fault = fault;
    }

    @Override
    public boolean passesOn(byte[] request) throws IOException {
      return !wrong || !LossyProxy.isUpdate(request);
    }

    @Override
    public byte @Nullable [] of(byte[] request, byte[] answer) {
      return answer.length == 0 ? fault.to(request) : answer;
    }
  }

  private final Cleanup cleanup = new Cleanup();
  private final Map<Fault, AuthoritativeServer> servers = new LinkedHashMap<>();
  private final IpAddress old = LabAddresses.V4.guestOld();
  private final IpAddress fresh = LabAddresses.V4.guestNew();
  private volatile boolean wrong;

  @TempDir private Path folder;
  private Lab lab;
  private TwoHosts hosts;
  private GuestCable cable;

  @AfterEach
  void takeDown() {
    cleanup.close();
    assertThat(cleanup.problems()).isEmpty();
  }

  @Test
  void theOtherNamesMoveAndWhatIsOwedIsDoneLater() throws Exception {
    lab = Lab.build(LabOptions.plain(), cleanup);
    cable = new GuestCable(lab);
    hosts = TwoHosts.start(lab, LabAddresses.V4, folder, cleanup);
    for (Fault fault : Fault.values()) {
      serve(fault);
    }
    hosts.old().kill();
    hosts.old().startAgain(); // it knows the further zones now
    Talk.serve(lab.guest(), old, cleanup);
    Talk talk = Talk.open(lab.client(), 0, old);
    cleanup.add("a connection", talk::close);

    moveWhileServersGoWrong();
    assertThat(talk.say("moved")).isNotEmpty();
    awaitTold();
    cable.unplug();
    cable.plugInAtOldHost();
    cable.takeOldAddresses();
    hosts.old().control().rollback(TwoHosts.NAME, false);
    assertThat(view().state()).isEqualTo("rolled-back");
    assertThat(talk.say("back")).isNotEmpty();
    await("the first name is back", () -> now(NameService.GUEST_NAME).equals(old.toString()));
    setRight();
    await("nothing has to be put back any more", () -> areAll(old));

    moveWhileServersGoWrong();
    assertThat(talk.say("moved again")).isNotEmpty();
    awaitTold();
    assertThatThrownBy(() -> hosts.old().control().finish(TwoHosts.NAME, false))
        .isInstanceOf(RequestRefused.class)
        .hasMessageContaining("1 connections still use the old address");
    hosts.old().kill();
    setRight();
    hosts.old().startAgain();
    await("all names have moved", () -> areAll(fresh));
    await("the PTR record follows", () -> records().noneMatch(each -> each.contains("10.0.1.10")));
    assertThat(talk.say("all is well")).isNotEmpty();
    talk.close();
    hosts.awaitDone(LIMIT);
    hosts.nothingIsLeft();
  }

  private void serve(Fault fault) throws Exception {
    Path config = hosts.old().configFile();
    String text = Files.readString(config);
    String first =
        text.substring(
            text.indexOf("[[dns]]"), text.indexOf("[[dns]]", text.indexOf("[[dns]]") + 1));
    Files.writeString(
        config,
        text
            + "\n"
            + first
                .replace(NameService.ZONE, fault.zone + ".")
                .replaceAll("\"[^\"]*:53\"", "\"" + fault.address().getHostAddress() + ":53\""));
    Zone zone =
        Zone.parse(
            fault.zone + ".",
            """
            @ 60 IN SOA ns admin 1 3600 600 86400 1
            @ 60 IN NS ns
            ns 60 IN A %s
            vm 2 IN A %s
            """
                .formatted(fault.address().getHostAddress(), old));
    TsigKey key =
        TsigKey.of(NameService.KEY_NAME, NameService.KEY_ALGORITHM, hosts.names().secret());
    var server = new AuthoritativeServer(zone, List.of(key), SystemClock.INSTANCE);
    servers.put(fault, server);
    cleanup.add("a name server", server::close);
    lab.router().ip("addr add " + fault.address().getHostAddress() + "/32 dev lo");
    LossyProxy front =
        lab.router()
            .call(() ->
                new LossyProxy(
                    new InetSocketAddress(fault.address(), 53),
                    server.start(new InetSocketAddress("127.0.0.1", 0)),
                    new Wrong(fault)));
    cleanup.add("what stands before it", front::close);
  }

  /** From arm to release; the servers go wrong in between. */
  private void moveWhileServersGoWrong() throws Exception {
    StringBuilder names = new StringBuilder(NameService.GUEST_NAME);
    for (Fault fault : Fault.values()) {
      names.append(',').append(fault.guest());
    }
    armOnceAllIsPutBack(
        MigrationRequest.of(
                TwoHosts.NAME,
                List.of(old.toString()),
                List.of(fresh.toString()),
                "new-host",
                Lab.BRIDGE)
            .guestPort(Lab.OLD_PORT)
            .guestMac(Lab.GUEST_MAC)
            .dnsName(names.toString())
            .encapsulation("tls")
            .flowListCommand(String.join(" ", lab.guest().within("ss", "-Htn")))
            .request());
    wrong = true;
    nft("add table inet gone");
    nft("add chain inet gone in { type filter hook input priority 0 ; }");
    nft("add rule inet gone in meta l4proto { tcp, udp } th dport 54 reject");
    hosts.hold();
    cable.unplug();
    cable.plugInAtNewHost();
    cable.takeNewAddresses();
    hosts.release();
  }

  /** What an earlier migration still has to put back would be lost otherwise. */
  private void armOnceAllIsPutBack(MigrationRequest request) throws Exception {
    await(
        "it can be armed",
        () -> {
          try {
            return hosts.arm(request) != null;
          } catch (RequestRefused e) {
            assertThat(e).hasMessageContaining("is still being put in order after migration web1");
            return false;
          }
        });
  }

  private void setRight() throws Exception {
    wrong = false;
    nft("delete table inet gone");
  }

  private void nft(String command) throws Exception {
    String unused = Tool.run(lab.router().within(("nft " + command).split(" ")));
  }

  /** Which names do not move, and what to do; the first one has moved. */
  private void awaitTold() throws Exception {
    await("the first name moves", () -> now(NameService.GUEST_NAME).equals(fresh.toString()));
    for (Fault fault : Fault.values()) {
      await(
          fault + " is told of: " + view().alerts(),
          () ->
              view().alerts().stream()
                  .anyMatch(alert ->
                      alert.contains("DNS still says the old address of " + fault.guest())
                          && alert.contains(fault.address().getHostAddress())
                          && alert.contains("holdfast dns update")));
      assertThat(now(fault.guest())).isEqualTo(old.toString());
    }
    await(
        "the PTR record is told of: " + view().alerts(),
        () -> view().alerts().stream().anyMatch(alert -> alert.contains("PTR record is not")));
    assertThat(view().state()).isEqualTo("redirecting");
    assertThat(view().legal()).contains("rollback", "finish");
  }

  private MigrationView view() throws Exception {
    return hosts.old().control().show(TwoHosts.NAME);
  }

  private String now(String name) throws Exception {
    return Objects.requireNonNull(view().dns()).all().stream()
        .filter(each -> each.name().equals(name))
        .map(DnsView::now)
        .map(each -> String.join(" ", each))
        .findFirst()
        .orElseThrow();
  }

  /** What the servers themselves have. */
  private boolean areAll(IpAddress address) {
    return servers.values().stream()
            .allMatch(server -> server.zone().lines().stream().anyMatch(is("vm.", address)))
        && records().anyMatch(is(NameService.GUEST_NAME, address));
  }

  private static Predicate<String> is(String name, IpAddress address) {
    return line -> line.startsWith(name) && line.endsWith(" " + address);
  }

  private Stream<String> records() {
    return hosts.names().records().stream();
  }

  private interface Condition {
    boolean isMet() throws Exception;
  }

  private void await(String what, Condition condition) throws Exception {
    long end = System.nanoTime() + LIMIT.toNanos();
    while (!condition.isMet()) {
      assertThat(System.nanoTime() - end).as("does not come: %s; %s", what, view()).isNegative();
      Thread.sleep(50);
    }
  }
}
