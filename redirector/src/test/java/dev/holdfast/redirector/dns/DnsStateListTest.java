package dev.holdfast.redirector.dns;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The journal's form of a migration with one name, and with several. */
class DnsStateListTest {
  private static final DnsState WEB = state("web.lab.test");
  private static final DnsState WWW = state("www.lab.test");

  private static DnsState state(String name) {
    return DnsState.of(new DnsMove(name, List.of(), List.of()));
  }

  @Test
  void oneNameIsWrittenAsItAlwaysWas() {
    assertThat(WEB.amend(null)).isEqualTo(WEB.toJson());
    assertThat(DnsState.listFromJson(WEB.toJson())).containsExactly(WEB);
    assertThat(WEB.withPhase("failed").amend(WEB.toJson()))
        .isEqualTo(WEB.withPhase("failed").toJson());
  }

  @Test
  void eachOfSeveralIsAmendedOnItsOwn() {
    String both = WWW.amend(WEB.toJson());
    assertThat(DnsState.listFromJson(both)).containsExactly(WEB, WWW);
    DnsState moved = WEB.withPhase("published");
    assertThat(DnsState.listFromJson(moved.amend(both))).containsExactly(moved, WWW);
    DnsState same = state("WWW.lab.test.").withPhase("failed");
    assertThat(DnsState.listFromJson(same.amend(both)))
        .as("the same name in another spelling")
        .containsExactly(WEB, same);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "[", "[null]", "null", "7", "[{}, 7]"})
  void whatIsNoneIsRefused(String text) {
    assertThatThrownBy(() -> DnsState.listFromJson(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("not a");
  }
}
