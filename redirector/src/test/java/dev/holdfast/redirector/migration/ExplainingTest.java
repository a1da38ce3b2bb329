package dev.holdfast.redirector.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

/** What a question about a packet must be. */
class ExplainingTest {
  @Test
  void aPacketIsHexDigits() throws RequestRefused {
    assertThat(Explaining.bytes(new ExplainRequest("45aB", false, null)))
        .containsExactly(0x45, 0xab);
    assertThat(Explaining.bytes(new ExplainRequest("00".repeat(65_535), true, "web1")))
        .hasSize(65_535);
  }

  @Test
  void whatIsNoneIsRefusedInASentence() {
    refuses(new ExplainRequest("450", false, null), "3 hex digits, an odd number");
    refuses(new ExplainRequest("45 0", false, null), "not made of hex digits alone");
    refuses(new ExplainRequest("zz", false, null), "not made of hex digits alone");
    refuses(new ExplainRequest("00".repeat(65_536), false, null), "more than 65535 bytes");
    refuses(new ExplainRequest("45", false, "web1"), "'migration' is for outOfTunnel");
  }

  private static void refuses(ExplainRequest request, String message) {
    assertThatThrownBy(() -> Explaining.bytes(request))
        .isInstanceOfSatisfying(
            RequestRefused.class,
            refused -> assertThat(refused.kind()).isEqualTo(RequestRefused.Kind.INVALID))
        .hasMessageContaining(message);
  }
}
