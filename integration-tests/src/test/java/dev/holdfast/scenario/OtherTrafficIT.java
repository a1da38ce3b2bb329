package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.Lab;
import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.redirector.demo.lab.Tool;
import dev.holdfast.redirector.migration.MigrationView;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import dev.holdfast.tunnel.packet.PacketBuilder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * What is not a connection of TCP, and what is a strange one, goes through a migration as it is, in
 * both families ({@link TrafficLab} draws where). Ping and traceroute see the path without the
 * hosts, which say nothing.
 */
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
class OtherTrafficIT {
  /** The router, and both hosts. */
  private static final int HOPS = 3;

  private final Cleanup cleanup = new Cleanup();

  @TempDir private Path folder;

  @AfterEach
  void takeDown() {
    cleanup.close();
    assertThat(cleanup.problems()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource("ipip, tun")
  void everyKindOfPacketArrivesAsItWasSent(String encapsulation, String capture) throws Exception {
    everyKind(encapsulation, capture);
  }

  @Tag("suite-ways")
  @ParameterizedTest
  @CsvSource({"tls, tun", "tls, pcap", "ipip, pcap"})
  void everyKindOfPacketArrivesAsItWasSentOtherwise(String encapsulation, String capture)
      throws Exception {
    everyKind(encapsulation, capture);
  }

  private void everyKind(String encapsulation, String capture) throws Exception {
    TrafficLab there = new TrafficLab(encapsulation, capture, LabAddresses.V4, folder, cleanup);
    there.arm();
    List<Crafted> held = TrafficLab.packets(true, 0);
    there.hold();
    there.sendToGuest(held);
    Thread.sleep(200); // so that what should not be delivered has had the time for it
    TrafficLab.awaitAt(there.guest, List.of(), HOPS);
    there.release();
    TrafficLab.awaitAt(there.guest, held, HOPS);

    there.guest.forget();
    List<Crafted> live = TrafficLab.packets(true, 1);
    List<Crafted> answers = TrafficLab.packets(false, 2);
    there.sendToGuest(live);
    there.sendFromGuest(answers);
    TrafficLab.awaitAt(there.guest, live, HOPS);
    TrafficLab.awaitAt(there.client, answers, HOPS);

    groupsStayWhereTheyAre(there);
    pingsAreAnswered(there);
    tracesShowAllButTheHosts(there);
    assertThat(there.saidByHosts()).as("of the hosts' own").isEmpty();

    Thread.sleep(250);
    // The traces' packets end before the kernel could say so.
    for (MigrationView view :
        List.of(
            there.hosts.old().control().show(TwoHosts.NAME),
            there.hosts.fresh().control().show(TwoHosts.NAME))) {
      assertThat(view.drops()).as("%s", view.role()).containsKey("ttl-exceeded");
      assertThat(view.icmpErrorsKeptBack()).as("%s", view.role()).isNotNull();
    }
    there.finish();
    MigrationView done = there.hosts.old().control().show(TwoHosts.NAME);
    assertThat(Objects.requireNonNull(done.report()).icmpErrorsKeptBack())
        .isEqualTo(done.icmpErrorsKeptBack());
    there.hosts.nothingIsLeft();
  }

  // ---- multicast and broadcast ----

  private static void groupsStayWhereTheyAre(TrafficLab there) throws Exception {
    IpAddress old4 = LabAddresses.V4.guestOld();
    IpAddress old6 = LabAddresses.V6.guestOld();
    Map<String, PacketBuilder> groups = new LinkedHashMap<>();
    groups.put("01:00:5e:00:00:fb", to(old4, "224.0.0.251"));
    groups.put("01:00:5e:01:02:03", to(old4, "239.1.2.3"));
    groups.put("ff:ff:ff:ff:ff:ff", to(old4, "255.255.255.255"));
    groups.put("33:33:00:00:00:fb", to(old6, "ff02::fb"));
    groups.put("33:33:00:00:01:02", to(old6, "ff15::102"));
    List<PacketWire> others = new ArrayList<>();
    try {
      Lab lab = there.lab;
      others.add(PacketWire.open(lab.router(), "to-old"));
      others.add(PacketWire.open(lab.router(), "to-new"));
      others.add(PacketWire.open(Objects.requireNonNull(lab.peer()), "eth0"));
      for (Map.Entry<String, PacketBuilder> group : groups.entrySet()) {
        there.guest.send(MacAddress.parse(group.getKey()), Crafted.bytes(group.getValue()));
      }
      there.guest.send( // to all of its old LAN
          MacAddress.parse("ff:ff:ff:ff:ff:ff"), Crafted.bytes(to(old4, "10.1.0.255")));
      Thread.sleep(200);
      for (PacketWire other : others) {
        assertThat(other.heard())
            .noneMatch(packet ->
                Crafted.isV4(packet)
                    ? TrafficLab.names(packet, 12, old4) && (packet[16] & 0xff) >= 224
                    : TrafficLab.names(packet, 8, old6) && packet[24] == (byte) 0xff)
            .noneMatch(packet ->
                Crafted.isV4(packet)
                    && TrafficLab.names(packet, 16, IpAddress.parse("10.1.0.255")));
      }
    } finally {
      others.forEach(PacketWire::close);
    }
    Thread.sleep(250); // the kernel's counts are not read more often
    assertThat(there.hosts.fresh().control().show(TwoHosts.NAME).drops().get("multicast"))
        .isNotNull()
        .isGreaterThanOrEqualTo(groups.size() + 1L);
  }

  private static PacketBuilder to(IpAddress old, String group) {
    return new PacketBuilder(old, IpAddress.parse(group)).udp(5_353, 5_353).ttl(9).payload(40);
  }

  // ---- ping and traceroute ----

  /** A run of a program, and what is to be seen of it. */
  private interface Look {
    String at(Namespace from, LabAddresses family, IpAddress source, IpAddress target)
        throws Exception;
  }

  /** From the client to the old address and back, in both families, all at once. */
  private static Map<String, String> everyWay(TrafficLab there, Look look) throws Exception {
    Map<String, Future<String>> runs = new LinkedHashMap<>();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (LabAddresses family : List.of(LabAddresses.V4, LabAddresses.V6)) {
        IpAddress client = family.client();
        IpAddress old = family.guestOld();
        runs.put(
            client + " to " + old,
            threads.submit(() -> look.at(there.lab.client(), family, client, old)));
        runs.put(
            old + " to " + client,
            threads.submit(() -> look.at(there.lab.guest(), family, old, client)));
      }
    }
    Map<String, String> seen = new LinkedHashMap<>();
    for (Map.Entry<String, Future<String>> run : runs.entrySet()) {
      seen.put(run.getKey(), run.getValue().get());
    }
    return seen;
  }

  private static void pingsAreAnswered(TrafficLab there) throws Exception {
    for (String size : List.of("56", "1400", "4000")) {
      // 4000 bytes are three fragments; over IPv6 their sender first has to learn how small.
      String fragmentation = size.equals("4000") ? "dont" : "do";
      Look look =
          (from, family, source, target) ->
              Tool.run(
                  from.within(
                      "ping",
                      "-nqc2",
                      "-i0.2",
                      "-W5",
                      "-M" + fragmentation,
                      "-s" + size,
                      "-I" + source,
                      target.toString()));
      if (size.equals("4000")) {
        everyWay(
            there,
            (from, family, source, target) ->
                Tool.run(
                    from.within(
                        "sh",
                        "-c",
                        "ping -nqc1 -W0.3 -s4000 -I" + source + " " + target + " || true")));
      }
      everyWay(there, look)
          .forEach((way, printed) ->
              assertThat(printed).as("%s bytes from %s", size, way).contains(" 2 received"));
    }
  }

  private static void tracesShowAllButTheHosts(TrafficLab there) throws Exception {
    for (List<String> method : List.of(List.<String>of(), List.of("-I"))) {
      Look look =
          (from, family, source, target) -> {
            List<String> command =
                new ArrayList<>(List.of("traceroute", "-n", "-q1", "-w2", "-m6"));
            command.addAll(method);
            command.addAll(List.of("-s", source.toString(), target.toString()));
            boolean inwards = target.equals(family.guestOld());
            String router = (inwards ? family.router() : family.oldGateway()).toString();
            String last = target.toString();
            List<String> expected =
                inwards ? List.of(router, "*", "*", last) : List.of("*", "*", router, last);
            assertThat(hops(Tool.run(from.within(command.toArray(new String[0])))))
                .as("traceroute %s from %s to %s", method, source, target)
                .isEqualTo(expected);
            return "";
          };
      everyWay(there, look);
    }
  }

  private static List<String> hops(String printed) {
    return Pattern.compile("(?m)^ *\\d+ +(\\S+)")
        .matcher(printed)
        .results()
        .map(hop -> hop.group(1))
        .toList();
  }
}
