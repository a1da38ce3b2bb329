package dev.holdfast.redirector.filter;

import dev.holdfast.redirector.filter.FilterRule.Condition;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The match statements of nft's JSON. */
final class NftMatch {
  private static final JsonNode NOTHING = new JsonMapper().createArrayNode();

  private final Function<String, @Nullable JsonNode> sets;

  /**
   * @param sets the elements of a named set, by its name with the "@"
   */
  NftMatch(Function<String, @Nullable JsonNode> sets) {
    this.sets = sets;
  }

  /** Elements of a named set or map; none where it is not known. */
  JsonNode named(String name) {
    JsonNode elements = sets.apply(name);
    return elements == null ? NOTHING : elements;
  }

  Condition of(JsonNode match) {
    JsonNode left = match.path("left");
    JsonNode right = match.path("right");
    return switch (match.path("op").asString("")) {
      case "==", "in" -> packet -> compare(packet, left, right);
      case "!=" -> packet -> compare(packet, left, right).not();
      default -> packet -> Truth.UNKNOWN;
    };
  }

  /** Whether what {@code left} names in the packet is {@code right}, or one of it. */
  Truth compare(Passage packet, JsonNode left, JsonNode right) {
    if (right.isString() && right.asString("").startsWith("@")) {
      JsonNode elements = sets.apply(right.asString(""));
      return elements == null ? Truth.NO : any(packet, left, elements);
    }
    if (right.isArray()) {
      return any(packet, left, right);
    }
    if (right.has("set")) {
      return any(packet, left, right.get("set"));
    }
    if (right.has("elem")) {
      return compare(packet, left, right.get("elem").path("val"));
    }
    if (right.isString() && right.asString("").equals("*") && !left.has("meta")) {
      return Truth.YES; // the element for all others
    }
    if (left.has("meta")) {
      return meta(packet, left.get("meta").path("key").asString(""), right);
    }
    if (left.has("payload")) {
      return payload(packet, left.get("payload"), right);
    }
    if (left.has("ct")) {
      return tracking(packet, left.get("ct").path("key").asString(""), right);
    }
    if (left.has("fib")) {
      return fib(packet, left.get("fib"), right);
    }
    if (left.has("&")) {
      return masked(packet, left.get("&"), right);
    }
    return Truth.UNKNOWN;
  }

  private Truth any(Passage packet, JsonNode left, JsonNode elements) {
    Truth found = Truth.NO;
    for (JsonNode element : elements) {
      found = found.or(compare(packet, left, element));
    }
    return found;
  }

  private static Truth meta(Passage packet, String key, JsonNode right) {
    String value = right.asString("");
    return switch (key) {
      case "iifname", "iif" -> Values.interfaceIs(packet.in(), value);
      case "oifname", "oif" -> Values.interfaceIs(packet.out(), value);
      case "l4proto" -> Values.protocolIs(packet.protocol(), value);
      case "nfproto" -> Truth.of(value.equals(packet.isV4() ? "ipv4" : "ipv6"));
      case "protocol" -> Truth.of(value.equals(packet.isV4() ? "ip" : "ip6"));
      case "mark" -> right.isNumber() ? Truth.of(packet.mark() == right.asLong()) : Truth.UNKNOWN;
      default -> Truth.UNKNOWN;
    };
  }

  private static Truth payload(Passage packet, JsonNode payload, JsonNode right) {
    String protocol = payload.path("protocol").asString("");
    String field = payload.path("field").asString("");
    if (protocol.equals("ip") || protocol.equals("ip6")) {
      if (protocol.equals("ip") != packet.isV4()) {
        return Truth.NO;
      }
      return switch (field) {
        case "saddr" -> address(packet.source(), right);
        case "daddr" -> address(packet.destination(), right);
        case "protocol", "nexthdr" -> Values.protocolIs(packet.protocol(), right.asString(""));
        default -> Truth.UNKNOWN;
      };
    }
    boolean any = protocol.equals("th");
    if (!any && Values.protocolIs(packet.protocol(), protocol) == Truth.NO) {
      return Truth.NO;
    }
    return field.equals("dport") ? port(packet.port(), right) : Truth.UNKNOWN;
  }

  private static Truth address(dev.holdfast.tunnel.packet.IpAddress address, JsonNode right) {
    if (right.has("prefix")) {
      JsonNode prefix = right.get("prefix");
      return Values.addressIs(
          address, prefix.path("addr").asString("") + "/" + prefix.path("len").asInt(0));
    }
    return right.isString() ? Values.addressIs(address, right.asString("")) : Truth.UNKNOWN;
  }

  private static Truth port(int port, JsonNode right) {
    if (right.has("range")) {
      JsonNode range = right.get("range");
      return Values.portIs(port, range.path(0).asInt(0) + "-" + range.path(1).asInt(0));
    }
    return right.isNumber() ? Values.portIs(port, right.asString("")) : Truth.UNKNOWN;
  }

  private static Truth tracking(Passage packet, String key, JsonNode right) {
    return switch (key) {
      case "state" -> Truth.of(right.asString("").equals(packet.tracking()));
      case "status" -> Truth.NO; // translated or expected, which ours are not
      default -> Truth.UNKNOWN;
    };
  }

  /**
   * The two questions that are put to the routing table: strictly back, and whose address it is.
   */
  private static Truth fib(Passage packet, JsonNode fib, JsonNode right) {
    String flags = fib.path("flags").toString();
    if (fib.path("result").asString("").equals("oif") && right.isBoolean()) {
      boolean there = !flags.contains("iif") || packet.routedBack();
      return flags.contains("saddr") ? Truth.of(there == right.asBoolean()) : Truth.UNKNOWN;
    }
    if (fib.path("result").asString("").equals("type") && flags.contains("daddr")) {
      boolean forUs = packet.hooks().contains("input");
      return switch (right.asString("")) {
        case "local" -> Truth.of(forUs);
        case "unicast" -> Truth.of(!forUs);
        case "broadcast", "multicast", "anycast" -> Truth.NO;
        default -> Truth.UNKNOWN;
      };
    }
    return Truth.UNKNOWN;
  }

  private static Truth masked(Passage packet, JsonNode and, JsonNode right) {
    boolean ofMark = and.path(0).path("meta").path("key").asString("").equals("mark");
    if (!ofMark || !and.path(1).isNumber() || !right.isNumber()) {
      return Truth.UNKNOWN;
    }
    return Truth.of((packet.mark() & and.path(1).asLong()) == right.asLong());
  }
}
