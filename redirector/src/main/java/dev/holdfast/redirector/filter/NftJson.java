package dev.holdfast.redirector.filter;

import dev.holdfast.redirector.filter.FilterRule.Action;
import dev.holdfast.redirector.filter.FilterRule.Condition;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Reads what {@code nft -j list ruleset} prints (libnftables-json(5)). */
final class NftJson {
  private static final JsonMapper JSON = new JsonMapper();

  private final Map<String, FilterChain> chains = new LinkedHashMap<>();
  private final Map<String, JsonNode> sets = new HashMap<>();

  private NftJson() {}

  static List<FilterChain> read(String text) {
    JsonNode objects;
    try {
      objects = JSON.readTree(text).path("nftables");
    } catch (JacksonException e) {
      throw new IllegalArgumentException("nft's JSON is not understood: " + e.getMessage(), e);
    }
    NftJson reader = new NftJson();
    for (JsonNode object : objects) {
      reader.declare(object);
    }
    for (JsonNode object : objects) {
      if (object.has("rule")) {
        reader.rule(object.get("rule"));
      }
    }
    return List.copyOf(reader.chains.values());
  }

  private static String string(JsonNode object, String field) {
    return object.path(field).asString("");
  }

  private static String table(JsonNode object) {
    return string(object, "family") + " " + string(object, "table") + " ";
  }

  private void declare(JsonNode object) {
    if (object.has("chain")) {
      JsonNode chain = object.get("chain");
      boolean translates = string(chain, "type").equals("nat");
      chains.put(
          table(chain) + string(chain, "name"),
          FilterChain.base(
              "nft",
              string(chain, "family"),
              string(chain, "table"),
              string(chain, "name"),
              translates ? "" : string(chain, "hook"),
              chain.path("prio").asInt(0),
              string(chain, "policy").equals("drop")));
    }
    for (String kind : List.of("set", "map")) {
      if (object.has(kind)) {
        JsonNode set = object.get(kind);
        sets.put(table(set) + "@" + string(set, "name"), set.path("elem"));
      }
    }
  }

  private void rule(JsonNode rule) {
    FilterChain chain = chains.get(table(rule) + string(rule, "chain"));
    if (chain == null) {
      return;
    }
    String text = NftText.of(rule);
    NftMatch match = new NftMatch(name -> sets.get(table(rule) + name));
    List<Condition> conditions = new ArrayList<>();
    for (JsonNode statement : rule.path("expr")) {
      String kind = statement.propertyNames().stream().findFirst().orElse("");
      JsonNode body = statement.path(kind);
      switch (kind) {
        case "match" -> conditions.add(match.of(body));
        case "accept", "drop", "reject", "return", "jump", "goto", "queue" -> {
          chain.rules().add(verdict(text, conditions, kind, body));
          return; // nothing follows a verdict
        }
        case "vmap" -> verdicts(chain, text, conditions, match, body);
        case "xt" -> {
          if (extension(chain, text, conditions, body)) {
            return;
          }
        }
        case "limit", "quota", "ct count" -> conditions.add(packet -> Truth.UNKNOWN);
        default -> {} // counts, logs, marks or translates
      }
    }
  }

  private static FilterRule verdict(
      String text, List<Condition> conditions, String kind, JsonNode body) {
    Action action =
        switch (kind) {
          case "accept" -> Action.ACCEPT;
          case "drop" -> Action.DROP;
          case "reject" -> Action.REJECT;
          case "return" -> Action.RETURN;
          case "jump" -> Action.JUMP;
          case "goto" -> Action.GOTO;
          case "queue" -> Action.GIVE_AWAY;
          default -> Action.NOTHING;
        };
    return new FilterRule(text, conditions, action, string(body, "target"));
  }

  /** A verdict map is a rule for each of its elements. */
  private void verdicts(
      FilterChain chain, String text, List<Condition> before, NftMatch match, JsonNode vmap) {
    JsonNode data = vmap.path("data");
    JsonNode elements = data.isString() ? match.named(data.asString("")) : data.path("set");
    for (JsonNode element : elements) {
      JsonNode value = element.path(0);
      JsonNode verdict = element.path(1);
      String kind = verdict.propertyNames().stream().findFirst().orElse("");
      List<Condition> conditions = new ArrayList<>(before);
      conditions.add(packet -> match.compare(packet, vmap.path("key"), value));
      chain.rules().add(verdict(text, conditions, kind, verdict.path(kind)));
    }
  }

  /** What iptables has made and nft shows by its name alone; true for a verdict. */
  private static boolean extension(
      FilterChain chain, String text, List<Condition> conditions, JsonNode xt) {
    String name = string(xt, "name");
    if (string(xt, "type").equals("match")) {
      if (!name.equals("comment")) {
        conditions.add(packet -> Truth.UNKNOWN);
      }
      return false;
    }
    boolean rejects = name.equals("REJECT");
    if (rejects) {
      chain.rules().add(new FilterRule(text, conditions, Action.REJECT, ""));
    }
    return rejects;
  }
}
