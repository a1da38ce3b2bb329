package dev.holdfast.redirector.filter;

import java.util.ArrayList;
import java.util.List;

/**
 * A chain of rules; a base chain is one that the kernel itself calls, at a hook.
 *
 * @param tool what changes it: nft, iptables, ip6tables, iptables-legacy ...; both variants of
 *     iptables may be in use at once, with tables of the same name
 * @param hook empty where it is called by other chains alone
 */
record FilterChain(
    String tool,
    String family,
    String table,
    String name,
    String hook,
    int priority,
    boolean policyDrops,
    List<FilterRule> rules) {

  static FilterChain base(
      String tool,
      String family,
      String table,
      String name,
      String hook,
      int priority,
      boolean policyDrops) {
    return new FilterChain(
        tool, family, table, name, hook, priority, policyDrops, new ArrayList<>());
  }

  static FilterChain called(String tool, String family, String table, String name) {
    return base(tool, family, table, name, "", 0, false);
  }

  boolean isBeside(FilterChain other) {
    return tool.equals(other.tool) && family.equals(other.family) && table.equals(other.table);
  }
}
