package dev.holdfast.tunnel.identity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FingerprintTest {
  private static final String HEX =
      "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

  @Test
  void theFormsThatPeopleWriteAreTheSame() {
    Fingerprint plain = new Fingerprint(HEX);
    String colons = HEX.replaceAll("(..)(?!$)", "$1:").toUpperCase(Locale.ROOT);
    assertThat(colons).startsWith("01:23:45:67:89:AB").endsWith(":EF");
    assertThat(Fingerprint.parse(HEX)).isEqualTo(plain);
    assertThat(Fingerprint.parse(" sha256:" + HEX + "\n")).isEqualTo(plain);
    assertThat(Fingerprint.parse(colons)).isEqualTo(plain);
    assertThat(Fingerprint.parse("SHA256:" + colons)).isEqualTo(plain);
    assertThat(plain).hasToString("sha256:" + HEX);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "sha256:", "sha1:0123", "sha256:0123", "sha256:...", "host-b"})
  void anythingElseIsRefusedByName(String text) {
    assertThatThrownBy(() -> Fingerprint.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'" + text + "' is not a certificate fingerprint");
  }
}
