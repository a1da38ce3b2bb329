package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.control.EventLine;
import dev.holdfast.redirector.control.EventStream;
import dev.holdfast.redirector.control.Json;
import java.net.SocketTimeoutException;
import java.time.Duration;
import picocli.CommandLine.Command;

/** {@code holdfast events}. */
@Command(
    name = "events",
    description = "Prints what happens from now on, a line each, until the daemon stops.",
    footerHeading = "%nExamples:%n",
    footer = {"  holdfast events", "  holdfast events --json | jq 'select(.type == \"state\")'"})
final class EventsCommand extends Verb {
  private static final Duration LOOK_UP = Duration.ofMinutes(1);

  @Override
  public Integer call() throws Exception {
    try (EventStream events = client().events()) {
      remark("Following events; Ctrl-C ends this.");
      while (true) {
        try {
          EventLine event = events.next(LOOK_UP);
          if (event == null) {
            remark("The daemon has stopped.");
            return ExitCode.OK;
          }
          line(json() ? Json.line(event) : text(event, when()));
        } catch (SocketTimeoutException e) {
          // nothing happened for a while, which is no reason to stop
        }
      }
    }
  }

  /** {@code 12:00:01 web1 holding: 7 packets are held}. */
  static String text(EventLine event, When when) {
    String who = event.name().isEmpty() ? "" : " " + event.name();
    String state = event.state().isEmpty() ? "" : " " + event.state();
    String type = event.type().equals("alert") ? " !" : "";
    return when.clock(event.epochNanos()) + who + state + ":" + type + " " + event.text();
  }
}
