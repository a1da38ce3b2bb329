package dev.holdfast.redirector.dns;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Base64;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class KeyFileTest {
  /** With two slashes in a row, which are no comment. */
  private static final String SECRET = "AAAA//BBBB==";

  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "AAAA//BBBB==",
        "AAAA//BBBB==\n",
        "  AAAA//\n  BBBB==\n\n",
        "key \"mv-key\" { algorithm hmac-sha256; secret \"AAAA//BBBB==\"; };",
        "key mv-key. {\n\talgorithm HMAC-SHA256;\n\tsecret AAAA//BBBB==;\n};\n",
        "# made by hand\nkey \"mv-key\" { /* two\nlines */ secret \"AAAA//BBBB==\"; // why not\n};",
      })
  void readsBothForms(String text) throws Exception {
    KeyFile file = KeyFile.read(write(text, "rw-------"));
    assertThat(file.secret()).isEqualTo(Base64.getDecoder().decode(SECRET));
    assertThat(file.warnings()).isEmpty();
    assertThat(file.keyFor(DnsBench.zone("lab.test.", nowhere(), "mv-key.", file.file())))
        .hasToString("mv-key. (hmac-sha256)");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "''                                             | is empty",
        "'not base64!'                                  | is not base64",
        "'{ secret \"AAAA\"; }'                         | has neither",
        "'key \"mv-key\" { algorithm hmac-sha256; };'   | without a secret",
        "'key \"mv-key\" { secret \"???\"; };'          | is not base64",
        "'key } {'                                      | without a secret",
      })
  void saysWhatIsWrong(String text, String words) throws Exception {
    Path path = write(text, "rw-------");
    assertThatThrownBy(() -> KeyFile.read(path))
        .isInstanceOf(DnsException.class)
        .hasMessageContainingAll(path.toString(), words);
  }

  @Test
  void refusesAFileThatIsOfAnotherKeyOrAlgorithm() throws Exception {
    KeyFile other = KeyFile.read(write("key other { secret " + SECRET + "; };", "rw-------"));
    assertThatThrownBy(
            () -> other.keyFor(DnsBench.zone("lab.test.", nowhere(), "mv-key.", other.file())))
        .hasMessageContaining("is of key other, but the configuration says key-name mv-key.");
    KeyFile sha512 =
        KeyFile.read(
            write("key mv-key { algorithm hmac-sha512; secret " + SECRET + "; };", "rw-------"));
    assertThatThrownBy(
            () -> sha512.keyFor(DnsBench.zone("lab.test.", nowhere(), "mv-key.", sha512.file())))
        .hasMessageContaining("says algorithm hmac-sha512");
  }

  @Test
  void warnsWhenEverybodyMayReadIt() throws Exception {
    assertThat(KeyFile.read(write(SECRET, "rw-r-----")).warnings()).isEmpty();
    Path path = write(SECRET, "rw-r--r--");
    assertThat(KeyFile.read(path).warnings())
        .singleElement()
        .asString()
        .contains("may be read by every user", "chmod o-rwx " + path);
  }

  @Test
  void neverShowsTheSecret() throws Exception {
    KeyFile file = KeyFile.read(write(SECRET, "rw-------"));
    assertThat(file.toString()).doesNotContain(SECRET);
    assertThatThrownBy(() -> TsigKey.of("k", "hmac-md5", SECRET))
        .hasMessage(
            "The algorithm 'hmac-md5' of key k is not one of hmac-sha256, hmac-sha384, hmac-sha512.");
    assertThat(TsigKey.of("k", "hmac-sha384", SECRET).toString()).isEqualTo("k. (hmac-sha384)");
  }

  private static InetSocketAddress nowhere() {
    return new InetSocketAddress("127.0.0.1", 9);
  }

  private Path write(String text, String mode) throws Exception {
    Path path = folder.resolve("tsig-" + mode + ".key");
    Files.writeString(path, text);
    Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(mode));
    return path;
  }
}
