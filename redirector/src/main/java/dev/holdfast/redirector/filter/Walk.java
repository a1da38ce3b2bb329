package dev.holdfast.redirector.filter;

import dev.holdfast.redirector.filter.FilterRule.Action;
import dev.holdfast.redirector.filter.Obstacle.Extent;
import java.util.ArrayList;
import java.util.List;

/**
 * One packet's walk through one base chain.
 *
 * <p>A rule that perhaps accepts leaves a doubt: what stops the packet later stops only what that
 * rule did not accept. A rule that perhaps drops is noted, and the walk goes on.
 */
final class Walk {
  /** The kernel's own limit (NFT_JUMP_STACK_SIZE) is 16. */
  private static final int DEEPEST = 32;

  /**
   * Chains entered in one walk. The kernel refuses chains that call one another in a circle; a text
   * that has some anyway would be walked for hours.
   */
  private static final int MOST_VISITS = 100_000;

  private final FilterTables tables;
  private final FilterChain base;
  private final Passage packet;
  private final List<Obstacle> found = new ArrayList<>();
  private boolean doubt;
  private int visits;

  private enum End {
    GOES_ON,
    ENDED
  }

  private Walk(FilterTables tables, FilterChain base, Passage packet) {
    this.tables = tables;
    this.base = base;
    this.packet = packet;
  }

  /** What in {@code base}, and in the chains that it calls, stops {@code packet}. */
  static List<Obstacle> through(FilterTables tables, FilterChain base, Passage packet) {
    Walk walk = new Walk(tables, base, packet);
    if (walk.chain(base, true, 0) == End.GOES_ON && base.policyDrops()) {
      walk.stop(base, "policy drop", true);
    }
    return walk.found;
  }

  private void stop(FilterChain chain, String rule, boolean surely) {
    Extent extent = surely ? (doubt ? Extent.UNLESS_ACCEPTED : Extent.ALL) : Extent.SOME;
    found.add(
        new Obstacle(
            extent,
            chain.family(),
            chain.table(),
            chain.name(),
            base.hook(),
            base.name(),
            rule,
            chain.tool()));
  }

  /**
   * @param here whether the packet surely comes here
   * @return {@code ENDED} where its walk through the base chain is surely over
   */
  private End chain(FilterChain chain, boolean here, int depth) {
    if (++visits > MOST_VISITS) {
      return End.GOES_ON;
    }
    boolean surely = here;
    for (FilterRule rule : chain.rules()) {
      Truth matches = rule.matches(packet);
      if (matches == Truth.NO) {
        continue;
      }
      boolean certain = surely && matches == Truth.YES;
      switch (rule.action()) {
        case ACCEPT -> {
          if (certain) {
            return End.ENDED;
          }
          doubt = true;
        }
        case DROP, REJECT -> {
          stop(chain, rule.text(), certain);
          if (certain) {
            return End.ENDED;
          }
        }
        case GIVE_AWAY -> stop(chain, rule.text(), false);
        case RETURN -> {
          if (certain) {
            return End.GOES_ON;
          }
          surely = false;
        }
        case JUMP, GOTO -> {
          End end = depth < DEEPEST ? called(chain, rule, certain, depth) : End.GOES_ON;
          if (certain && (end == End.ENDED || rule.action() == Action.GOTO)) {
            return end;
          }
          surely &= rule.action() != Action.GOTO;
        }
        case NOTHING -> {}
      }
    }
    return End.GOES_ON;
  }

  private End called(FilterChain from, FilterRule rule, boolean certain, int depth) {
    return tables
        .called(from, rule.target())
        .map(chain -> chain(chain, certain, depth + 1))
        .orElse(End.GOES_ON);
  }
}
