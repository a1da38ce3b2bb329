package dev.holdfast.golden;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.capturefile.LinkLayer;
import dev.holdfast.redirector.demo.lab.LabAddresses;
import dev.holdfast.redirector.demo.lab.Tool;
import dev.holdfast.tunnel.packet.IpAddress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** A name server in the guest that dig asks, over UDP of both families. */
final class DnsUdpCase extends GoldenCase {
  private static final int PORT = 53;
  private static final int HEADER = 12; // RFC 1035 section 4.1.1
  private static final int NXDOMAIN = 3;
  private static final List<LabAddresses> FAMILIES = List.of(LabAddresses.V4, LabAddresses.V6);

  private static final List<String> QUESTIONS =
      List.of(
          "www.golden.test A",
          "www.golden.test AAAA",
          "golden.test MX",
          "long.golden.test TXT",
          "nobody.golden.test A",
          "golden.test SOA",
          "golden.test NS",
          "alias.golden.test A",
          "mail.golden.test A",
          "other.example A");

  private static final String ZONE =
      """
      $TTL 300
      @ SOA ns.golden.test. nobody.golden.test. 1 3600 600 86400 300
      @ NS ns
      @ MX 10 mail
      ns A 10.1.0.10
      ns AAAA fd00:1::10
      www A 10.1.0.10
      www AAAA fd00:1::10
      mail A 10.1.0.20
      alias CNAME www
      long TXT %s
      """;

  DnsUdpCase() {
    super("dns-udp");
  }

  @Override
  List<Recording> make(GoldenLab lab) throws Exception {
    startNamed(lab);
    Recording recording = lab.record(lab.guest(), "any");
    for (LabAddresses family : FAMILIES) {
      for (String question : QUESTIONS) {
        ask(lab, family.guestOld(), question);
        Thread.sleep(40);
      }
    }
    return List.of(recording);
  }

  private static String ask(GoldenLab lab, IpAddress server, String question) throws IOException {
    String[] words = question.split(" ", 2);
    return Tool.run(
        lab.client()
            .within(
                "dig",
                "@" + server,
                "+tries=1",
                "+time=5",
                "+noall",
                "+comments",
                words[0],
                words[1]));
  }

  private static void startNamed(GoldenLab lab) throws Exception {
    Path folder = Files.createDirectory(lab.folder().resolve("named"));
    Files.writeString(
        folder.resolve("zone"),
        ZONE.formatted(("\"" + "holdfast golden ".repeat(12) + "\" ").repeat(5)));
    Files.writeString(
        folder.resolve("named.conf"),
        """
        options {
          directory "%s"; pid-file none; session-keyfile none; lock-file none;
          listen-on { 10.1.0.10; }; listen-on-v6 { fd00:1::10; };
          recursion no; dnssec-validation no; notify no; empty-zones-enable no;
        };
        controls { };
        zone "golden.test" { type primary; file "zone"; };
        """
            .formatted(folder));
    Process named =
        lab.start(
            lab.guest(), "named.words", "named", "-g", "-n", "1", "-c", folder + "/named.conf");
    long deadline = System.nanoTime() + 30_000_000_000L;
    while (!Files.readString(lab.folder().resolve("named.words")).contains("running")) {
      if (System.nanoTime() > deadline || !named.isAlive()) {
        throw new IOException(Files.readString(lab.folder().resolve("named.words")));
      }
      Thread.sleep(20);
    }
  }

  @Override
  Reading read(Capture capture) {
    assertThat(capture.linkTypes()).containsExactly(LinkLayer.LINUX_SLL2);
    assertThat(capture.tcp()).isEmpty();
    var reading = new Reading(LabAddresses.V4.guestOld(), LabAddresses.V6.guestOld());
    for (LabAddresses family : FAMILIES) {
      List<SeenPacket> questions =
          capture.where(each -> each.destinationPort == PORT && isOf(each, family));
      List<SeenPacket> answers =
          capture.where(each -> each.sourcePort == PORT && isOf(each, family));
      assertThat(questions).hasSize(QUESTIONS.size());
      assertThat(answers.stream().map(DnsUdpCase::identifier).toList())
          .as("each is answered once")
          .isEqualTo(questions.stream().map(DnsUdpCase::identifier).toList());
      assertThat(answers).anyMatch(each -> (each.payload[3] & 0xf) == NXDOMAIN);
      assertThat(answers).as("a long one").anyMatch(each -> each.payload.length > 900);
      SeenPacket question = questions.get(3);
      reading
          .moment(question, "a question of dig's has come and has not been answered")
          .moment(answers.get(5), "an answer has been sent; the next question is another flow")
          .comment(question, "its answer is the longest");
    }
    return reading;
  }

  private static boolean isOf(SeenPacket packet, LabAddresses family) {
    return packet.isUdp()
        && packet.payload.length > HEADER
        && (packet.source.equals(family.client()) || packet.destination.equals(family.client()));
  }

  private static int identifier(SeenPacket packet) {
    return (packet.payload[0] & 0xff) << 8 | packet.payload[1] & 0xff;
  }

  @Override
  String how() {
    return """
    BIND's named in the guest, asked ten questions of each family by dig, each from a port of its own: addresses, an alias, MX,
    NS, SOA, a TXT of more than 900 bytes, a name that does not exist, and a zone that it does not serve (REFUSED).
    Recorded on all of the guest's interfaces at once (-i any): Linux cooked v2, which has an interface's number and the
    packet's direction where Ethernet has the receiver's MAC.
    In Wireshark: DNS, in pairs with the same transaction ID. Each pair is a flow of two datagrams: whoever loses one has
    nobody who repeats it, but for dig, which was told not to.
    """;
  }
}
