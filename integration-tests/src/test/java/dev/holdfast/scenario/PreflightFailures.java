package dev.holdfast.scenario;

import static dev.holdfast.scenario.PreflightLab.Finding.failed;
import static dev.holdfast.scenario.PreflightLab.Finding.warning;
import static dev.holdfast.scenario.PreflightLab.NEW;
import static dev.holdfast.scenario.PreflightLab.OLD;
import static dev.holdfast.scenario.PreflightLab.nft;

import dev.holdfast.scenario.PreflightLab.Draft;
import dev.holdfast.scenario.PreflightLab.Finding;
import dev.holdfast.tunnel.packet.IpAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** What may be wrong before a migration, each with what preflight is to say of it. */
final class PreflightFailures {
  static final Consumer<Draft> SOUND = draft -> {};
  static final Consumer<Draft> IP_IN_IP = draft -> draft.encapsulation = "ipip";

  /** What IPv6 is to the kernel that the lab pretends to have. */
  private static final Consumer<Draft> IPV6 = Draft::ipv6;

  private static final Consumer<Draft> IPV6_IP_IN_IP = IPV6.andThen(IP_IN_IP);

  private static final String INPUT =
      "table inet others { chain in { type filter hook input priority 0; %s; }; }";
  private static final String FORWARD =
      "table inet others { chain f { type filter hook forward priority 0; %s; }; }";
  private static final String NO_OTHERS = "delete table inet others";

  /** The router's route, as the kernel has made it. */
  static final String TO_NEW_LAN =
      "route replace 10.2.0.0/24 dev to-new proto kernel scope link src 10.2.0.1";

  private static final Step NOTHING = lab -> {};

  private PreflightFailures() {}

  /** A way to break the lab, or to mend it. */
  interface Step {
    void on(PreflightLab lab) throws Exception;
  }

  /**
   * One thing that is wrong.
   *
   * @param request is armed while it is wrong
   * @param mended finds nothing any more when all is mended
   * @param planned what plan says of it
   * @param armed what arming says of it; null where plan has said it already
   */
  record Failure(
      String what,
      Consumer<Draft> request,
      Consumer<Draft> mended,
      Step breaking,
      Step mending,
      List<Finding> planned,
      @Nullable Finding armed) {

    /** One that plan knows. */
    Failure(String what, Consumer<Draft> request, Step breaking, Step mending, Finding... planned) {
      this(what, request, request, breaking, mending, List.of(planned), null);
    }

    /** One that shows when packets are sent. */
    Failure(
        String what,
        Consumer<Draft> request,
        Step breaking,
        Step mending,
        List<Finding> planned,
        Finding armed) {
      this(what, request, request, breaking, mending, planned, armed);
    }

    /** One whose request is wrong too. */
    Failure ofRequest() {
      return new Failure(what, request, SOUND, breaking, mending, planned, armed);
    }

    @Override
    public String toString() {
      return what;
    }
  }

  /** Lines for {@code ip} at a host. */
  static Step ip(String host, String... lines) {
    return lab -> lab.machine(host).ip(lines);
  }

  private static Step rules(String host, String script) {
    return lab -> nft(lab.machine(host), script);
  }

  private static Failure filter(
      String what, String host, String rule, Consumer<Draft> request, Finding... planned) {
    return new Failure(
        what, request, rules(host, INPUT.formatted(rule)), rules(host, NO_OTHERS), planned);
  }

  static Stream<Failure> ofTheHost() {
    return Stream.of(
        new Failure(
            "the TUN's name is another interface's",
            SOUND,
            ip(OLD, "link add hf0 type bridge"),
            ip(OLD, "link del hf0"),
            failed(OLD, "tun name", "an interface hf0 already, which is no TUN", "tunnel.device")),
        new Failure(
            "tables of an earlier run",
            SOUND,
            rules(NEW, "add table inet holdfast"),
            rules(NEW, "delete table inet holdfast"),
            failed(NEW, "leftovers", "nft tables named holdfast [inet]", "delete them")),
        new Failure(
            "a policy rule of an earlier run",
            SOUND,
            ip(OLD, "rule add priority 4754 fwmark 0x10000000/0x10000000 lookup 4754"),
            ip(OLD, "rule del priority 4754"),
            failed(OLD, "leftovers", "policy rules [4754]", "delete them")),
        new Failure(
            "a host that does not forward IPv6",
            IPV6,
            lab -> lab.machine(OLD).sysctl("net/ipv6/conf/all/forwarding", "0"),
            lab -> lab.machine(OLD).sysctl("net/ipv6/conf/all/forwarding", "1"),
            failed(
                OLD,
                "IPv6 forwarding",
                "off, and this kernel (before 6.17)",
                "sysctl net.ipv6.conf.all.forwarding=1")));
  }

  static Stream<Failure> ofTheGuest() {
    Step bridge =
        ip(OLD, "link add br9 type bridge", "link add d9 master br9 type veth peer name d10");
    Step noBridge = ip(OLD, "link del d9", "link del br9");
    Stream<Failure> all =
        Stream.of(
            new Failure(
                "a port of another bridge",
                draft -> {
                  draft.from = "br0";
                  draft.guestPort = "d9";
                },
                bridge,
                noBridge,
                failed(OLD, "guest port", "d9 is a port of br9, not br0", "leave --from out")),
            new Failure(
                "a port that is not the guest's",
                draft -> draft.guestPort = "eth0",
                NOTHING,
                NOTHING,
                failed(OLD, "guest port MAC", "is behind vnet3, not behind eth0", "--guest-port")),
            new Failure(
                "the MAC of the guest's port",
                draft -> draft.guestMac = "fe:54:00:10:00:10",
                NOTHING,
                NOTHING,
                failed(OLD, "guest MAC", "belongs to this host's vnet3", "not its port's"),
                failed(NEW, "guest MAC", "belongs to this host's vnet7", "not its port's")),
            new Failure(
                "the old host has the old address itself",
                SOUND,
                ip(OLD, "addr add 10.1.0.10/32 dev lo"),
                ip(OLD, "addr del 10.1.0.10/32 dev lo"),
                failed(
                    OLD,
                    "old address",
                    "10.1.0.10 is this host's own, on lo",
                    "give the guest's address")),
            new Failure(
                "the new host has the new address itself",
                SOUND,
                ip(NEW, "addr add 10.2.0.10/32 dev lo"),
                ip(NEW, "addr del 10.2.0.10/32 dev lo"),
                failed(
                    NEW,
                    "new address",
                    "10.2.0.10 is this host's own, on lo",
                    "give the guest's address")),
            new Failure(
                "no interface to deliver to",
                draft -> draft.deliver = "br9",
                NOTHING,
                NOTHING,
                failed(NEW, "deliver interface", "there is no interface br9", "ip link")),
            new Failure(
                "an interface that is down",
                draft -> draft.deliver = "br9",
                ip(NEW, "link add br9 type bridge"),
                ip(NEW, "link del br9"),
                failed(NEW, "deliver interface", "br9 is down", "ip link set br9 up")));
    return all.map(Failure::ofRequest);
  }

  static Stream<Failure> ofTheWay() {
    return Stream.of(
        new Failure(
            "an uplink of small packets",
            IP_IN_IP,
            ip(OLD, "link set br0 mtu 1400"),
            ip(OLD, "link set br0 mtu 1500"),
            warning(
                OLD,
                "path MTU",
                "br0 takes packets of 1400 bytes, IP-in-IP needs 1500",
                "raise the MTU of br0")),
        filter(
            "the new host drops protocol 4",
            NEW,
            "meta l4proto 4 drop",
            IP_IN_IP,
            failed(
                NEW,
                "filters",
                "IP protocol 4 from 10.1.0.2",
                "nft insert rule inet others in ip saddr 10.1.0.2 meta l4proto 4 accept")),
        filter(
            "the old host drops protocol 41",
            OLD,
            "meta l4proto 41 drop",
            IPV6_IP_IN_IP,
            failed(
                OLD,
                "filters",
                "IP protocol 41 from 10.2.0.2",
                "nft insert rule inet others in ip saddr 10.2.0.2 meta l4proto 41 accept")),
        filter(
            "the new host drops what is new at its port",
            NEW,
            "ct state established accept; tcp dport 4754 drop",
            SOUND,
            failed(
                NEW,
                "filters",
                "TCP port 4754 from 10.1.0.2",
                "nft insert rule inet others in ip saddr 10.1.0.2 tcp dport 4754 accept")),
        new Failure(
            "the new host's port cannot be reached",
            SOUND,
            PreflightLab::closeControlPort,
            PreflightLab::openControlPort,
            failed(
                OLD,
                "control port",
                "remote host new-host cannot be used: ",
                "TCP to its endpoint is let through")));
  }

  static Stream<Failure> ofTheName() {
    return Stream.of(
        new Failure(
            "a key that the server does not have",
            SOUND,
            lab -> Files.writeString(lab.keyFile(), "bm90IHRoZSBzZWNyZXQgb2YgdGhlIHNlcnZlciE=\n"),
            PreflightFailures::mendKey,
            failed(
                OLD,
                "dns lab.test. update",
                "the secret in the key file is not the one",
                "key and clock"),
            warning(
                OLD,
                "dns 10.in-addr.arpa. update",
                "the secret in the key file is not the one",
                "key and clock")),
        new Failure(
            "no key",
            SOUND,
            lab -> Files.delete(lab.keyFile()),
            PreflightFailures::mendKey,
            failed(
                OLD, "dns lab.test. key", "does not exist", "the clause that tsig-keygen prints"),
            warning(OLD, "dns 10.in-addr.arpa. key", "does not exist", "tsig-keygen")),
        new Failure(
            "a key that everybody may read",
            SOUND,
            lab -> permit(lab.keyFile(), "rw-r--r--"),
            lab -> permit(lab.keyFile(), "rw-------"),
            warning(OLD, "dns lab.test. key", "may be read by every user", "chmod 600 "),
            warning(OLD, "dns 10.in-addr.arpa. key", "may be read by every user", "chmod 600 ")),
        new Failure(
            "a name server that is down",
            SOUND,
            lab ->
                nft(lab.router(), INPUT.formatted("meta l4proto { tcp, udp } th dport 53 reject")),
            lab -> nft(lab.router(), NO_OTHERS),
            failed(
                OLD,
                "dns lab.test. server",
                "gave no usable answer in 4 tries: nothing listens there",
                "Start the server")),
        new Failure(
            "a name server that lets the key change nothing",
            SOUND,
            lab ->
                nft(
                    lab.router(),
                    "table inet others { chain in { type nat hook prerouting priority dstnat;"
                        + " meta l4proto { tcp, udp } th dport 53 dnat ip to 10.9.0.1:5353; }; }"),
            lab -> nft(lab.router(), NO_OTHERS),
            failed(
                OLD, "dns lab.test. update", "or has no grant of it for", "let it take updates")),
        new Failure(
            "a name that has another address",
            SOUND,
            lab -> lab.names().pointTo(IpAddress.parse("10.1.0.77")),
            lab -> lab.names().pointTo(IpAddress.parse("10.1.0.10")),
            failed(OLD, "DNS name", "10.1.0.77", "correct the name's records")));
  }

  private static void mendKey(PreflightLab lab) throws Exception {
    Files.writeString(lab.keyFile(), lab.names().secret() + "\n");
    permit(lab.keyFile(), "rw-------");
  }

  private static void permit(Path file, String permissions) throws Exception {
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString(permissions));
  }

  static Stream<Failure> whichOnlyPacketsShow() {
    return Stream.of(
        new Failure(
            "a router that drops protocol 4",
            IP_IN_IP,
            lab -> nft(lab.router(), FORWARD.formatted("meta l4proto 4 drop")),
            lab -> nft(lab.router(), NO_OTHERS),
            List.of(),
            failed(
                OLD,
                "encapsulation",
                "a small probe by IP protocol 4 to new-host was not answered (4 tries)",
                "allow it in the filter or NAT between the hosts")),
        new Failure(
            "a route that leads what leaves the tunnel nowhere",
            SOUND,
            ip(NEW, "rule add iif hf0 priority 100 blackhole"),
            ip(NEW, "rule del priority 100"),
            List.of(),
            failed(
                NEW,
                "forwarding path",
                "a probe was lost by routing",
                "see 'ip route get' for that destination")),
        new Failure(
            "another's rule for our bit of the packet mark",
            SOUND,
            ip(OLD, "rule add fwmark 0x10000000/0x10000000 priority 100 lookup main"),
            ip(OLD, "rule del priority 100"),
            List.of(
                warning(
                    OLD,
                    "packet marks",
                    "the same bits of the packet mark: 100: fwmark 0x10000000/0x10000000 lookup main",
                    "whether those rules can use other bits")),
            failed(
                OLD,
                "forwarding path",
                "a probe was lost by routing",
                "see 'ip route get' for that destination")),
        new Failure(
            "a filter that stops some packets, and ours among them",
            SOUND,
            rules(OLD, FORWARD.formatted("meta length 40-100 drop")),
            rules(OLD, NO_OTHERS),
            List.of(
                warning(
                    OLD, "filters", "table inet others, chain f", "nft insert rule inet others f")),
            failed(
                OLD,
                "forwarding path",
                "a probe was lost by a filter at forward",
                "'nft monitor trace' shows where")));
  }
}
