package dev.holdfast.redirector.filter;

import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;

/** A rule of nft's JSON in about the words in which nft writes it, so that people find it. */
final class NftText {
  private NftText() {}

  static String of(JsonNode rule) {
    List<String> words = new ArrayList<>();
    for (JsonNode statement : rule.path("expr")) {
      String kind = statement.propertyNames().stream().findFirst().orElse("");
      JsonNode body = statement.path(kind);
      switch (kind) {
        case "match" -> words.add(match(body));
        case "reject" -> words.add(reject(body));
        case "jump", "goto" -> words.add(kind + " " + body.path("target").asString(""));
        case "vmap" ->
            words.add(expression(body.path("key")) + " vmap " + value(body.path("data")));
        case "xt" -> words.add("xt " + body.path("name").asString(""));
        case "counter" -> {}
        default -> words.add(kind);
      }
    }
    return String.join(" ", words) + " # handle " + rule.path("handle").asInt(0);
  }

  private static String match(JsonNode match) {
    String op = match.path("op").asString("");
    String right = value(match.path("right"));
    String left = expression(match.path("left"));
    return op.equals("==") || op.equals("in") ? left + " " + right : left + " " + op + " " + right;
  }

  private static String reject(JsonNode reject) {
    String type = reject.path("type").asString("");
    return type.isEmpty()
        ? "reject"
        : "reject with " + type + (reject.has("expr") ? " " + value(reject.path("expr")) : "");
  }

  private static String expression(JsonNode left) {
    if (left.has("meta")) {
      String key = left.get("meta").path("key").asString("");
      return key.startsWith("iif") || key.startsWith("oif") ? key : "meta " + key;
    }
    if (left.has("payload")) {
      JsonNode payload = left.get("payload");
      return payload.path("protocol").asString("") + " " + payload.path("field").asString("");
    }
    if (left.has("ct")) {
      return "ct " + left.get("ct").path("key").asString("");
    }
    if (left.has("fib")) {
      JsonNode fib = left.get("fib");
      String keys = value(fib.path("flags")).replace(",", " . ");
      return "fib " + keys + " " + fib.path("result").asString("");
    }
    return left.toString();
  }

  private static String value(JsonNode right) {
    if (right.isString()) {
      return right.asString("");
    }
    if (right.has("prefix")) {
      JsonNode prefix = right.get("prefix");
      return prefix.path("addr").asString("") + "/" + prefix.path("len").asInt(0);
    }
    if (right.has("set")) {
      return "{" + value(right.get("set")) + "}";
    }
    if (right.isArray()) {
      List<String> all = new ArrayList<>();
      right.forEach(each -> all.add(value(each)));
      return String.join(",", all);
    }
    return right.isBoolean() ? (right.asBoolean() ? "exists" : "missing") : right.toString();
  }
}
