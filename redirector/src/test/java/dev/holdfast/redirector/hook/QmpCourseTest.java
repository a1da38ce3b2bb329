package dev.holdfast.redirector.hook;

import static org.assertj.core.api.Assertions.assertThat;

import dev.holdfast.redirector.hook.QmpCourse.End;
import dev.holdfast.redirector.hook.QmpCourse.Step;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Orders of events, and what is done at each. Those of QEMU 7.2 were recorded; a word before a
 * colon is what was done at the event behind it.
 */
class QmpCourseTest {

  /** {@code "active STOP"} is MIGRATION active, then STOP. */
  private static String play(QmpCourse course, String events) {
    List<String> done = new ArrayList<>();
    for (String word : events.split(" ")) {
      boolean isEvent = word.equals(word.toUpperCase(java.util.Locale.ROOT));
      QmpEvent event = isEvent ? new QmpEvent(word, "", 0) : new QmpEvent("MIGRATION", word, 0);
      String steps = "";
      for (Step step : course.on(event)) {
        steps +=
            switch (step) {
              case Step.Hold hold -> {
                course.held();
                yield "hold:";
              }
              case Step.Continue go -> "continue:";
              case Step.Release release -> "release:";
              case Step.RollBack back ->
                  (back.proven() ? "rollback:" : "rollback?:") + (back.migrates() ? "cancel:" : "");
              case Step.Look look -> "look:";
              case Step.Completed completed -> "end:";
              case Step.GiveUp up -> "give-up:";
              case Step.Remark remark -> "say:";
            };
      }
      done.add(steps + word);
    }
    return String.join(" ", done);
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      textBlock =
          """
          pre-copy                 | setup active hold:STOP device end:completed
          waits before switchover  | setup active hold:STOP continue:pre-switchover device end:completed
          waits, and tells so first| setup active hold:continue:pre-switchover STOP device end:completed
          stopped, then copied     | look:STOP hold:setup active continue:pre-switchover device end:completed
          stopped while it is copied | setup active hold:STOP continue:pre-switchover end:completed
          post-copy                | setup active hold:STOP postcopy-active end:completed
          post-copy, told early    | setup active postcopy-active hold:STOP end:completed
          post-copy, interrupted   | active hold:STOP postcopy-active say:postcopy-paused postcopy-recover postcopy-active end:completed
          a status of later QEMUs  | active hold:STOP postcopy-device-of-2031 end:completed
          cancelled while copied   | setup active cancelling rollback?:cancelled
          failed after the pause   | setup active hold:STOP device rollback?:failed
          resumed after the pause  | setup active hold:STOP device cancelling rollback:RESUME rollback?:cancelled
          resumed by a person      | setup active hold:STOP rollback:cancel:RESUME
          paused by a person       | look:STOP say:RESUME
          said twice               | setup setup active active hold:STOP STOP device device end:completed completed
          it resumes after all     | active hold:STOP end:completed rollback:RESUME
          nothing of ours          | RTC_CHANGE BLOCK_JOB_READY say:SHUTDOWN
          """)
  void atTheSource(String what, String events) {
    String words = events.replaceAll("\\S*:", "");
    assertThat(play(new QmpCourse(End.SOURCE, true), words)).as(what).isEqualTo(events);
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          pre-copy    | setup active release:RESUME completed
          post-copy   | setup active postcopy-active release:RESUME completed
          it fails    | setup active give-up:failed
          said twice  | active release:RESUME release:RESUME
          stopped     | setup active STOP completed release:RESUME
          """)
  void atTheDestination(String what, String events) {
    String words = events.replaceAll("\\S*:", "");
    assertThat(play(new QmpCourse(End.DESTINATION, true), words)).as(what).isEqualTo(events);
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          no gate of ours | active hold:STOP pre-switchover end:completed
          """)
  void whereSomebodyElseLetsItGoOn(String what, String events) {
    String words = events.replaceAll("\\S*:", "");
    assertThat(play(new QmpCourse(End.SOURCE, false), words)).as(what).isEqualTo(events);
  }

  private static List<String> names(List<Step> steps) {
    return steps.stream().map(step -> step.getClass().getSimpleName()).toList();
  }

  /** What is learnt by asking: when a watch begins, or a connection was lost. */
  @ParameterizedTest(name = "{0} {1} {2} {3}")
  @CsvSource({
    // end, seen before, query-migrate, running; what is done
    "SOURCE, '', '', true, ''",
    "SOURCE, '', '', false, ''",
    "SOURCE, '', completed, true, ''", // of an earlier migration
    "SOURCE, '', failed, true, ''",
    "SOURCE, '', active, true, ''",
    "SOURCE, '', active, false, Hold",
    "SOURCE, '', pre-switchover, false, Hold Continue",
    "SOURCE, active, device, false, Hold",
    "SOURCE, active STOP, completed, false, Completed",
    "SOURCE, active STOP, failed, true, RollBack RollBack",
    "SOURCE, active STOP, device, true, RollBack",
    "SOURCE, active, cancelled, true, RollBack",
    "DESTINATION, '', '', false, ''",
    "DESTINATION, '', active, false, ''",
    "DESTINATION, '', postcopy-active, true, Release",
    "DESTINATION, active, completed, true, Release",
    "DESTINATION, active, completed, false, ''",
    "DESTINATION, active, failed, false, GiveUp",
  })
  void atALook(End end, String before, String migration, boolean running, String steps) {
    QmpCourse course = new QmpCourse(end, true);
    if (!before.isEmpty()) {
      String unused = play(course, before);
    }
    assertThat(String.join(" ", names(course.observe(migration, running, before.isEmpty()))))
        .isEqualTo(steps);
  }
}
