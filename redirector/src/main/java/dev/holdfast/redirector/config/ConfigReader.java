package dev.holdfast.redirector.config;

import dev.holdfast.redirector.config.Config.Capture;
import dev.holdfast.redirector.config.Config.DnsZone;
import dev.holdfast.redirector.config.Config.Encapsulation;
import dev.holdfast.redirector.config.Config.FastPath;
import dev.holdfast.redirector.config.Config.HoldPolicy;
import dev.holdfast.redirector.config.Config.NoRelease;
import dev.holdfast.redirector.config.Config.Remote;
import dev.holdfast.redirector.config.Config.ReturnPath;
import dev.holdfast.redirector.config.Config.StaleSyn;
import dev.holdfast.redirector.config.Config.Ttl;
import dev.holdfast.tunnel.encap.OuterPolicy;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.MalformedInputException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.tomlj.Toml;
import org.tomlj.TomlArray;
import org.tomlj.TomlParseError;
import org.tomlj.TomlParseResult;
import org.tomlj.TomlPosition;
import org.tomlj.TomlTable;

/** Reads a config file, and finds every mistake in it in one go. */
public final class ConfigReader {
  private static final List<String> TABLES =
      List.of("daemon", "tunnel", "identity", "remote", "dns", "hold", "drain", "hook");
  private static final List<String> KEY_ALGORITHMS =
      List.of("hmac-sha256", "hmac-sha384", "hmac-sha512"); // RFC 8945 section 6: no weaker ones
  private static final int MOST_CONNECTIONS = 16;
  private static final int LARGEST_TTL = 604_800; // RFC 8767 section 4: longer ones are capped
  private static final Path HOST_NAME = Path.of("/proc/sys/kernel/hostname");

  private final Path file;
  private final Path folder;
  private final TomlParseResult toml;
  private final Mistakes mistakes = new Mistakes();

  private ConfigReader(Path file, TomlParseResult toml) {
    this.file = file;
    this.folder = Objects.requireNonNullElse(file.toAbsolutePath().getParent(), Path.of("/"));
    this.toml = toml;
  }

  /**
   * A usable configuration, and what is worth knowing about it: settings that this build does not
   * use yet, or that leave the daemon idle.
   */
  public record Reading(Config config, List<Problem> notes) {}

  /**
   * Reads and checks the file. The files that it names (certificate, key, secrets) are not looked
   * at.
   *
   * @throws ConfigException with every mistake, or because the file cannot be read
   */
  public static Config read(Path file) throws ConfigException {
    return readWithNotes(file).config();
  }

  /** As {@link #read}, with remarks. */
  public static Reading readWithNotes(Path file) throws ConfigException {
    if (Files.isDirectory(file)) {
      throw new ConfigException(file, List.of(new Problem(0, 0, "is a folder, not a file")));
    }
    TomlParseResult toml;
    try {
      toml = Toml.parse(Files.readString(file));
    } catch (NoSuchFileException e) {
      throw new ConfigException(file, List.of(new Problem(0, 0, "there is no such file")));
    } catch (MalformedInputException e) {
      throw new ConfigException(file, List.of(new Problem(0, 0, "is not UTF-8 text")));
    } catch (IOException e) {
      throw new ConfigException(file, List.of(new Problem(0, 0, "cannot be read: " + e)));
    }
    return new ConfigReader(file, toml).reading();
  }

  private Reading reading() throws ConfigException {
    for (TomlParseError error : toml.errors()) {
      mistakes.syntax(error.position(), String.valueOf(error.getMessage()));
    }
    refuseUnknownTables();
    Config.Daemon daemon = daemon();
    Config.@Nullable Tunnel tunnel = tunnel();
    Config.@Nullable Identity identity = identity();
    List<Remote> remotes = remotes(daemon, tunnel);
    List<DnsZone> dns = dns();
    Config.Hold hold = hold();
    Config.Drain drain = drain();
    List<Config.Hook> hooks = hooks();
    if (tunnel == null || identity == null || !mistakes.problems().isEmpty()) {
      throw new ConfigException(file, mistakes.problems());
    }
    return new Reading(
        new Config(daemon, tunnel, identity, remotes, dns, hold, drain, hooks), mistakes.notes());
  }

  private Config.Daemon daemon() {
    Section section = optionalTable("daemon");
    var daemon =
        new Config.Daemon(
            section.optional("name", hostName(), Values::name),
            section.optional("control", Path.of("/run/holdfast/control.sock"), Values.path(folder)),
            section.optional("state", Path.of("/var/lib/holdfast"), Values.path(folder)),
            section.optional("pins", Path.of("/run/holdfast/bpf"), Values.path(folder)),
            section.optional("metrics", Values::endpoint));
    if (daemon.metrics() != null) {
      mistakes.note(
          section.positionOf("metrics"), "[daemon] metrics: this build serves no metrics yet");
    }
    section.refuseTheRest();
    return daemon;
  }

  private Config.@Nullable Tunnel tunnel() {
    Section section = requiredTable("tunnel", "listen and uplink");
    if (section == null) {
      return null;
    }
    InetSocketAddress listen = section.required("listen", Values::endpoint);
    String uplink = section.required("uplink", Values::networkInterface);
    var encapsulation =
        section.optional("encapsulation", Encapsulation.AUTO, Values.choice(Encapsulation.class));
    var returnPath =
        section.optional("return-path", ReturnPath.SYMMETRIC, Values.choice(ReturnPath.class));
    var capture = section.optional("capture", Capture.TUN, Values.choice(Capture.class));
    var fastPath = section.optional("fast-path", FastPath.AUTO, Values.choice(FastPath.class));
    String device = section.optional("device", "hf0", Values::networkInterface);
    int connections = section.optional("connections", 4, Values.integer(1, MOST_CONNECTIONS));
    Ttl ttl = section.optional("ttl", Ttl.DECREMENT, Values.choice(Ttl.class));
    int hopLimit =
        section.optional("hop-limit", OuterPolicy.DEFAULT.hopLimit(), Values.integer(1, 255));
    int dscp = section.optional("dscp", OuterPolicy.COPY, DscpText::parse);
    if (fastPath == FastPath.REQUIRED) {
      section.wrong(
          "fast-path", "this build has no fast path to require; write \"auto\" or \"off\"");
    }
    if (device.equals(uplink)) {
      section.wrong("device", "'" + device + "' is the uplink; the TUN needs a name of its own");
    }
    if (listen != null
        && encapsulation == Encapsulation.IPIP
        && listen.getAddress().isAnyLocalAddress()) {
      section.wrong(
          "listen",
          "with encapsulation \"ipip\" this address is the source of the outer packets: write the"
              + " uplink's own");
    }
    section.refuseTheRest();
    return listen == null || uplink == null
        ? null
        : new Config.Tunnel(
            listen,
            uplink,
            encapsulation,
            returnPath,
            capture,
            fastPath,
            device,
            connections,
            ttl,
            new OuterPolicy(hopLimit, dscp));
  }

  private Config.@Nullable Identity identity() {
    Section section = requiredTable("identity", "certificate and key");
    if (section == null) {
      return null;
    }
    Path certificate = section.required("certificate", Values.path(folder));
    Path key = section.required("key", Values.path(folder));
    section.refuseTheRest();
    return certificate == null || key == null ? null : new Config.Identity(certificate, key);
  }

  private List<Remote> remotes(Config.Daemon daemon, Config.@Nullable Tunnel tunnel) {
    List<Remote> remotes = new ArrayList<>();
    List<Section> sections = tables("remote");
    var names = new Unique("name");
    var endpoints = new Unique("endpoint");
    var fingerprints = new Unique("fingerprint");
    for (Section section : sections) {
      String name = section.required("name", Values::name);
      InetSocketAddress endpoint = section.optionalText("endpoint", Values::remoteEndpoint);
      String fingerprint = section.required("fingerprint", Values::fingerprint);
      var addresses = section.requiredList("addresses", Values::prefix);
      boolean plaintext = section.optional("plaintext", false, Values::flag);
      names.check(section, name);
      endpoints.check(section, endpoint);
      fingerprints.check(section, fingerprint);
      if (name != null && name.equals(daemon.name())) {
        section.wrong("name", "'" + name + "' is this host's own name ([daemon] name)");
      }
      if (endpoint != null && tunnel != null && endpoint.equals(tunnel.listen())) {
        section.wrong("endpoint", "is this host's own ([tunnel] listen)");
      }
      section.refuseTheRest();
      if (name != null && fingerprint != null) {
        remotes.add(new Remote(name, endpoint, fingerprint, List.copyOf(addresses), plaintext));
      }
    }
    if (sections.isEmpty()) {
      mistakes.note(null, "there is no [[remote]]: no host may send or receive anything");
    }
    return List.copyOf(remotes);
  }

  private List<DnsZone> dns() {
    List<DnsZone> zones = new ArrayList<>();
    List<Section> sections = tables("dns");
    var unique = new Unique("zone");
    for (Section section : sections) {
      String zone = section.required("zone", Values::dnsName);
      InetSocketAddress server = section.required("server", Values::farEndpoint);
      String keyName = section.required("key-name", Values::dnsName);
      String algorithm =
          section.optional("key-algorithm", "hmac-sha256", Values.choice(KEY_ALGORITHMS));
      Path secret = section.required("key-secret-file", Values.path(folder));
      int ttl = section.optional("ttl", 30, Values.integer(0, LARGEST_TTL));
      unique.check(section, zone);
      section.refuseTheRest();
      if (zone != null && server != null && keyName != null && secret != null) {
        zones.add(new DnsZone(zone, server, keyName, algorithm, secret, ttl));
      }
    }
    if (sections.isEmpty()) {
      mistakes.note(null, "there is no [[dns]]: names are not updated");
    }
    return List.copyOf(zones);
  }

  private Config.Hold hold() {
    Section section = optionalTable("hold");
    var hold =
        new Config.Hold(
            section.optional("policy", HoldPolicy.QUEUE, Values.choice(HoldPolicy.class)),
            section.optional("max-bytes", 64L << 20, Values.size(64L << 10, 16L << 30)),
            section.optional("max-age", Duration.ofSeconds(300), Values::positiveDuration),
            section.optional("no-release", NoRelease.KEEP, Values.choice(NoRelease.class)),
            section.optional("limit", Duration.ofSeconds(300), Values::positiveDuration));
    section.refuseTheRest();
    return hold;
  }

  private Config.Drain drain() {
    Section section = optionalTable("drain");
    var drain =
        new Config.Drain(
            section.optional("time-wait", Duration.ofSeconds(60), Values::duration),
            section.optional("minimum", Duration.ofSeconds(7440), Values::duration),
            section.optional("after", Duration.ofSeconds(60), Values::duration),
            section.optional("stale-syn", StaleSyn.TUNNEL, Values.choice(StaleSyn.class)));
    section.refuseTheRest();
    return drain;
  }

  private List<Config.Hook> hooks() {
    List<Config.Hook> hooks = new ArrayList<>();
    for (Section section : tables("hook")) {
      List<Config.HookEvent> events =
          section.requiredList("events", Values.choice(Config.HookEvent.class));
      List<String> command = section.requiredWords("command", Values::text);
      Duration timeout =
          section.optional("timeout", Duration.ofSeconds(30), Values::positiveDuration);
      String migration = section.optional("migration", "*", Values::text);
      if (!command.isEmpty() && !command.getFirst().startsWith("/")) {
        section.wrong(
            "command",
            "'"
                + command.getFirst()
                + "' is no absolute path, and the daemon has no PATH that you can rely on");
      }
      section.refuseTheRest();
      if (!events.isEmpty() && !command.isEmpty()) {
        hooks.add(new Config.Hook(List.copyOf(events), List.copyOf(command), timeout, migration));
      }
    }
    return List.copyOf(hooks);
  }

  private void refuseUnknownTables() {
    var known = new TreeSet<>(TABLES);
    for (String key : toml.keySet()) {
      if (!known.contains(key)) {
        boolean isTable = toml.get(List.of(key)) instanceof TomlTable;
        mistakes.at(
            positionOf(key),
            (isTable ? "there is no table [" + key + "]" : "'" + key + "' stands in no known table")
                + Mistakes.didYouMean(key, known));
      }
    }
  }

  private @Nullable Section requiredTable(String name, String keys) {
    if (!toml.contains(List.of(name))) {
      mistakes.missing(null, "there is no [" + name + "] table; it must have " + keys);
      return null;
    }
    Section section = optionalTable(name);
    return toml.get(List.of(name)) instanceof TomlTable ? section : null;
  }

  /** The table of that name; an empty one where it is left out or is something else. */
  private Section optionalTable(String name) {
    String title = "[" + name + "]";
    TomlPosition position = positionOf(name);
    Object value = toml.get(List.of(name));
    if (value instanceof TomlTable table) {
      return new Section(mistakes, title, table, position);
    }
    if (value != null) {
      mistakes.at(position, "write " + title + " once, as a table, not as " + Values.kind(value));
    }
    return new Section(mistakes, title, Toml.parse(""), position);
  }

  /** Every table of an array of tables. */
  private List<Section> tables(String name) {
    String title = "[[" + name + "]]";
    List<Section> sections = new ArrayList<>();
    Object value = toml.get(List.of(name));
    if (value instanceof TomlArray array) {
      for (int i = 0; i < array.size(); i++) {
        if (array.get(i) instanceof TomlTable table) {
          sections.add(new Section(mistakes, title, table, array.inputPositionOf(i)));
        } else {
          mistakes.at(array.inputPositionOf(i), "write " + title + " as a table of its own");
        }
      }
    } else if (value != null) {
      mistakes.at(
          positionOf(name),
          "there may be several: write " + title + " with two brackets, not " + Values.kind(value));
    }
    return sections;
  }

  private TomlPosition positionOf(String key) {
    TomlPosition position = toml.inputPositionOf(List.of(key));
    return position == null ? TomlPosition.positionAt(1, 1) : position;
  }

  private static String hostName() {
    try {
      return Values.name(Files.readString(HOST_NAME).strip());
    } catch (IOException | IllegalArgumentException e) {
      return "localhost";
    }
  }

  /** Finds a value that two tables of an array share, where each must have its own. */
  private static final class Unique {
    private final String key;
    private final Map<Object, TomlPosition> seen = new HashMap<>();

    Unique(String key) {
      this.key = key;
    }

    void check(Section section, @Nullable Object value) {
      if (value == null) {
        return;
      }
      TomlPosition first = seen.putIfAbsent(value, section.positionOf(key));
      if (first != null) {
        section.wrong(key, "is the same as in line " + first.line() + "; each must have its own");
      }
    }
  }
}
