package dev.holdfast.redirector.filter;

import dev.holdfast.redirector.filter.FilterRule.Action;
import dev.holdfast.redirector.filter.FilterRule.Condition;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Reads what iptables-save and ip6tables-save print (iptables-extensions(8)).
 *
 * <p>Matches that are not known here make a rule one that perhaps matches.
 */
final class XtablesText {
  private static final Pattern CHAIN = Pattern.compile(":(\\S+) (\\S+).*");
  private static final Pattern WORD = Pattern.compile("\"((?:[^\"\\\\]|\\\\.)*)\"|(\\S+)");

  /** Priorities of the built-in chains (NF_IP_PRI_ in linux/netfilter_ipv4.h). */
  private static final Map<String, Integer> PRIORITIES =
      Map.of("raw", -300, "mangle", -150, "filter", 0, "security", 50);

  private final String tool;
  private final String family;
  private final Map<String, FilterChain> chains = new LinkedHashMap<>();
  private String table = "";

  private XtablesText(String tool, String family) {
    this.tool = tool;
    this.family = family;
  }

  static List<FilterChain> read(String tool, String family, String text) {
    XtablesText reader = new XtablesText(tool, family);
    text.lines().forEach(reader::line);
    return List.copyOf(reader.chains.values());
  }

  private void line(String line) {
    if (line.startsWith("*")) {
      table = line.substring(1).strip();
    } else if (line.startsWith(":")) {
      Matcher chain = CHAIN.matcher(line);
      if (chain.matches()) {
        declare(chain.group(1), chain.group(2));
      }
    } else if (line.startsWith("-A ")) {
      List<String> words = words(line);
      if (words.size() < 2) {
        throw new IllegalArgumentException(tool + "'s text has a rule of no chain: " + line);
      }
      String name = words.get(1);
      declare(name, "-");
      chain(name).rules().add(rule(words.subList(2, words.size()), line.substring(3).strip()));
    }
  }

  private FilterChain chain(String name) {
    FilterChain chain = chains.get(table + " " + name);
    if (chain == null) {
      throw new IllegalStateException("declared just before");
    }
    return chain;
  }

  private void declare(String name, String policy) {
    Integer priority = PRIORITIES.get(table);
    String hook =
        policy.equals("-") || priority == null // a table that translates addresses drops nothing
            ? ""
            : name.toLowerCase(Locale.ROOT);
    boolean drops = policy.equals("DROP");
    chains.computeIfAbsent(
        table + " " + name,
        key ->
            FilterChain.base(
                tool, family, table, name, hook, priority == null ? 0 : priority, drops));
  }

  private static List<String> words(String line) {
    List<String> words = new ArrayList<>();
    Matcher word = WORD.matcher(line);
    while (word.find()) {
      words.add(word.group(1) == null ? word.group(2) : word.group(1));
    }
    return words;
  }

  private FilterRule rule(List<String> words, String text) {
    List<Condition> conditions = new ArrayList<>();
    if (words.contains("rpfilter")) {
      conditions.add(XtablesMatch.reversePath(words));
    }
    boolean negated = false;
    for (int i = 0; i < words.size(); i++) {
      String option = words.get(i);
      if (option.equals("!")) {
        negated = true;
        continue;
      }
      if (option.equals("-j") || option.equals("-g")) {
        String target = i + 1 < words.size() ? words.get(i + 1) : "";
        return new FilterRule(text, conditions, action(option, target), target);
      }
      int first = i + 1;
      while (i + 1 < words.size() && !isOption(words.get(i + 1))) {
        i++;
      }
      List<String> values = words.subList(first, i + 1);
      Condition condition = XtablesMatch.of(option, values);
      boolean not = negated;
      negated = false;
      conditions.add(not ? packet -> condition.of(packet).not() : condition);
    }
    return new FilterRule(text, conditions, Action.NOTHING, "");
  }

  private static boolean isOption(String word) {
    return word.equals("!") || (word.startsWith("-") && word.length() > 1);
  }

  private Action action(String option, String target) {
    return switch (target) {
      case "ACCEPT" -> Action.ACCEPT;
      case "DROP", "STEAL", "TARPIT" -> Action.DROP;
      case "REJECT" -> Action.REJECT;
      case "RETURN" -> Action.RETURN;
      case "QUEUE", "NFQUEUE", "SYNPROXY" -> Action.GIVE_AWAY;
      default ->
          !isOwnChain(target) ? Action.NOTHING : option.equals("-g") ? Action.GOTO : Action.JUMP;
    };
  }

  /** A save names every chain before the first rule; what is none of them is an extension. */
  private boolean isOwnChain(String target) {
    return chains.containsKey(table + " " + target);
  }
}
