package dev.holdfast.redirector.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.config.Config;
import dev.holdfast.redirector.config.ConfigReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class CertCommandTest {
  private static final Pattern FINGERPRINT = Pattern.compile("sha256:[0-9a-f]{64}");

  @TempDir private Path folder;
  private Path certificate;
  private Path key;

  @BeforeEach
  void paths() {
    certificate = folder.resolve("b.crt");
    key = folder.resolve("b.key");
  }

  private CliRun init(String... more) {
    String[] arguments = {"cert", "init", "--name=host-b", "--cert=" + certificate, "--key=" + key};
    var all = new ArrayList<>(List.of(arguments));
    all.addAll(List.of(more));
    return CliRun.of(all.toArray(String[]::new));
  }

  @Test
  void aHostGetsAnIdentityThatShowPrintsAgain() throws Exception {
    CliRun init = init("--days=10");
    assertThat(init.exitCode()).isZero();
    assertThat(init.out())
        .matches(
            """
            file         \\S+/b.crt
            host         host-b
            fingerprint  sha256:[0-9a-f]{64}
            valid from   11:51:00 \\(10 min ago\\)
            valid until  2026-03-11 12:01:00 \\(in 10 days\\)
            """);
    assertThat(init.err()).contains("cert trust");
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(key)))
        .isEqualTo("rw-------");
    CliRun show = CliRun.of("cert", "show", certificate.toString());
    assertThat(show.out()).isEqualTo(init.out());
    assertThat(show.err()).isEmpty();
  }

  @Test
  void nothingIsOverwritten() throws Exception {
    init();
    String before = Files.readString(key);
    Files.delete(certificate);
    CliRun again = init();
    assertThat(again.exitCode()).isEqualTo(4);
    assertThat(again.err()).startsWith(key + " exists already.");
    assertThat(key).hasContent(before);
    assertThat(certificate).doesNotExist();
  }

  @Test
  void wrongInputIsAUsageError() throws Exception {
    assertThat(init("--days=0").exitCode()).isEqualTo(2);
    CliRun name = CliRun.of("cert", "init", "--name=a b", "--cert=" + certificate, "--key=" + key);
    assertThat(name.exitCode()).isEqualTo(2);
    assertThat(name.err()).startsWith("--name: 'a b' cannot be a host name");
    assertThat(folder).isEmptyDirectory();
    Path text = Files.writeString(folder.resolve("x"), "no certificate");
    CliRun show = CliRun.of("cert", "show", text.toString());
    assertThat(show.exitCode()).isEqualTo(2);
    assertThat(show.err()).isEqualTo(text + " is not a certificate in PEM or DER form.\n");
    CliRun missing = CliRun.of("cert", "show", folder.resolve("none").toString());
    assertThat(missing.exitCode()).isEqualTo(1);
    assertThat(missing.err()).isEqualTo("There is no file " + folder.resolve("none") + ".\n");
  }

  @Test
  void jsonHasTheSame() {
    JsonNode answer = JsonMapper.shared().readTree(init("--json").out());
    assertThat(answer.get("schema").stringValue()).isEqualTo("holdfast.certificate/1");
    assertThat(answer.get("fingerprint").stringValue()).matches(FINGERPRINT);
  }

  private CliRun trust(String... more) {
    var all =
        new ArrayList<>(
            List.of(
                "cert",
                "trust",
                certificate.toString(),
                "--name=host-b",
                "--endpoint=10.2.0.2:4754",
                "--addresses=10.1.0.0/24,fd00:1::/64"));
    all.addAll(List.of(more));
    return CliRun.of(all.toArray(String[]::new));
  }

  @Test
  void trustPrintsABlockThatTheConfigTakes() throws Exception {
    Matcher fingerprint = FINGERPRINT.matcher(init().out());
    assertThat(fingerprint.find()).isTrue();
    CliRun trust = trust();
    assertThat(trust.out())
        .isEqualTo(
            """
            [[remote]]
            name        = "host-b"
            endpoint    = "10.2.0.2:4754"
            fingerprint = "%s"
            addresses   = ["10.1.0.0/24", "fd00:1::/64"]
            """
                .formatted(fingerprint.group()));

    Path config = Configs.write(folder);
    Files.setPosixFilePermissions(config, PosixFilePermissions.fromString("rw-r-----"));
    String before = Files.readString(config);
    CliRun appended = trust("--append=" + config);
    assertThat(appended.exitCode()).isZero();
    assertThat(config).hasContent(before + "\n" + trust.out());
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(config)))
        .isEqualTo("rw-r-----");
    Config.Remote remote = ConfigReader.read(config).remotes().getFirst();
    assertThat("sha256:" + remote.fingerprint()).isEqualTo(fingerprint.group());
    assertThat(trust("--json").out()).contains("\"schema\" : \"holdfast.remote/1\"");
  }

  @Test
  void aConfigThatWouldNotBeGoodStaysAsItIs() throws Exception {
    init();
    Path config = Configs.write(folder);
    trust("--append=" + config);
    String before = Files.readString(config);
    CliRun again = trust("--append=" + config);
    assertThat(again.exitCode()).isEqualTo(2);
    assertThat(again.err())
        .startsWith(config + " is left as it was, for with the block it would not be good:\n")
        .contains(config + ":20:1: [[remote]] name: is the same as in line 14");
    assertThat(config).hasContent(before);
    assertThat(folder.toFile().list())
        .containsExactlyInAnyOrder("b.crt", "b.key", "host.crt", "host.key", "holdfast.toml");
  }
}
