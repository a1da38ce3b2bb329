package dev.holdfast.redirector.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** A command that only has further commands below it. */
@Command
abstract class Noun implements Runnable {
  @Spec private CommandSpec spec;

  @Override
  public void run() {
    throw new Failures.MissingCommand(spec.commandLine());
  }
}
