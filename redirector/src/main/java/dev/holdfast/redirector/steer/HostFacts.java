package dev.holdfast.redirector.steer;

import dev.holdfast.redirector.filter.FilterTables;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.IpPrefix;
import dev.holdfast.tunnel.packet.MacAddress;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * What this host's kernel says of itself: interfaces, addresses, neighbours, routes. Nothing is
 * changed or remembered; each call asks anew.
 */
public final class HostFacts {
  private static final JsonMapper JSON = new JsonMapper();

  private final Kernel kernel;

  public HostFacts(Kernel kernel) {
    this.kernel = kernel;
  }

  /**
   * One interface.
   *
   * @param mac null where it has none, as a TUN
   * @param kind bridge, veth, tun ...; empty for hardware
   * @param filtersVlans a bridge that looks at VLAN tags
   * @param master the bridge or bond that it belongs to
   * @param virtualFunctions whether it has given parts of itself to guests (SR-IOV)
   */
  public record Device(
      String name,
      boolean up,
      int mtu,
      @Nullable MacAddress mac,
      String kind,
      boolean filtersVlans,
      @Nullable String master,
      boolean virtualFunctions) {
    public boolean isBridge() {
      return kind.equals("bridge");
    }
  }

  private JsonNode ask(String arguments) throws IOException {
    return parse(kernel.query(arguments), "ip " + arguments);
  }

  static JsonNode parse(String answer, String question) throws IOException {
    try {
      return JSON.readTree(answer);
    } catch (JacksonException e) {
      throw new IOException("cannot read what '" + question + "' says: " + answer, e);
    }
  }

  /** Every interface of the calling thread's network namespace. */
  public List<Device> devices() throws IOException {
    List<Device> devices = new ArrayList<>();
    for (JsonNode link : ask("-d link show")) {
      devices.add(device(link));
    }
    return devices;
  }

  public Optional<Device> device(String name) throws IOException {
    return devices().stream().filter(device -> device.name().equals(name)).findFirst();
  }

  private static Device device(JsonNode link) {
    boolean up = false;
    for (JsonNode flag : link.path("flags")) {
      up |= flag.asString("").equals("UP");
    }
    String address = link.path("address").asString("");
    boolean ethernet = link.path("link_type").asString("").equals("ether");
    String master = link.path("master").asString("");
    return new Device(
        link.path("ifname").asString(""),
        up,
        link.path("mtu").asInt(0),
        ethernet ? MacAddress.parse(address) : null,
        link.path("linkinfo").path("info_kind").asString(""),
        link.path("linkinfo").path("info_data").path("vlan_filtering").asInt(0) != 0,
        master.isEmpty() ? null : master,
        !link.path("vfinfo_list").isEmpty());
  }

  /** The bridge that {@code port} is a port of. */
  public Optional<String> bridgeOf(String port) throws IOException {
    List<Device> devices = devices();
    return devices.stream()
        .filter(device -> device.name().equals(port))
        .map(Device::master)
        .filter(master -> devices.stream().anyMatch(d -> d.name().equals(master) && d.isBridge()))
        .findFirst();
  }

  /**
   * Whether a bridge's MAC is the lowest of its ports'. It may have been set by hand to just that
   * one, which cannot be told from outside /sys; then setting it once more changes nothing.
   */
  boolean followsItsPorts(String bridge) throws IOException {
    List<Device> devices = devices();
    Optional<MacAddress> lowest =
        devices.stream()
            .filter(device -> bridge.equals(device.master()))
            .map(Device::mac)
            .filter(mac -> mac != null)
            .min(Comparator.comparingLong(MacAddress::bits));
    return devices.stream()
        .filter(device -> device.name().equals(bridge))
        .anyMatch(device -> lowest.isPresent() && lowest.get().equals(device.mac()));
  }

  /** Addresses of an interface with their prefix lengths, link-local ones too. */
  public List<IpPrefix> addresses(String device) throws IOException {
    List<IpPrefix> addresses = new ArrayList<>();
    for (JsonNode link : ask("addr show")) {
      if (!link.path("ifname").asString("").equals(device)) {
        continue;
      }
      for (JsonNode address : link.path("addr_info")) {
        addresses.add(
            new IpPrefix(
                IpAddress.parse(address.path("local").asString("")),
                address.path("prefixlen").asInt(0)));
      }
    }
    return addresses;
  }

  /**
   * Prefixes that are on the link of {@code device} by this host's addresses and routes, without
   * fe80::/10 and multicast: the LAN.
   */
  public List<IpPrefix> lanPrefixes(String device) throws IOException {
    List<IpPrefix> prefixes = new ArrayList<>();
    for (String family : families()) {
      for (JsonNode route : ask("-" + family + " route show dev " + device)) {
        String destination = route.path("dst").asString("");
        if (destination.equals("default") || route.has("gateway") || route.has("type")) {
          continue;
        }
        IpPrefix prefix = IpPrefix.parse(destination);
        boolean linkLocal = prefix.address().isV6() && isLinkLocal(prefix.address());
        if (!linkLocal && !prefix.address().isMulticast()) {
          prefixes.add(prefix);
        }
      }
    }
    return prefixes;
  }

  /**
   * A route by an interface.
   *
   * @param gateway null where the prefix is on the link
   */
  public record LanRoute(IpPrefix prefix, @Nullable IpAddress gateway) {}

  /** This host's routes of the main table that leave by {@code device}, but multicast ones. */
  public List<LanRoute> routes(String device) throws IOException {
    List<LanRoute> routes = new ArrayList<>();
    for (String family : families()) {
      for (JsonNode route : ask("-" + family + " route show dev " + device)) {
        String destination = route.path("dst").asString("");
        if (route.has("type") || destination.isEmpty()) {
          continue;
        }
        IpPrefix prefix =
            IpPrefix.parse(
                destination.equals("default")
                    ? family.equals("4") ? "0.0.0.0/0" : "::/0"
                    : destination);
        String gateway = route.path("gateway").asString("");
        if (!prefix.address().isMulticast()) {
          routes.add(new LanRoute(prefix, gateway.isEmpty() ? null : IpAddress.parse(gateway)));
        }
      }
    }
    return routes;
  }

  /**
   * The LAN as its guest knows it: its prefixes, and the link-local addresses of its IPv6 routers,
   * whom a guest may go on asking for.
   */
  public List<IpPrefix> oldLans(String device) throws IOException {
    List<IpPrefix> lans = new ArrayList<>(lanPrefixes(device));
    if (!hasIpv6()) {
      return lans;
    }
    for (JsonNode neighbour : ask("-6 neigh show dev " + device)) {
      IpAddress address = IpAddress.parse(neighbour.path("dst").asString(""));
      if (neighbour.has("router") && isLinkLocal(address)) {
        lans.add(IpPrefix.host(address));
      }
    }
    for (JsonNode route : ask("-6 route show default dev " + device)) {
      String gateway = route.path("gateway").asString("");
      if (!gateway.isEmpty()) {
        IpPrefix host = IpPrefix.host(IpAddress.parse(gateway));
        if (isLinkLocal(host.address()) && !lans.contains(host)) {
          lans.add(host);
        }
      }
    }
    return lans;
  }

  static boolean isLinkLocal(IpAddress address) {
    return address.isV6() && address.high() >>> 54 == 0xfe80 >>> 6;
  }

  /** The interface that has {@code address}. */
  public Optional<String> interfaceOf(IpAddress address) throws IOException {
    for (JsonNode link : ask("addr show")) {
      for (JsonNode each : link.path("addr_info")) {
        if (IpAddress.parse(each.path("local").asString("")).equals(address)) {
          return Optional.of(link.path("ifname").asString(""));
        }
      }
    }
    return Optional.empty();
  }

  /** The interface by which this host would send to {@code address}; empty without a route. */
  public Optional<String> routeTo(IpAddress address) throws IOException {
    try {
      for (JsonNode route : ask("route get " + address)) {
        String device = route.path("dev").asString("");
        if (!device.isEmpty() && !route.path("type").asString("").equals("blackhole")) {
          return Optional.of(device);
        }
      }
    } catch (KernelRefusal unreachable) {
      return Optional.empty(); // "Network is unreachable" and its kin
    }
    return Optional.empty();
  }

  /** How this host sends to an address: by which interface, and from which of its own. */
  public record Way(String device, IpAddress source) {}

  /** How this host would send to {@code address}; empty without a route. */
  public Optional<Way> wayTo(IpAddress address) throws IOException {
    try {
      for (JsonNode route : ask("route get " + address)) {
        String device = route.path("dev").asString("");
        String source = route.path("prefsrc").asString("");
        if (!device.isEmpty() && !source.isEmpty()) {
          return Optional.of(new Way(device, IpAddress.parse(source)));
        }
      }
    } catch (KernelRefusal unreachable) {
      return Optional.empty();
    }
    return Optional.empty();
  }

  /** The MAC that this host knows for {@code address} on {@code device}. */
  public Optional<MacAddress> neighbour(IpAddress address, String device) throws IOException {
    for (JsonNode neighbour :
        ask((address.isV4() ? "-4" : "-6") + " neigh show " + address + " dev " + device)) {
      String mac = neighbour.path("lladdr").asString("");
      if (!mac.isEmpty()) {
        return Optional.of(MacAddress.parse(mac));
      }
    }
    return Optional.empty();
  }

  /** MACs that a bridge has learnt behind one of its ports. */
  public List<MacAddress> learntBehind(String port) throws IOException {
    String question = "fdb show brport " + port;
    List<MacAddress> macs = new ArrayList<>();
    for (JsonNode entry : parse(kernel.bridgeQuery(question), question)) {
      String state = entry.path("state").asString("");
      MacAddress mac = MacAddress.parse(entry.path("mac").asString(""));
      if (!state.equals("permanent") && !mac.isGroup() && !macs.contains(mac)) {
        macs.add(mac);
      }
    }
    return macs;
  }

  /**
   * The guest's MAC: what this host's neighbour table has for one of its addresses, else what alone
   * was learnt behind its port.
   */
  public Optional<MacAddress> guestMac(
      String lan, @Nullable String port, List<IpAddress> oldAddresses) throws IOException {
    for (IpAddress old : oldAddresses) {
      Optional<MacAddress> known = neighbour(old, lan);
      if (known.isPresent()) {
        return known;
      }
    }
    List<MacAddress> learnt = port == null ? List.of() : learntBehind(port);
    return learnt.size() == 1 ? Optional.of(learnt.getFirst()) : Optional.empty();
  }

  /** A policy rule: its priority and table, and the mark it looks at (0: none). */
  public record Rule(int priority, String table, long mark, long mask) {}

  /** Policy rules of IPv4, by rising priority. */
  public List<Rule> rules() throws IOException {
    List<Rule> rules = new ArrayList<>();
    for (JsonNode rule : ask("rule show")) {
      rules.add(
          new Rule(
              rule.path("priority").asInt(0),
              rule.path("table").asString(""),
              Long.decode(rule.path("fwmark").asString("0")),
              Long.decode(rule.path("fwmask").asString("0xffffffff"))));
    }
    return rules;
  }

  /** Families of the nft tables that have our name. */
  public List<String> ourTables() throws IOException {
    List<String> families = new ArrayList<>();
    JsonNode answer = parse(kernel.nftQuery("list tables"), "nft list tables");
    for (JsonNode object : answer.path("nftables")) {
      String name = object.path("table").path("name").asString("");
      if (name.equals(SteeringNames.TABLE) || name.equals(PcapTables.TABLE)) {
        families.add(object.path("table").path("family").asString(""));
      }
    }
    return families;
  }

  /** The packet filters of others. */
  public FilterTables filters() throws IOException {
    String nft = kernel.nftQuery("list ruleset");
    List<FilterTables.Save> saves = new ArrayList<>();
    for (String tool : List.of("iptables", "ip6tables")) {
      String family = tool.equals("iptables") ? "ip" : "ip6";
      if (nft.contains("\"xt\"")) { // nft shows what these tools alone understand by name only
        String text = kernel.filterSave(tool + "-nft-save");
        saves.add(new FilterTables.Save(tool + "-nft", family, true, text));
      }
      String legacy = kernel.filterSave(tool + "-legacy-save");
      saves.add(new FilterTables.Save(tool + "-legacy", family, false, legacy));
    }
    try {
      return FilterTables.of(SteeringNames.TABLE, nft, saves);
    } catch (IllegalArgumentException e) {
      throw new IOException("the packet filters cannot be read: " + e.getMessage(), e);
    }
  }

  /** "4", and "6" where the kernel has it. */
  public List<String> families() {
    return hasIpv6() ? List.of("4", "6") : List.of("4");
  }

  public boolean hasIpv6() {
    return hasSysctl("net/ipv6/conf/all/forwarding");
  }

  /** Since Linux 6.17, one interface can forward IPv6 without the whole host doing so. */
  public boolean hasForceForwarding() {
    return hasSysctl("net/ipv6/conf/all/force_forwarding");
  }

  private boolean hasSysctl(String path) {
    try {
      return !kernel.sysctl(path).isEmpty();
    } catch (IOException e) {
      return false;
    }
  }

  /** Whether packets that come in by {@code device} are forwarded; family is "4" or "6". */
  public boolean forwards(String device, String family) throws IOException {
    if (family.equals("4")) {
      return sysctl("net/ipv4/conf/" + device + "/forwarding").equals("1");
    }
    return sysctl("net/ipv6/conf/all/forwarding").equals("1")
        || (hasForceForwarding()
            && sysctl("net/ipv6/conf/" + device + "/force_forwarding").equals("1"));
  }

  public String sysctl(String path) throws IOException {
    return kernel.sysctl(path);
  }
}
