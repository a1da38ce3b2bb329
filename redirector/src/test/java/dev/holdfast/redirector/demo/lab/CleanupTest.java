package dev.holdfast.redirector.demo.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class CleanupTest {
  private final List<String> done = new ArrayList<>();
  private final Cleanup cleanup = new Cleanup();

  @Test
  void undoesInReverseOrderAndOnce() throws Exception {
    cleanup.make("a", () -> done.add("make a"), () -> done.add("undo a"));
    cleanup.add("b", () -> done.add("undo b"));
    cleanup.close();
    cleanup.close();
    assertThat(done).containsExactly("make a", "undo b", "undo a");
    assertThat(cleanup.problems()).isEmpty();
  }

  @Test
  void undoesWhatFailedHalfWay() {
    assertThatThrownBy(() ->
            cleanup.make(
                "a",
                () -> {
                  throw new IOException("half-way");
                },
                () -> done.add("undo a")))
        .hasMessage("half-way");
    cleanup.close();
    assertThat(done).containsExactly("undo a");
  }

  @Test
  void goesOnWhereAStepFailsAndSaysSo() {
    cleanup.add("a", () -> done.add("undo a"));
    cleanup.add(
        "b",
        () -> {
          throw new IOException("it is stuck");
        });
    cleanup.close();
    assertThat(done).containsExactly("undo a");
    assertThat(cleanup.problems()).containsExactly("b could not be taken down: it is stuck");
  }

  @Test
  void afterClosingNothingIsMadeAndWhatIsHandedInIsUndone() {
    cleanup.close();
    assertThatThrownBy(() -> cleanup.make("a", () -> done.add("make a"), () -> done.add("undo a")))
        .isInstanceOf(Cleanup.Closed.class);
    assertThatThrownBy(() -> cleanup.add("b", () -> done.add("undo b")))
        .isInstanceOf(Cleanup.Closed.class);
    assertThat(done).containsExactly("undo b");
  }
}
