package dev.holdfast.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.demo.lab.Cleanup;
import dev.holdfast.redirector.demo.lab.Lab;
import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.redirector.demo.lab.Namespace;
import dev.holdfast.redirector.demo.lab.Tool;
import dev.holdfast.tunnel.packet.PacketBuilder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * tshark, with its checksum checks on, has nothing to say against what leaves the tunnel at both
 * sites, nor against the tunnel's own packets: packets of all kinds, and bulk transfers both ways.
 *
 * <p>No interface has transmit offloads: else checksums would be finished, and super-packets cut,
 * by devices that virtual Ethernet does not have.
 */
@Tag("suite-wire")
@EnabledIf(value = "dev.holdfast.scenario.Root#isRoot", disabledReason = "needs root")
class WireSuiteIT {
  private static final int HOPS = 3;

  /**
   * What an ICMP error quotes is cut off, and tshark sums up what is left of it as if it were all:
   * there only the outer checksums count. And Linux writes 0xffff where TCP's checksum is 0, as UDP
   * has to (skb_checksum_help): the same number to whoever sums up (RFC 1624 section 3), and one in
   * 65,536 segments.
   */
  private static final String BAD =
      "_ws.malformed || ip.checksum.status == 0 || sctp.checksum.status == 0"
          + " || icmp.checksum.status == 0 || icmpv6.checksum.status == 0"
          + " || (((tcp.checksum.status == 0 && !tcp.checksum.ffff) || udp.checksum.status == 0)"
          + " && !(icmp.type == 3 || icmp.type == 11 || icmp.type == 12 || icmpv6.type < 128))";

  private final Cleanup cleanup = new Cleanup();

  @TempDir private Path folder;

  @AfterEach
  void takeDown() {
    cleanup.close();
    assertThat(cleanup.problems()).isEmpty();
  }

  /** A capture of one interface, into a file that is kept where it is found to be bad. */
  private static final class Recording {
    private final Path file;
    private final Process tcpdump;

    Recording(Path file, Namespace where, String device) throws IOException, InterruptedException {
      this.file = file;
      Files.deleteIfExists(file);
      tcpdump =
          new ProcessBuilder(
                  where.within(
                      "tcpdump", "-Zroot", "-nUs0", "-B16384", "-i", device, "-w", file.toString()))
              .redirectErrorStream(true)
              .redirectOutput(file.resolveSibling(file.getFileName() + ".log").toFile())
              .start();
      while (!Files.exists(file) || Files.size(file) < 24) { // it listens once its header is there
        assertThat(tcpdump.isAlive()).as("tcpdump on %s", device).isTrue();
        Thread.sleep(10);
      }
    }

    static void stop(List<Recording> recordings) throws InterruptedException {
      Thread.sleep(1_500); // libpcap hands over what it has once a second
      for (Recording each : recordings) {
        each.tcpdump.destroy();
        assertThat(each.tcpdump.waitFor(10, TimeUnit.SECONDS)).isTrue();
      }
    }

    /** One line for each packet that tshark finds fault with. */
    List<String> faults() throws IOException {
      return read(BAD);
    }

    long count(String filter) throws IOException {
      return read(filter).size();
    }

    private List<String> read(String filter) throws IOException {
      List<String> command = new ArrayList<>(List.of("tshark", "-n", "-r", file.toString()));
      for (String check :
          List.of(
              "ip.check_checksum:TRUE",
              "tcp.check_checksum:TRUE",
              "udp.check_checksum:TRUE",
              "sctp.checksum:CRC32C",
              // each segment passes the old site twice, plain and in the tunnel: no stream to put
              // together, though tshark would try
              "tcp.desegment_tcp_streams:FALSE")) {
        command.addAll(List.of("-o", check));
      }
      // What is inside of a datagram to any port is guessed, and the guess is not ours to keep.
      command.addAll(List.of("--disable-protocol", "quic", "-Y", filter));
      return Tool.run(command).lines().toList();
    }
  }

  @ParameterizedTest
  @CsvSource({
    "tls,  tun,  4",
    "ipip, tun,  4",
    "tls,  tun,  6",
    "ipip, tun,  6",
    "tls,  pcap, 4",
    "ipip, pcap, 6",
  })
  void tsharkFindsNoFault(String encapsulation, String capture, int outer) throws Exception {
    LabAddresses underlay = outer == 4 ? LabAddresses.V4 : LabAddresses.V6;
    TrafficLab there = new TrafficLab(encapsulation, capture, underlay, folder, cleanup);
    Lab lab = there.lab;
    withoutOffloads(lab);
    there.arm();
    Path kept = Files.createDirectories(Path.of("target", "wire"));
    String name = encapsulation + "-" + capture + "-" + outer + "-";
    List<Recording> recordings =
        List.of(
            new Recording(kept.resolve(name + "old-site.pcap"), lab.router(), "to-old"),
            new Recording(kept.resolve(name + "new-site.pcap"), lab.router(), "to-new"),
            new Recording(kept.resolve(name + "guest.pcap"), lab.guest(), "eth0"));
    cleanup.add("tcpdump", () -> recordings.forEach(each -> each.tcpdump.destroy()));
    List<Crafted> held = TrafficLab.packets(true, 0);
    there.hold();
    there.sendToGuest(held);
    there.release();
    TrafficLab.awaitAt(there.guest, held, HOPS);
    bulk(lab, LabAddresses.V4, 5_201);
    bulk(lab, LabAddresses.V6, 5_203);
    there.guest.forget();
    there.client.forget();
    List<Crafted> live = TrafficLab.packets(true, 1);
    List<Crafted> answers = TrafficLab.packets(false, 2);
    there.sendToGuest(live);
    there.sendFromGuest(answers);
    TrafficLab.awaitAt(there.guest, live, HOPS);
    TrafficLab.awaitAt(there.client, answers, HOPS);
    Recording.stop(recordings);
    for (Recording each : recordings) {
      assertThat(each.faults()).as("%s, which is kept", each.file.toAbsolutePath()).isEmpty();
      assertThat(each.count("tcp.len > 1000")).as("bulk in %s", each.file).isGreaterThan(1_000);
      boolean isEncrypted = encapsulation.equals("tls") && each == recordings.get(1);
      assertThat(each.count("sctp || icmp.type == 11 || ipv6.routing || ip.flags.mf == 1"))
          .as("crafted packets in %s", each.file)
          .matches(count -> isEncrypted ? count == 0 : count > 50);
      Files.delete(each.file);
    }
    aWrongChecksumIsFound(there, kept.resolve(name + "wrong.pcap"));
    there.finish();
    there.hosts.nothingIsLeft();
  }

  /** It goes through the tunnel as it is, and the same look finds it. */
  private static void aWrongChecksumIsFound(TrafficLab there, Path file) throws Exception {
    Recording recording = new Recording(file, there.lab.guest(), "eth0");
    byte[] wrong =
        Crafted.bytes(
            new PacketBuilder(TrafficLab.SILENT4, LabAddresses.V4.guestOld())
                .udp(7_777, 8_888)
                .payload(64));
    wrong[wrong.length - 1] ^= 1;
    there.guest.forget();
    List<Crafted> one = List.of(new Crafted("UDP with a wrong checksum", wrong));
    there.sendToGuest(one);
    TrafficLab.awaitAt(there.guest, one, HOPS);
    Recording.stop(List.of(recording));
    assertThat(recording.faults()).hasSize(1).first().asString().contains("8888");
    Files.delete(file);
  }

  private static void withoutOffloads(Lab lab) throws IOException {
    for (Namespace machine :
        List.of(
            lab.client(),
            lab.router(),
            lab.oldHost(),
            lab.newHost(),
            lab.guest(),
            Objects.requireNonNull(lab.peer()))) {
      List<String> devices =
          machine
              .query("-o", "link", "show", "type", "veth")
              .lines()
              .map(line -> line.split("[:@ ]+")[1])
              .toList();
      assertThat(devices).isNotEmpty();
      for (String device : devices) {
        var _ =
            Tool.run(
                machine.within(
                    "ethtool", "-K", device, "tx", "off", "tso", "off", "gso", "off", "gro",
                    "off"));
      }
    }
  }

  /** Three MiB each way, over connections of their own. */
  private static void bulk(Lab lab, LabAddresses family, int firstPort) throws Exception {
    String old = family.guestOld().toString();
    for (String direction : List.of("-P1", "-R")) {
      String port = "-p" + (direction.equals("-R") ? firstPort + 1 : firstPort);
      Process server =
          new ProcessBuilder(lab.guest().within("iperf3", "-s1", port, "-B", old))
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .start();
      try {
        for (int tries = 0; ; tries++) {
          try {
            var _ = Tool.run(lab.client().within("iperf3", "-c", old, port, "-n3M", direction));
            break;
          } catch (IOException e) {
            if (tries == 50) {
              throw e;
            }
            Thread.sleep(100); // it does not listen yet
          }
        }
      } finally {
        server.destroy();
      }
    }
  }
}
