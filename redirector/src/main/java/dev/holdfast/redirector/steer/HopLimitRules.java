package dev.holdfast.redirector.steer;

import java.util.StringJoiner;

/**
 * The rules of {@link HoldfastTables} on the TTL or hop limit of what passes the TUN, in either
 * direction. The kernel forwards it, and so takes one hop by itself.
 *
 * <p>What is used up would be answered by the kernel with an ICMP error in this host's name, after
 * prerouting and before any other hook. So it is dropped in prerouting, counted by its old address
 * ({@code spent4/6}). What is for this host itself is at its end and may arrive with 1 (RFC 1122
 * section 3.2.1.7); who asks is nft's fib.
 *
 * <p>With {@code ttl = "keep"} the hop is given back in the forward hook, where the kernel has just
 * taken it: 255 is 255 again, as RFC 5082 wants it. A TTL of 1 is made 2 before that, or the packet
 * would not come so far; the mark tells that it is even then. nft can set a TTL to a number alone,
 * not to itself and one: a verdict map leads to one of 16 chains with 16 numbers each.
 */
final class HopLimitRules {
  /** The set, as {@link NftElements} names it, but for its family. */
  static final String SPENT = "inet spent";

  private static final int EACH = 16;
  private static final int HIGHEST = 255;
  private static final String[] FAMILIES = {"ip", "ip6"};

  private HopLimitRules() {}

  /** The chains that the rules below jump to. */
  static String chains(boolean keep) {
    StringBuilder script = new StringBuilder();
    for (String family : FAMILIES) {
      script.append(spent(family));
      if (keep) {
        script.append(lend(family));
        for (int from = 0; from < HIGHEST; from += EACH) {
          script.append(giveBack(family, from));
        }
      }
    }
    if (keep) {
      script.append(giveBack());
    }
    return script.toString();
  }

  /** In prerouting, where the marks of capture and return are set. */
  static String prerouting(boolean keep) {
    StringBuilder rules = new StringBuilder();
    for (String family : FAMILIES) {
      String field = field(family);
      String width = width(family);
      if (keep) {
        rules.append("%s 0 jump spent%s\n".formatted(field, width));
        rules.append("%s 1 jump lend%s\n".formatted(field, width));
      } else {
        rules.append("%s < 2 jump spent%s\n".formatted(field, width));
      }
    }
    return rules.toString();
  }

  /** In forward: what is to the TUN, or from it. */
  static String forward(boolean keep) {
    return keep
        ? """
        meta mark and @OURS@ != 0 jump give_back
        meta mark and @OURS@ == 0 iifname "@TUN@" jump give_back
        """
        : "";
  }

  private static String spent(String family) {
    return """
    chain spent%2$s {
      %1$s daddr @captured%2$s %1$s daddr @spent%2$s counter drop
      fib daddr type { local, multicast, broadcast, anycast } return
      meta mark and @RETURN@ != 0 %1$s saddr @spent%2$s counter drop
      iifname "@TUN@" %1$s saddr @spent%2$s counter drop
      iifname "@TUN@" %1$s daddr @spent%2$s counter drop
    }
    """
        .formatted(family, width(family));
  }

  private static String lend(String family) {
    return """
    chain lend%2$s {
      %1$s daddr @captured%2$s goto lent%2$s
      fib daddr type { local, multicast, broadcast, anycast } return
      meta mark and @RETURN@ != 0 goto lent%2$s
      iifname "@TUN@" goto lent%2$s
    }
    chain lent%2$s {
      %3$s set 2 meta mark set meta mark or @LENT@ counter
    }
    """
        .formatted(family, width(family), field(family));
  }

  /** One more, for the numbers from {@code from}; the highest cannot come here. */
  private static String giveBack(String family, int from) {
    StringBuilder chain = new StringBuilder();
    chain.append("chain %s {\n".formatted(chainOf(family, from)));
    for (int ttl = from; ttl < Math.min(from + EACH, HIGHEST); ttl++) {
      chain.append("%1$s %2$d %1$s set %3$d return\n".formatted(field(family), ttl, ttl + 1));
    }
    return chain.append("}\n").toString();
  }

  private static String giveBack() {
    StringBuilder chain = new StringBuilder();
    chain.append("chain give_back {\nmeta mark and @LENT@ != 0 return\n");
    for (String family : FAMILIES) {
      StringJoiner verdicts = new StringJoiner(", ");
      for (int from = 0; from < HIGHEST; from += EACH) {
        verdicts.add("%d-%d : goto %s".formatted(from, from + EACH - 1, chainOf(family, from)));
      }
      chain.append("%s vmap { %s }\n".formatted(field(family), verdicts));
    }
    return chain.append("}\n").toString();
  }

  private static String chainOf(String family, int from) {
    return "give_back" + width(family) + "_" + from;
  }

  private static String field(String family) {
    return family.equals("ip") ? "ip ttl" : "ip6 hoplimit";
  }

  private static String width(String family) {
    return family.equals("ip") ? "4" : "6";
  }
}
