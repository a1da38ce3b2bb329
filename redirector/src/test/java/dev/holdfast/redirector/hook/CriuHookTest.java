package dev.holdfast.redirector.hook;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.hook.Triggers.Verb;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Which action of CRIU's means what at which host. */
class CriuHookTest {

  @ParameterizedTest(name = "{0}")
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          # action              | old host | new host
          pre-dump              | HOLD     |
          network-lock          | HOLD     |
          post-dump             |          |
          network-unlock        | ROLLBACK |
          pre-restore           |          |
          setup-namespaces      |          |
          post-setup-namespaces |          |
          post-restore          |          |
          pre-resume            | ROLLBACK | RELEASE
          post-resume           | ROLLBACK | RELEASE
          orphan-pts-master     |          |
          of-a-later-criu       |          |
          """)
  void eachAction(String action, @Nullable Verb oldHost, @Nullable Verb newHost) {
    assertThat(CriuHook.verb(action, "redirector")).isEqualTo(oldHost);
    assertThat(CriuHook.verb(action, "endpoint")).isEqualTo(newHost);
  }
}
