package dev.holdfast.redirector.steer;

import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.Set;

/** Elements of our tables' sets and maps, and the scripts that put them in and take them out. */
final class NftElements {
  private record Element(String set, String key, String value) {
    String withValue() {
      return set + " { " + key + (value.isEmpty() ? "" : " : " + value) + " }\n";
    }

    String keyAlone() {
      return set + " { " + key + " }\n";
    }
  }

  private final String table;
  private final Set<Element> elements = new LinkedHashSet<>();

  NftElements() {
    this(SteeringNames.TABLE);
  }

  NftElements(String table) {
    this.table = table;
  }

  /**
   * An element of a set.
   *
   * @param set family and name: "inet captured4"
   */
  NftElements add(String set, String key) {
    return add(set, key, "");
  }

  /** An element of a map. */
  NftElements add(String map, String key, String value) {
    String[] words = map.split(" ");
    elements.add(new Element(words[0] + " " + table + " " + words[1], key, value));
    return this;
  }

  /** Putting in what is there is no error. */
  String additions() {
    StringBuilder script = new StringBuilder();
    elements.forEach(each -> script.append("add element ").append(each.withValue()));
    return script.toString();
  }

  /** Each is put in first, so that taking out what is not there is no error either. */
  String removals() {
    StringBuilder script = new StringBuilder(additions());
    elements.forEach(each -> script.append("delete element ").append(each.keyAlone()));
    return script.toString();
  }

  static String key(Object... parts) {
    StringBuilder key = new StringBuilder();
    for (Object part : parts) {
      key.append(key.isEmpty() ? "" : " . ").append(part);
    }
    return key.toString();
  }

  static String name(String device) {
    return "\"" + device + "\"";
  }

  /** For matches on raw payload, which are numbers to nft. */
  static String number(IpAddress address) {
    return "0x" + HexFormat.of().formatHex(address.toBytes());
  }

  static String number(IpPrefix prefix) {
    return number(network(prefix)) + "/" + prefix.length();
  }

  /** The prefix's address with its host bits cleared. */
  static IpAddress network(IpPrefix prefix) {
    IpAddress address = prefix.address();
    int bits = address.isV4() ? prefix.length() + 96 : prefix.length();
    long high = bits == 0 ? 0 : bits >= 64 ? address.high() : address.high() & -1L << 64 - bits;
    long low = bits <= 64 ? 0 : address.low() & -1L << 128 - bits;
    return new IpAddress(high, low);
  }
}
