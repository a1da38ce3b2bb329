package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.control.ControlClient;
import dev.holdfast.redirector.control.Json;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** A command that does something: what all of them share. */
@Command
abstract class Verb implements Callable<Integer> {
  @Spec private CommandSpec spec;

  final CommandSpec spec() {
    return spec;
  }

  final Surroundings surroundings() {
    return Main.of(spec).surroundings();
  }

  /** The daemon that was chosen; not asked yet. */
  final ControlClient client() {
    return new ControlClient(Main.of(spec).socket());
  }

  final boolean json() {
    return Main.of(spec).json();
  }

  final When when() {
    return new When(surroundings().clock().epochNanos(), surroundings().zone());
  }

  /** Prints what was asked for: as JSON, or as text for people. */
  final void answer(Object record, String text) {
    PrintWriter out = spec.commandLine().getOut();
    if (json()) {
      out.println(Json.pretty(record));
    } else {
      out.print(text);
      if (!text.isEmpty() && !text.endsWith("\n")) {
        out.println();
      }
    }
    out.flush();
  }

  /** Prints a line of the answer as it comes. */
  final void line(String text) {
    spec.commandLine().getOut().println(text);
    spec.commandLine().getOut().flush();
  }

  /** Says something that is not the answer. */
  final void remark(String text) {
    spec.commandLine().getErr().println(text);
    spec.commandLine().getErr().flush();
  }
}
