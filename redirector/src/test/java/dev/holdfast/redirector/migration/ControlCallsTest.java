package dev.holdfast.redirector.migration;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.tunnel.endpoint.ControlMessage;
import dev.holdfast.tunnel.endpoint.ControlMessage.Fault;
import dev.holdfast.tunnel.endpoint.ControlMessage.Finished;
import dev.holdfast.tunnel.endpoint.ControlMessage.Released;
import dev.holdfast.tunnel.endpoint.ControlMessage.RolledBack;
import dev.holdfast.tunnel.endpoint.ControlMessage.TakenBack;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

class ControlCallsTest {
  private static final UUID ID = new UUID(1, 2);

  private final ControlCalls calls = new ControlCalls();

  private void refused(ControlMessage request) {
    Fault fault = Fault.of(request, "refused", "no", ID);
    calls.fail("host-b", ID, fault.request(), fault.text());
  }

  /** A release and a rollback may be under way at once, and one of them is refused. */
  @Test
  void aRefusalEndsTheWaitForWhatWasRefusedAlone() {
    Map<ControlMessage, Class<? extends ControlMessage>> answers =
        Map.of(
            new ControlMessage.Release(ID, 7, 0),
            Released.class,
            new ControlMessage.Rollback(ID, 7),
            RolledBack.class,
            new ControlMessage.TakeBack(ID, 7, 8, false),
            TakenBack.class,
            new ControlMessage.Finish(ID, 7),
            Finished.class);
    for (ControlMessage request : answers.keySet()) {
      var mine = calls.expect("host-b", answers.get(request), ID);
      List<CompletableFuture<ControlMessage>> others =
          answers.values().stream()
              .filter(answer -> answer != answers.get(request))
              .map(answer -> calls.expect("host-b", answer, ID))
              .toList();
      refused(request);
      assertThat(mine).as("%s", request).isCompletedExceptionally();
      assertThat(others).noneMatch(CompletableFuture::isDone);
    }
  }

  @Test
  void aRefusalOfWhatNobodyAskedForEndsNothing() {
    var answer = calls.expect("host-b", RolledBack.class, ID);
    refused(new ControlMessage.Held(ID, 7));
    assertThat(answer).isNotDone();
    assertThat(calls.complete("host-b", new RolledBack(ID, 7, ""))).isTrue();
    assertThat(answer).isCompleted();
  }

  @Test
  void anEarlierDaemonDoesNotSayWhatItRefuses() {
    var released = calls.expect("host-b", Released.class, ID);
    var back = calls.expect("host-b", RolledBack.class, ID);
    calls.fail("host-c", ID, "", "no");
    assertThat(released).isNotDone();
    calls.fail("host-b", ID, new Fault("refused", "no", ID).request(), "no");
    assertThat(released).isCompletedExceptionally();
    assertThat(back).isCompletedExceptionally();
  }
}
