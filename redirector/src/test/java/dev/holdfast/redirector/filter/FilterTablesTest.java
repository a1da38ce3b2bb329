package dev.holdfast.redirector.filter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.holdfast.redirector.filter.Obstacle.Extent;
import dev.holdfast.tunnel.packet.IpAddress;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a rule does with one packet: from a peer by br0 to the old address, out by hf0. */
class FilterTablesTest {
  private static final String NONE = "{\"nftables\":[]}";
  private static final Passage PACKET =
      new Passage(
          "from a peer into the tunnel",
          Passage.FORWARDED,
          "br0",
          "hf0",
          IpAddress.parse("192.0.2.254"),
          IpAddress.parse("10.1.0.10"),
          "tcp",
          -1,
          "untracked",
          0x1000_0000,
          true);

  private static List<Obstacle> iptables(String policy, String... rules) {
    String text =
        "*filter\n:FORWARD "
            + policy
            + " [0:0]\n:SUB - [0:0]\n"
            + String.join("\n", rules)
            + "\nCOMMIT\n";
    return FilterTables.of(
            "holdfast", NONE, List.of(new FilterTables.Save("iptables", "ip", true, text)))
        .obstacles(PACKET);
  }

  /** ALL, UNLESS_ACCEPTED, SOME, or - for nothing in the way. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          -A FORWARD -j DROP                                               | ALL
          -A FORWARD -i br0 -j REJECT --reject-with icmp-port-unreachable  | ALL
          -A FORWARD -i br+ -o hf0 -j DROP                                 | ALL
          -A FORWARD -i br1 -j DROP                                        | -
          -A FORWARD ! -i docker0 -j DROP                                  | ALL
          -A FORWARD ! -o hf0 -j DROP                                      | -
          -A FORWARD -s 192.0.2.0/24 -j DROP                               | ALL
          -A FORWARD -d 10.1.0.0/255.255.255.0 -j DROP                     | ALL
          -A FORWARD ! -s 192.0.2.0/24 -j DROP                             | -
          -A FORWARD -p udp -j DROP                                        | -
          -A FORWARD -p 6 -j DROP                                          | ALL
          -A FORWARD -p tcp -m tcp --dport 22 -j DROP                      | SOME
          -A FORWARD -p udp -m udp --dport 53 -j DROP                      | -
          -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j DROP    | -
          -A FORWARD -m conntrack --ctstate INVALID,UNTRACKED -j DROP      | ALL
          -A FORWARD -m mark --mark 0x10000000/0x10000000 -j DROP          | ALL
          -A FORWARD -m mark ! --mark 0x10000000/0x10000000 -j DROP        | -
          -A FORWARD -m set --match-set bad src -j DROP                    | SOME
          -A FORWARD -m comment --comment "no -j ACCEPT here" -j DROP      | ALL
          -A FORWARD -m addrtype --dst-type LOCAL -j DROP                  | -
          -A FORWARD -m rpfilter --invert -j DROP                          | -
          -A FORWARD -m limit --limit 3/min -j LOG --log-prefix "a b "     | -
          -A FORWARD -j MARK --set-xmark 0x1/0x1                           | -
          -A FORWARD -j NFQUEUE --queue-num 0                              | SOME
          """)
  void oneRule(String rule, String extent) {
    List<Obstacle> found = iptables("ACCEPT", rule.strip());
    if (extent.equals("-")) {
      assertThat(found).isEmpty();
    } else {
      assertThat(found).hasSize(1);
      assertThat(found.getFirst().extent()).isEqualTo(Extent.valueOf(extent));
      assertThat(found.getFirst().place()).startsWith("table ip filter, chain FORWARD: FORWARD ");
    }
  }

  @Test
  void aPolicyHoldsForWhatNoRuleAccepts() {
    assertThat(iptables("DROP"))
        .hasSize(1)
        .first()
        .hasFieldOrPropertyWithValue("rule", "policy drop");
    assertThat(iptables("DROP", "-A FORWARD -o hf0 -j ACCEPT")).isEmpty();
    assertThat(iptables("DROP", "-A FORWARD -p tcp -m tcp --dport 443 -j ACCEPT"))
        .hasSize(1)
        .allMatch(obstacle -> obstacle.extent() == Extent.UNLESS_ACCEPTED);
  }

  @Test
  void chainsAreCalledAndReturnedFrom() {
    assertThat(iptables("ACCEPT", "-A FORWARD -j SUB", "-A SUB -i br0 -j DROP"))
        .hasSize(1)
        .allMatch(
            o -> o.place().equals("table ip filter, chain SUB (from FORWARD): SUB -i br0 -j DROP"));
    assertThat(iptables("ACCEPT", "-A FORWARD -j SUB", "-A SUB -j RETURN", "-A SUB -j DROP"))
        .isEmpty();
    assertThat(
            iptables("DROP", "-A FORWARD -g SUB", "-A FORWARD -j ACCEPT", "-A SUB -i x -j ACCEPT"))
        .as("a chain that was gone to comes back to the policy")
        .hasSize(1);
    assertThat(iptables("ACCEPT", "-A FORWARD -p tcp -m tcp --dport 1 -j SUB", "-A SUB -j DROP"))
        .allMatch(obstacle -> obstacle.extent() == Extent.SOME)
        .hasSize(1);
    assertThat(iptables("ACCEPT", "-A FORWARD -j SUB", "-A SUB -j SUB"))
        .as("a loop, which no kernel takes")
        .isEmpty();
  }

  private static String nft(String priority, String policy, String... rules) {
    StringBuilder text =
        new StringBuilder(
            """
            {"nftables":[{"metainfo":{}},{"table":{"family":"inet","name":"t"}},
            {"chain":{"family":"inet","table":"t","name":"f","type":"filter","hook":"forward",
            "prio":%s,"policy":"%s"}},
            {"set":{"family":"inet","table":"t","name":"s","type":"ipv4_addr",
            "elem":["10.9.9.9",{"prefix":{"addr":"10.1.0.0","len":24}}]}}
            """
                .formatted(priority, policy));
    for (String rule : rules) {
      text.append(",{\"rule\":{\"family\":\"inet\",\"table\":\"t\",\"chain\":\"f\",\"handle\":7,")
          .append("\"expr\":[")
          .append(rule)
          .append("]}}");
    }
    return text.append("]}").toString();
  }

  private static List<Obstacle> nftables(String... rules) {
    return FilterTables.of("holdfast", nft("0", "accept", rules), List.of()).obstacles(PACKET);
  }

  private static String match(String left, String op, String right) {
    return "{\"match\":{\"op\":\"" + op + "\",\"left\":" + left + ",\"right\":" + right + "}},";
  }

  @Test
  void nftRulesAreReadFromTheirJson() {
    String in = "{\"meta\":{\"key\":\"iifname\"}}";
    String daddr = "{\"payload\":{\"protocol\":\"ip\",\"field\":\"daddr\"}}";
    String drop = "{\"counter\":{\"packets\":1,\"bytes\":2}},{\"drop\":null}";
    assertThat(nftables(match(in, "==", "\"br0\"") + drop))
        .hasSize(1)
        .allMatch(o -> o.place().equals("table inet t, chain f: iifname br0 drop # handle 7"));
    assertThat(nftables(match(in, "!=", "\"br0\"") + drop)).isEmpty();
    assertThat(nftables(match(in, "==", "{\"set\":[\"x\",\"br*\"]}") + drop)).hasSize(1);
    assertThat(nftables(match(daddr, "==", "\"@s\"") + drop)).hasSize(1);
    assertThat(nftables(match(daddr, "!=", "\"@s\"") + drop)).isEmpty();
    assertThat(nftables(match("{\"ct\":{\"key\":\"state\"}}", "in", "[\"established\"]") + drop))
        .isEmpty();
    assertThat(nftables("{\"xt\":{\"type\":\"match\",\"name\":\"recent\"}}," + drop))
        .allMatch(obstacle -> obstacle.extent() == Extent.SOME)
        .hasSize(1);
    assertThat(nftables("{\"xt\":{\"type\":\"target\",\"name\":\"REJECT\"}}")).hasSize(1);
    assertThat(
            nftables(
                "{\"vmap\":{\"key\":"
                    + in
                    + ",\"data\":{\"set\":[[\"eth9\",{\"accept\":null}],"
                    + "[\"br0\",{\"drop\":null}]]}}}"))
        .hasSize(1);
  }

  @Test
  void ourOwnTablesAreNoObstacle() {
    String drop = nft("0", "drop");
    assertThat(FilterTables.of("holdfast", drop, List.of()).obstacles(PACKET)).hasSize(1);
    assertThat(FilterTables.of("t", drop, List.of()).obstacles(PACKET)).isEmpty();
  }

  /** The kernel has no such chains, but a text may: two calls each, 32 deep. */
  @Test
  void chainsThatCallThemselvesAreNotWalkedForEver() {
    assertThat(iptables("ACCEPT", "-A FORWARD -j SUB", "-A SUB -j SUB", "-A SUB -j SUB")).isEmpty();
  }

  @Test
  void aRuleWithoutAChainIsSaidSo() {
    assertThatThrownBy(() -> iptables("ACCEPT", "-A "))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("a rule of no chain");
  }

  @Test
  void whatIsNotJsonIsSaidSo() {
    assertThatThrownBy(() -> FilterTables.of("holdfast", "nft: not found", List.of()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("nft's JSON is not understood");
  }
}
