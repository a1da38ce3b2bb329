package dev.holdfast.redirector.migration;

import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.dns.DnsException;
import dev.holdfast.redirector.dns.DnsNames;
import dev.holdfast.tunnel.packet.IpAddress;
import dev.holdfast.tunnel.packet.MacAddress;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.xbill.DNS.Name;

/**
 * A {@link MigrationRequest} that has been checked against the config: typed, with defaults filled
 * in. Nothing of the host has been looked at yet.
 */
record MigrationSpec(
    String name,
    List<IpAddress> olds,
    List<IpAddress> news,
    Config.Remote remote,
    @Nullable String from,
    @Nullable String guestPort,
    @Nullable MacAddress guestMac,
    String deliver,
    @Nullable String dnsName,
    List<IpAddress> dnsAddresses,
    Config.Encapsulation encapsulation,
    Config.HoldPolicy holdPolicy,
    @Nullable String flowListCommand,
    Config.Capture capture,
    Config.ReturnPath returnPath,
    boolean guestUnaware) {

  private static final int MAX_INTERFACE_NAME = 15; // IFNAMSIZ - 1, linux/if.h

  /** Each is a route, a neighbour and elements of sets on both hosts. */
  static final int MOST_ADDRESSES = 16;

  /** Each is asked for at every server of its zone. */
  static final int MOST_NAMES = 16;

  /**
   * Checks everything that can be checked without looking at the host.
   *
   * @throws RequestRefused {@code INVALID}, naming every mistake at once
   */
  static MigrationSpec of(MigrationRequest request, Config config) throws RequestRefused {
    List<String> mistakes = new ArrayList<>();
    if (!request.name().matches("[A-Za-z0-9][A-Za-z0-9._-]{0,63}")) {
      mistakes.add(
          "the name '"
              + request.name()
              + "' must begin with a letter or digit and have at most 64 letters, digits, dots, hyphens, underscores");
    }
    List<IpAddress> olds = parse(request.oldAddresses(), IpAddress::parse, "--old", mistakes);
    List<IpAddress> news = parse(request.newAddresses(), IpAddress::parse, "--new", mistakes);
    List<IpAddress> dnsAddresses =
        parse(request.dnsAddresses(), IpAddress::parse, "--dns-address", mistakes);
    if (request.oldAddresses().isEmpty()) {
      mistakes.add("give at least one --old address");
    }
    if (request.newAddresses().isEmpty()) {
      mistakes.add("give at least one --new address");
    }
    checkAddresses(olds, news, mistakes);
    String dnsName = dnsNames(request.dnsName(), mistakes);
    MacAddress mac = null;
    if (request.guestMac() != null) {
      List<MacAddress> parsed =
          parse(List.of(request.guestMac()), MacAddress::parse, "--guest-mac", mistakes);
      mac = parsed.isEmpty() ? null : parsed.getFirst();
      if (mac != null && (mac.isGroup() || mac.bits() == 0)) {
        mistakes.add("--guest-mac " + mac + " is not the address of one interface");
      }
    }
    checkInterface(request.from(), "--from", mistakes);
    checkInterface(request.guestPort(), "--guest-port", mistakes);
    checkInterface(request.deliver(), "--deliver", mistakes);
    if (request.from() == null && request.guestPort() == null) {
      mistakes.add(
          "give --guest-port (the guest's port on this host's bridge) or --from (the old LAN's interface)");
    }
    Config.Remote remote = findRemote(request.remote(), config, mistakes);
    TunnelEnds.check(config, remote, olds, mistakes);
    if (remote != null) {
      for (IpAddress old : olds) {
        if (remote.addresses().stream().noneMatch(prefix -> prefix.contains(old))) {
          mistakes.add(
              old
                  + " is not among the addresses that [[remote]] "
                  + remote.name()
                  + " may be given here ("
                  + remote.addresses()
                  + "); add its prefix to addresses in the config of both hosts");
        }
      }
    }
    Config.Encapsulation encapsulation =
        choice(
            request.encapsulation(),
            Config.Encapsulation.class,
            config.tunnel().encapsulation(),
            "--encapsulation",
            mistakes);
    Config.HoldPolicy holdPolicy =
        choice(
            request.holdPolicy(),
            Config.HoldPolicy.class,
            config.hold().policy(),
            "--hold",
            mistakes);
    Config.Capture capture =
        choice(
            request.capture(),
            Config.Capture.class,
            config.tunnel().capture(),
            "--capture",
            mistakes);
    Config.ReturnPath returnPath =
        choice(
            request.returnPath(),
            Config.ReturnPath.class,
            config.tunnel().returnPath(),
            "--return-path",
            mistakes);
    boolean unaware = Boolean.TRUE.equals(request.guestUnaware());
    if (unaware) {
      GuestMapping.checkRequest(olds, news, returnPath == Config.ReturnPath.DIRECT, mistakes);
    }
    if (remote != null && remote.endpoint() == null) {
      mistakes.add(
          "[[remote]] "
              + remote.name()
              + " has no endpoint in the config: the host that the guest leaves opens the data"
              + " connections, so it must be able to reach the other");
    }
    if (encapsulation == Config.Encapsulation.IPIP && remote != null) {
      String against = EncapsulationChoice.againstIpInIp(config, remote);
      if (against != null) {
        mistakes.add("--encapsulation ipip cannot be: " + against + "; use tls");
      }
    }
    if (!mistakes.isEmpty() || remote == null) {
      throw new RequestRefused(RequestRefused.Kind.INVALID, String.join("; ", mistakes));
    }
    return new MigrationSpec(
        request.name(),
        olds,
        news,
        remote,
        request.from(),
        request.guestPort(),
        mac,
        request.deliver(),
        dnsName,
        dnsAddresses.isEmpty() ? news : dnsAddresses,
        encapsulation,
        holdPolicy,
        request.flowListCommand(),
        capture,
        returnPath,
        unaware);
  }

  /** The names with commas and nothing else between; null where there is none. */
  private static @Nullable String dnsNames(@Nullable String text, List<String> mistakes) {
    if (text == null || text.isBlank()) {
      return null;
    }
    List<String> names = Stream.of(text.split(",", -1)).map(String::strip).toList();
    var absolute = new HashSet<Name>();
    for (String each : names) {
      try {
        if (!absolute.add(DnsNames.absolute(each))) {
          mistakes.add("--dns-name " + each + " is given twice");
        }
      } catch (DnsException e) {
        mistakes.add("--dns-name: " + e.getMessage());
      }
    }
    if (names.size() > MOST_NAMES) {
      mistakes.add("give at most " + MOST_NAMES + " --dns-name");
    }
    return String.join(",", names);
  }

  private static void checkAddresses(
      List<IpAddress> olds, List<IpAddress> news, List<String> mistakes) {
    if (olds.size() > MOST_ADDRESSES || news.size() > MOST_ADDRESSES) {
      mistakes.add("give at most " + MOST_ADDRESSES + " --old and as many --new addresses");
    }
    if (new HashSet<>(news).size() != news.size()) {
      mistakes.add("a --new address is given twice");
    }
    if (new HashSet<>(olds).size() != olds.size()) {
      mistakes.add("an --old address is given twice");
    }
    for (IpAddress address : olds) {
      if (address.isMulticast() || (address.high() == 0 && (int) address.low() == 0)) {
        mistakes.add("--old " + address + " is not the address of one guest");
      }
      if (news.contains(address)) {
        mistakes.add(
            address
                + " is both --old and --new: a guest that keeps its address needs no redirect of this kind");
      }
    }
  }

  private static void checkInterface(@Nullable String name, String option, List<String> mistakes) {
    if (name != null && !name.matches("[^\\s/\"'{};,]{1," + MAX_INTERFACE_NAME + "}")) {
      mistakes.add(option + " '" + name + "' is not an interface name");
    }
  }

  private static Config.@Nullable Remote findRemote(
      String name, Config config, List<String> mistakes) {
    for (Config.Remote remote : config.remotes()) {
      if (remote.name().equals(name)) {
        return remote;
      }
    }
    mistakes.add(
        "there is no [[remote]] named '"
            + name
            + "' in the config; it has "
            + config.remotes().stream().map(Config.Remote::name).toList());
    return null;
  }

  private static <T> List<T> parse(
      List<String> texts, Function<String, T> parser, String option, List<String> mistakes) {
    List<T> parsed = new ArrayList<>();
    for (String text : texts) {
      try {
        parsed.add(parser.apply(text));
      } catch (IllegalArgumentException e) {
        mistakes.add(option + ": " + e.getMessage());
      }
    }
    return List.copyOf(parsed);
  }

  private static <E extends Enum<E>> E choice(
      @Nullable String text, Class<E> type, E fallback, String option, List<String> mistakes) {
    if (text == null) {
      return fallback;
    }
    for (E value : type.getEnumConstants()) {
      if (value.name().toLowerCase(Locale.ROOT).equals(text)) {
        return value;
      }
    }
    List<String> choices = new ArrayList<>();
    for (E value : type.getEnumConstants()) {
      choices.add(value.name().toLowerCase(Locale.ROOT));
    }
    mistakes.add(option + " is one of " + String.join(", ", choices) + ", not '" + text + "'");
    return fallback;
  }
}
