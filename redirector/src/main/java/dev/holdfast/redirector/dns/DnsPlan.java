package dev.holdfast.redirector.dns;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a move would change in DNS, as the records are now.
 *
 * @param name absolute
 * @param server where the name's zone is updated, such as {@code 10.9.0.53 port 53}; empty when no
 *     zone fits
 * @param sets the guest's own records first, then reverse ones
 * @param notes sentences worth reading, such as an address that is not in the records
 * @param problem why nothing would be changed; null when something would
 */
public record DnsPlan(
    String name, String server, List<SetMove> sets, List<String> notes, @Nullable String problem) {
  public DnsPlan {
    sets = List.copyOf(sets);
    notes = List.copyOf(notes);
  }

  static DnsPlan refused(String name, String server, List<String> notes, String problem) {
    return new DnsPlan(name, server, List.of(), notes, problem);
  }

  /** The name's addresses as they are. */
  public List<String> before() {
    return forward(true);
  }

  /** The name's addresses as they would be. */
  public List<String> after() {
    return forward(false);
  }

  private List<String> forward(boolean before) {
    return sets.stream()
        .filter(each -> !each.isReverse())
        .flatMap(each -> (before ? each.before() : each.after()).stream())
        .toList();
  }
}
