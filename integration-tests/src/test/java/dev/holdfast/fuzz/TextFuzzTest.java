package dev.holdfast.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.holdfast.redirector.config.ConfigException;
import dev.holdfast.redirector.config.ConfigReader;
import dev.holdfast.redirector.filter.FilterTables;
import dev.holdfast.redirector.filter.Passage;
import dev.holdfast.redirector.migration.MigrationJournal;
import dev.holdfast.redirector.migration.MigrationRecord;
import dev.holdfast.redirector.steer.FakeKernel;
import dev.holdfast.redirector.steer.KernelLedger;
import dev.holdfast.tunnel.packet.IpAddress;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.provider.MethodSource;

/** Texts that a person, another program, or a daemon that was killed has written. */
class TextFuzzTest {
  private static final Passage PASSAGE =
      new Passage(
          "from the old LAN (br0) into the tunnel",
          Passage.FORWARDED,
          "br0",
          "hf0",
          IpAddress.parse("10.9.0.2"),
          IpAddress.parse("10.1.0.10"),
          "tcp",
          443,
          "new",
          0x4754,
          true);

  static {
    // One of tomlj's own assertions fails on some broken texts. Programs run without assertions,
    // and
    // then it goes on and reports the syntax error that there is.
    TextFuzzTest.class.getClassLoader().setPackageAssertionStatus("org.tomlj", false);
  }

  @TempDir static Path folder;

  @MethodSource("configs")
  @FuzzTest
  void config(byte[] data) throws IOException {
    Path file = write("holdfast.toml", data);
    try {
      assertThat(ConfigReader.readWithNotes(file).config().daemon().name()).isNotEmpty();
    } catch (ConfigException e) {
      assertThat(e.getMessage()).contains(file.toString());
    }
  }

  static Stream<byte[]> configs() {
    return Stream.of(
            """
            [daemon]
            name = "host-a"
            [tunnel]
            listen = "10.1.0.2:4754"
            uplink = "eth0"
            encapsulation = "auto"
            [identity]
            certificate = "host.crt"
            key = "host.key"
            [[remote]]
            name = "host-b"
            endpoint = "10.2.0.2:4754"
            fingerprint = "sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
            addresses = ["10.1.0.0/24", "fd00:1::/64"]
            [[dns]]
            zone = "lab.test."
            server = "10.9.0.53:53"
            key-name = "mv-key."
            key-algorithm = "hmac-sha256"
            key-secret-file = "tsig.key"
            ttl = 30
            [hold]
            max-bytes = "64MiB"
            max-age = "300s"
            [drain]
            stale-syn = "reject"
            """,
            "[tunnel]\nlisten = 1\nuplink = []\n[[remote]]\naddresses = [\"::/200\"]\n",
            "tunnel = 3\nremote = {}\n[hold\n",
            "[hold]\nmax-bytes = \"99999999999999GiB\"\nmax-age = \"-1s\"\n[drain]\nafter = 1e9\n",
            "\"\\u0000\" = 1979-05-27T07:32:00Z\n")
        .map(Bytes::text);
  }

  private static Path write(String name, byte[] data) throws IOException {
    return Files.write(folder.resolve(name), data);
  }

  @MethodSource("nftTexts")
  @FuzzTest
  void nftRules(byte[] data) {
    String text = new String(data, StandardCharsets.UTF_8);
    try {
      assertThat(FilterTables.of("holdfast", text, List.of()).obstacles(PASSAGE)).isNotNull();
    } catch (IllegalArgumentException e) {
      assertThat(e.getMessage()).isNotEmpty();
    }
  }

  static Stream<byte[]> nftTexts() {
    String chain =
        "{'chain':{'family':'inet','table':'t','name':'c','handle':1,'type':'filter',"
            + "'hook':'forward','prio':0,'policy':'drop'}}";
    return Stream.of(
            "{'nftables':[" + chain + "]}",
            "{'nftables':["
                + chain
                + ",{'rule':{'family':'inet','table':'t','chain':'c','handle':2,'expr':[{'match':"
                + "{'op':'==','left':{'payload':{'protocol':'tcp','field':'dport'}},'right':{'set':"
                + "[22,{'range':[80,443]}]}}},{'accept':null}]}}]}",
            "{'nftables':["
                + chain
                + ",{'rule':{'family':'inet','table':'t','chain':'c','expr':[{'jump':{'target':'c'}}]}}]}",
            "{'nftables':["
                + chain
                + ",{'set':{'family':'inet','table':'t','name':'s','type':'ipv4_addr','elem':"
                + "[{'prefix':{'addr':'10.1.0.0','len':24}}]}},{'rule':{'family':'inet','table':'t',"
                + "'chain':'c','expr':[{'match':{'op':'in','left':{'payload':{'protocol':'ip','field':"
                + "'daddr'}},'right':'@s'}},{'vmap':{'key':{'ct':{'key':'state'}},'data':{'set':"
                + "[['new',{'drop':null}],['established',{'goto':{'target':'c'}}]]}}}]}}]}",
            "{'nftables':[{'chain':3},{'rule':[]},null]}",
            "{'nftables':7}",
            "[")
        .map(text -> Bytes.text(text.replace('\'', '"')));
  }

  @MethodSource("saves")
  @FuzzTest
  void iptablesSave(byte[] data) {
    var save =
        new FilterTables.Save(
            "iptables-legacy", "ip", false, new String(data, StandardCharsets.UTF_8));
    try {
      assertThat(FilterTables.of("holdfast", "{\"nftables\":[]}", List.of(save)).obstacles(PASSAGE))
          .isNotNull();
    } catch (IllegalArgumentException e) {
      assertThat(e.getMessage()).isNotEmpty();
    }
  }

  static Stream<byte[]> saves() {
    return Stream.of(
            """
            *filter
            :INPUT ACCEPT [0:0]
            :FORWARD DROP [12:3456]
            :DOCKER-USER - [0:0]
            -A FORWARD -j DOCKER-USER
            -A FORWARD -i br0 ! -o br0 -m comment --comment "let \\"it\\" out" -j ACCEPT
            -A FORWARD -d 10.1.0.0/24 -p tcp -m multiport --dports 22,80:443 -j REJECT --reject-with tcp-reset
            -A DOCKER-USER -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN
            -A DOCKER-USER -g DOCKER-USER
            COMMIT
            """,
            "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -m rpfilter --invert -j DROP\n",
            "*filter\n:FORWARD ACCEPT\n-A FORWARD\n-A FORWARD !\n-A FORWARD -j\n-A FORWARD -d\n",
            "-A \n",
            "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -d 10.1.0.0/99 --dport x:y -m mark --mark 0x/ -j DROP\n")
        .map(Bytes::text);
  }

  /** A daemon starts with what the last one has left, or says which line is broken. */
  @MethodSource("journals")
  @FuzzTest
  void journal(byte[] data) throws IOException {
    Path file = write("migrations.jsonl", data);
    Files.deleteIfExists(folder.resolve("migrations.jsonl.new"));
    try (MigrationJournal journal = MigrationJournal.open(folder)) {
      for (MigrationRecord record : journal.records()) {
        assertThat(record.id()).isNotEmpty();
        assertThat(record.state()).isNotNull();
        assertThat(record.dnsNames()).containsAll(journal.newestNames(record));
      }
    } catch (IOException e) {
      assertThat(e.getMessage()).contains(file.toString());
    }
  }

  static Stream<byte[]> journals() {
    String record =
        "{'id':'00112233-4455-6677-8899-aabbccddeeff','name':'web1','epoch':1,'role':'REDIRECTOR',"
            + "'state':'ARMED','remote':'host-b','oldAddresses':['10.1.0.10'],'newAddresses':"
            + "['10.2.0.10'],'guestMac':null,'from':'br0','guestPort':null,'deliver':'br0','oldLans':"
            + "['10.1.0.0/24'],'encapsulation':'tls','connections':4,'returnPath':'symmetric',"
            + "'holdPolicy':'queue','dnsName':null,'dnsAddresses':[],'flowListCommand':null,"
            + "'token':'','acceptedEpochNanos':0,'dns':null,'history':[]}\n";
    return Stream.of(
            record,
            record + "{'forgotten':'00112233-4455-6677-8899-aabbccddeeff'}\n",
            record + record.substring(0, 50),
            "null\n",
            "{}\n",
            "[]\n7\n",
            "{'forgotten':[]}\n")
        .map(text -> Bytes.text(text.replace('\'', '"')));
  }

  @MethodSource("ledgers")
  @FuzzTest
  void ledger(byte[] data) throws IOException {
    Path file = write("kernel.jsonl", data);
    try (KernelLedger ledger = KernelLedger.open(file, new FakeKernel())) {
      for (String owner : ledger.owners()) {
        assertThat(ledger.changes(owner)).isNotEmpty();
      }
    } catch (IOException e) {
      assertThat(e.getMessage()).contains(file.toString());
    }
  }

  static Stream<byte[]> ledgers() {
    String applied =
        "{'applied':1,'owner':'web1','what':'a route','apply':[{'ip':'route add blackhole 10.1.0.10'}"
            + ",{'nft':'add table ip t'},{'sysctl':'net.ipv4.ip_forward','value':'1'}],'undoWhat':"
            + "'no route','undo':[{'sysctl':'a','ours':'1','before':'0'}]}\n";
    return Stream.of(
            applied,
            applied + "{'undone':1}\n",
            applied + "{'undo",
            "{'undone':'x'}\n",
            "{'applied':{},'owner':null}\n",
            "null\n",
            "\n")
        .map(text -> Bytes.text(text.replace('\'', '"')));
  }
}
