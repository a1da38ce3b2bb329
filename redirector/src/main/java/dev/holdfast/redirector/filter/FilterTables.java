package dev.holdfast.redirector.filter;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/** Every packet filter of a host that is not ours. */
public final class FilterTables {
  private final List<FilterChain> chains = new ArrayList<>();

  private FilterTables() {}

  /**
   * What an iptables-save tool printed.
   *
   * @param tool the program that changes these tables: iptables-nft, ip6tables-legacy ...
   * @param family ip or ip6
   * @param ofNft whether nft shows these tables too, in a form that says less
   */
  public record Save(String tool, String family, boolean ofNft, String text) {}

  /**
   * @param own name of the nft tables that are ours, which are left out
   * @param nft what {@code nft -j list ruleset} prints
   * @param saves what the iptables-save tools print
   * @throws IllegalArgumentException when one of them is not understood
   */
  public static FilterTables of(String own, String nft, List<Save> saves) {
    FilterTables tables = new FilterTables();
    List<String> replaced = new ArrayList<>();
    for (Save save : saves) {
      for (FilterChain chain : XtablesText.read(save.tool(), save.family(), save.text())) {
        tables.chains.add(chain);
        if (save.ofNft()) {
          replaced.add(chain.family() + " " + chain.table());
        }
      }
    }
    for (FilterChain chain : NftJson.read(nft)) {
      if (!chain.table().equals(own) && !replaced.contains(chain.family() + " " + chain.table())) {
        tables.chains.add(chain);
      }
    }
    return tables;
  }

  /** The chain that a rule of {@code from} calls by {@code name}. */
  Optional<FilterChain> called(FilterChain from, String name) {
    return chains.stream().filter(c -> c.name().equals(name) && c.isBeside(from)).findFirst();
  }

  /** What stops this packet, in the order in which it meets them; empty: it goes through. */
  public List<Obstacle> obstacles(Passage packet) {
    List<Obstacle> found = new ArrayList<>();
    for (String hook : packet.hooks()) {
      chains.stream()
          .filter(chain -> chain.hook().equals(hook) && packet.isIn(chain.family()))
          .sorted(Comparator.comparingInt(FilterChain::priority))
          .forEach(base -> found.addAll(Walk.through(this, base, packet)));
    }
    return found;
  }
}
