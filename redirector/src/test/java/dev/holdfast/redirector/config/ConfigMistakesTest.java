package dev.holdfast.redirector.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ConfigMistakesTest {
  private static final String HEX =
      "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

  @TempDir private Path folder;

  /** Each row: a line that is put into its table, and what is said about it, with its place. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
"""
          uplink = 5                 | 3:1 [tunnel] uplink: must be text in quotes, not the number 5
          uplink = ""                | 3:1 [tunnel] uplink: must not be empty
          uplink = "much-too-long-name" | 3:1 [tunnel] uplink: 'much-too-long-name' cannot be an interface's name: 1 to 15 characters without space, slash or colon
          uplink = ["eth0"]          | 3:1 [tunnel] uplink: must be text in quotes, not an array
          device = "eth0"            | 7:1 [tunnel] device: 'eth0' is the uplink; the TUN needs a name of its own
          uplnk = "eth0"             | 7:1 [tunnel] has no key 'uplnk'; did you mean 'uplink'?
          return_path = "symmetric"  | 7:1 [tunnel] has no key 'return_path'; did you mean 'return-path'?
          `  colour = "red"`         | 7:3 [tunnel] has no key 'colour'; there are capture, connections, device, dscp, encapsulation, fast-path, hop-limit, listen, return-path, ttl, uplink
          listen = "10.1.0.2"        | 2:1 [tunnel] listen: '10.1.0.2' has no port; write "10.1.0.2:4754"
          listen = "fd00::2"         | 2:1 [tunnel] listen: 'fd00::2' has no port; write "[fd00::2]:4754"
          listen = "host-a:4754"     | 2:1 [tunnel] listen: 'host-a' is not an IP address, and names are not resolved here; write an IP address and a port, such as "10.1.0.2:4754" or "[fd00::2]:4754"
          listen = "10.1.0.256:4754" | 2:1 [tunnel] listen: '10.1.0.256' is not an IP address, and names are not resolved here; write an IP address and a port, such as "10.1.0.2:4754" or "[fd00::2]:4754"
          listen = "[fe80::1%eth0]:1"| 2:1 [tunnel] listen: 'fe80::1%eth0' is not an IP address, and names are not resolved here; write an IP address and a port, such as "10.1.0.2:4754" or "[fd00::2]:4754"
          listen = "[10.1.0.2]:4754" | 2:1 [tunnel] listen: brackets are for IPv6 alone; write an IP address and a port, such as "10.1.0.2:4754" or "[fd00::2]:4754"
          listen = "10.1.0.2:65536"  | 2:1 [tunnel] listen: port 65536 is not within 1..65535
          listen = "10.1.0.2:0"      | 2:1 [tunnel] listen: port 0 is not within 1..65535
          listen = "somewhere"       | 2:1 [tunnel] listen: 'somewhere' is not an endpoint; write an IP address and a port, such as "10.1.0.2:4754" or "[fd00::2]:4754"
          encapsulation = "gre"      | 7:1 [tunnel] encapsulation: 'gre' is not one of "auto", "ipip", "tls"
          encapsulation = true       | 7:1 [tunnel] encapsulation: must be one of "auto", "ipip", "tls", not true
          return-path = "straight"   | 7:1 [tunnel] return-path: 'straight' is not one of "symmetric", "direct"
          capture = "tap"            | 7:1 [tunnel] capture: 'tap' is not one of "tun", "pcap"
          connections = 0            | 7:1 [tunnel] connections: 0 is not within 1..16
          connections = 17           | 7:1 [tunnel] connections: 17 is not within 1..16
          ttl = 64                   | 7:1 [tunnel] ttl: must be one of "decrement", "keep", not the number 64
          hop-limit = 0              | 7:1 [tunnel] hop-limit: 0 is not within 1..255
          hop-limit = 256            | 7:1 [tunnel] hop-limit: 256 is not within 1..255
          dscp = 64                  | 7:1 [tunnel] dscp: 64 is not within 0..63; write "copy", a number within 0..63, or a name such as "CS1", "AF21", "EF" or "LE"
          dscp = "AF14"              | 7:1 [tunnel] dscp: 'AF14' is no DSCP; write "copy", a number within 0..63, or a name such as "CS1", "AF21", "EF" or "LE"
          dscp = true                | 7:1 [tunnel] dscp: cannot be true; write "copy", a number within 0..63, or a name such as "CS1", "AF21", "EF" or "LE"
          fast-path = "required"     | 7:1 [tunnel] fast-path: this build has no fast path to require; write "auto" or "off"
""")
  void inTunnel(String line, String expected) {
    assertThat(problems(withTunnel(line))).containsExactly(expected);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          [daemon];name = "two words"      | 8:1 [daemon] name: 'two words' must be 1 to 64 letters, digits, dots, hyphens or underscores
          [daemon];control = 1             | 8:1 [daemon] control: must be text in quotes, not the number 1
          [daemon];metrics = "9475"        | 8:1 [daemon] metrics: '9475' is not an endpoint; write an IP address and a port, such as "10.1.0.2:4754" or "[fd00::2]:4754"
          [hold];max-age = 300             | 8:1 [hold] max-age: has no unit; write text in quotes such as "300s"
          [hold];max-age = "300"           | 8:1 [hold] max-age: '300' has no unit; write a whole number and ms, s, m or h, such as "250ms" or "300s"
          [hold];max-age = "5 minutes"     | 8:1 [hold] max-age: '5 minutes' is not a duration; write a whole number and ms, s, m or h, such as "250ms" or "300s"
          [hold];limit = "0s"              | 8:1 [hold] limit: must be longer than nothing
          [hold];max-bytes = 65536         | 8:1 [hold] max-bytes: has no unit; write text in quotes such as "65536B" or "64MiB"
          [hold];max-bytes = "64MB"        | 8:1 [hold] max-bytes: '64MB' is not a size here; did you mean "64MiB"?
          [hold];max-bytes = "lots"        | 8:1 [hold] max-bytes: 'lots' is not a size; write a whole number and B, KiB, MiB or GiB, such as "64MiB"
          [hold];max-bytes = "1KiB"        | 8:1 [hold] max-bytes: 1KiB is not within 64KiB..16384MiB
          [hold];policy = "keep"           | 8:1 [hold] policy: 'keep' is not one of "queue", "drop"
          [hold];no-release = "abort"      | 8:1 [hold] no-release: 'abort' is not one of "keep", "rollback"
          [drain];stale-syn = "rst"        | 8:1 [drain] stale-syn: 'rst' is not one of "tunnel", "drop", "reject"
          [drain];minimum = 1979-05-27     | 8:1 [drain] minimum: must be text in quotes, not a date or time
          [drain];limit = "1s"             | 8:1 [drain] has no key 'limit'; there are after, minimum, stale-syn, time-wait
          [drian];after = "1s"             | 7:1 there is no table [drian]; did you mean 'drain'?
          [[hold]];limit = "1s"            | 7:1 write [hold] once, as a table, not as an array
          [[hook]];events = ["done"];command = ["tell"] | 9:1 [[hook]] command: 'tell' is no absolute path, and the daemon has no PATH that you can rely on
          [[hook]];events = ["done"];command = "/x"     | 9:1 [[hook]] command: must be an array such as ["...", "..."], not the text "/x"
          [[hook]];events = ["paused"];command = ["/x"] | 8:11 [[hook]] events: 'paused' is not one of "armed", "holding", "redirecting", "draining", "done", "rolled-back", "alert"
          [[hook]];command = ["/x"]                     | 7:1 [[hook]] has no events, which is required
          [[hook]];events = ["done"];command = ["/x"];timeout = "0s" | 10:1 [[hook]] timeout: must be longer than nothing
          [dns];zone = "lab.test."         | 7:1 there may be several: write [[dns]] with two brackets, not a table
          [dns.server];x = 1               | 7:1 there may be several: write [[dns]] with two brackets, not a table
          """)
  void inOptionalTables(String lines, String expected) {
    assertThat(problems(minimal() + lines.replace(";", "\n"))).containsExactly(expected);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          name = "a b"                 | 8:1 [[remote]] name: 'a b' must be 1 to 64 letters, digits, dots, hyphens or underscores
          endpoint = "0.0.0.0:4754"    | 9:1 [[remote]] endpoint: '0.0.0.0:4754' is not the address of one host
          endpoint = "[ff02::1]:4754"  | 9:1 [[remote]] endpoint: '[ff02::1]:4754' is not the address of one host
          endpoint = "host-b"          | 9:1 [[remote]] endpoint: 'host-b' is not an endpoint; write an IP address and a port, such as "10.1.0.2:4754" or "[fd00::2]:4754"
          endpoint = "host-b:0"        | 9:1 [[remote]] endpoint: port 0 is not within 1..65535
          endpoint = "10.1.0.999:1"    | 9:1 [[remote]] endpoint: '10.1.0.999' is not an IP address, and names are not resolved here; write an IP address and a port, such as "10.1.0.2:4754" or "[fd00::2]:4754"
          endpoint = "10.1.0.2:4754"   | 9:1 [[remote]] endpoint: is this host's own ([tunnel] listen)
          fingerprint = "md5:00"       | 10:1 [[remote]] fingerprint: must be "sha256:" and 64 hex digits, as 'holdfast cert show' prints it
          fingerprint = "sha256:00"    | 10:1 [[remote]] fingerprint: has 2 hex digits after "sha256:"; SHA-256 has 64
          fingerprint = "sha256:xyz"   | 10:1 [[remote]] fingerprint: has characters other than hex digits after "sha256:"; 'holdfast cert show' prints the right form
          addresses = "10.1.0.0/24"    | 11:1 [[remote]] addresses: must be an array such as ["...", "..."], not the text "10.1.0.0/24"
          addresses = []               | 11:1 [[remote]] addresses: must not be empty
          addresses = ["10.1.0.0/24", "10.1.0.0/24"]  | 11:29 [[remote]] addresses: 10.1.0.0/24 is there twice
          addresses = ["fd00:1::/129"] | 11:14 [[remote]] addresses: 'fd00:1::/129' is not an address or prefix, such as "10.1.0.0/24" or "fd00:1::/64"
          addresses = ["vm.lab.test"]  | 11:14 [[remote]] addresses: 'vm.lab.test' is not an address or prefix, such as "10.1.0.0/24" or "fd00:1::/64"
          addresses = ["10.1.0.9/24"]  | 11:14 [[remote]] addresses: '10.1.0.9/24' has bits set behind its length; did you mean "10.1.0.0/24" or "10.1.0.9/32"?
          addresses = ["10.1.0.9", 7]  | 11:26 [[remote]] addresses: must be text in quotes, not the number 7
          """)
  void inRemote(String line, String expected) {
    String key = line.substring(0, line.indexOf(' '));
    assertThat(problems(minimal() + remote().replaceAll("(?m)^" + key + " .*$", line)))
        .containsExactly(expected);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          zone = "lab..test."           | 8:1 [[dns]] zone: 'lab..test.' is not a DNS name, such as "lab.test."
          server = "ns1.lab.test:53"    | 9:1 [[dns]] server: 'ns1.lab.test' is not an IP address, and names are not resolved here; write an IP address and a port, such as "10.1.0.2:4754" or "[fd00::2]:4754"
          key-algorithm = "hmac-md5"    | 11:1 [[dns]] key-algorithm: 'hmac-md5' is not one of "hmac-sha256", "hmac-sha384", "hmac-sha512"
          ttl = "30s"                   | 13:1 [[dns]] ttl: must be a whole number, not the text "30s"
          ttl = -1                      | 13:1 [[dns]] ttl: -1 is not within 0..604800
          key-secret = "c2VjcmV0"       | 14:1 [[dns]] has no key 'key-secret'; did you mean 'key-secret-file'?
          """)
  void inDns(String line, String expected) {
    String key = line.substring(0, line.indexOf(' '));
    String dns =
        """
        [[dns]]
        zone = "lab.test."
        server = "10.9.0.53:53"
        key-name = "mv-key."
        key-algorithm = "hmac-sha256"
        key-secret-file = "/k"
        ttl = 30
        """;
    String changed =
        dns.contains("\n" + key + " ") ? dns.replaceAll("(?m)^" + key + " .*$", line) : dns + line;
    assertThat(problems(minimal() + changed)).containsExactly(expected);
  }

  @Test
  void whatMustBeThere() {
    assertThat(problems(""))
        .containsExactly(
            "there is no [tunnel] table; it must have listen and uplink",
            "there is no [identity] table; it must have certificate and key");
    assertThat(problems("[tunnel]\n  [identity]\n[[remote]]\n[[dns]]"))
        .containsExactly(
            "1:1 [tunnel] has no listen, which is required",
            "1:1 [tunnel] has no uplink, which is required",
            "2:3 [identity] has no certificate, which is required",
            "2:3 [identity] has no key, which is required",
            "3:1 [[remote]] has no name, which is required",
            "3:1 [[remote]] has no fingerprint, which is required",
            "3:1 [[remote]] has no addresses, which is required",
            "4:1 [[dns]] has no zone, which is required",
            "4:1 [[dns]] has no server, which is required",
            "4:1 [[dns]] has no key-name, which is required",
            "4:1 [[dns]] has no key-secret-file, which is required");
  }

  @Test
  void eachRemoteHostIsAnother() {
    String second = remote();
    assertThat(problems(minimal() + remote() + second))
        .containsExactly(
            "13:1 [[remote]] name: is the same as in line 8; each must have its own",
            "14:1 [[remote]] endpoint: is the same as in line 9; each must have its own",
            "15:1 [[remote]] fingerprint: is the same as in line 10; each must have its own");
    assertThat(problems(minimal() + remote() + "[daemon]\nname = 'host-b'"))
        .containsExactly("8:1 [[remote]] name: 'host-b' is this host's own name ([daemon] name)");
  }

  @Test
  void ipipNeedsOneSourceAddress() {
    String toml = minimal().replace("10.1.0.2", "0.0.0.0");
    assertThat(
            problems(
                toml.replace("uplink = \"eth0\"", "uplink = \"eth0\"\nencapsulation = \"ipip\"")))
        .containsExactly(
            "2:1 [tunnel] listen: with encapsulation \"ipip\" this address is the source of the"
                + " outer packets: write the uplink's own");
  }

  @Test
  void oneRunShowsAllMistakesAndAMistakeOfFormHidesNoOther() {
    assertThat(
            problems(
                """
                name = "host-a"
                [tunnel]
                listen = "10.1.0.2
                uplink = eth0
                colour = "red"
                [identity]
                certificate = "host.crt"
                certificate = "other.crt"
                [hold]
                limit = 5
                """))
        .containsExactly(
            "1:1 'name' stands in no known table; there are daemon, dns, drain, hold, hook, identity,"
                + " remote, tunnel",
            "3:19 Unexpected end of line, expected \" or a character",
            "4:10 Unexpected 'e', expected a value",
            "5:1 [tunnel] has no key 'colour'; there are capture, connections, device, dscp,"
                + " encapsulation, fast-path, hop-limit, listen, return-path, ttl, uplink",
            "8:1 certificate previously defined at line 7, column 1",
            "10:1 [hold] limit: has no unit; write text in quotes such as \"5s\"");
  }

  @Test
  void theMessageHasOneLineForEachMistakeAsCompilersPrintThem() throws IOException {
    Path file = Files.writeString(folder.resolve("x.toml"), "[tunnel]\nlisten = 1\nuplink = 2");
    assertThatThrownBy(() -> ConfigReader.read(file))
        .hasMessage(
            "%s: there is no [identity] table; it must have certificate and key\n%s:2:1: [tunnel]"
                + " listen: must be text in quotes, not the number 1\n%s:3:1: [tunnel] uplink: must"
                + " be text in quotes, not the number 2",
            file, file, file);
  }

  @Test
  void aFileThatCannotBeReadSaysWhy() throws IOException {
    Path missing = folder.resolve("missing.toml");
    assertThatThrownBy(() -> ConfigReader.read(missing))
        .isInstanceOf(ConfigException.class)
        .hasMessage("%s: there is no such file", missing);
    Path binary = Files.write(folder.resolve("b.toml"), new byte[] {(byte) 0xff, (byte) 0xfe});
    assertThatThrownBy(() -> ConfigReader.read(binary)).hasMessage("%s: is not UTF-8 text", binary);
    assertThatThrownBy(() -> ConfigReader.read(folder))
        .hasMessage("%s: is a folder, not a file", folder);
  }

  private static String minimal() {
    return """
    [tunnel]
    listen = "10.1.0.2:4754"
    uplink = "eth0"
    [identity]
    certificate = "host.crt"
    key = "host.key"
    """;
  }

  /** A sound {@code [[remote]]}: line 7 to 11 behind {@link #minimal}. */
  private static String remote() {
    return """
    [[remote]]
    name = "host-b"
    endpoint = "10.2.0.2:4754"
    fingerprint = "sha256:%s"
    addresses = ["10.1.0.0/24"]
    """
        .formatted(HEX);
  }

  /** {@link #minimal} with a line of [tunnel] replaced, or added as line 7. */
  private static String withTunnel(String line) {
    String key = line.strip().substring(0, line.strip().indexOf(' '));
    if (minimal().contains("\n" + key + " ")) {
      return minimal().replaceAll("(?m)^" + key + " .*$", line);
    }
    return """
    [identity]
    certificate = "host.crt"
    key = "host.key"
    [tunnel]
    listen = "10.1.0.2:4754"
    uplink = "eth0"
    """
        + line;
  }

  private List<String> problems(String toml) {
    Path file = folder.resolve("holdfast.toml");
    try {
      Files.writeString(file, toml);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
    ConfigException exception =
        catchThrowableOfType(ConfigException.class, () -> ConfigReader.read(file));
    return exception == null
        ? List.of()
        : exception.problems().stream()
            .map(problem ->
                problem.line() == 0
                    ? problem.message()
                    : problem.line() + ":" + problem.column() + " " + problem.message())
            .toList();
  }
}
