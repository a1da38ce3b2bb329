package dev.holdfast.redirector.cli;

import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The program's entry, and the root of its commands. */
@Command(
    name = "holdfast",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    description = "Keeps TCP sessions alive when a machine moves to another network.")
public final class Main implements Runnable {

  @Spec private CommandSpec spec;

  /** Builds the command line with all its commands, for the program and for tests. */
  public static CommandLine commandLine() {
    return new CommandLine(new Main());
  }

  public static void main(String[] arguments) {
    System.exit(commandLine().execute(arguments));
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "Missing command.");
  }
}
