package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.config.ConfigException;
import dev.holdfast.redirector.control.DaemonNotRunning;
import dev.holdfast.redirector.control.ErrorBody;
import dev.holdfast.redirector.control.Json;
import dev.holdfast.redirector.migration.MigrationPlan;
import dev.holdfast.redirector.migration.RequestRefused;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.IExecutionExceptionHandler;
import picocli.CommandLine.IParameterExceptionHandler;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;

/**
 * Turns what went wrong into a sentence on standard error and an exit code. With {@code --json} it
 * is an {@link ErrorBody} in one line, still on standard error: standard output has answers alone.
 */
final class Failures implements IExecutionExceptionHandler, IParameterExceptionHandler {

  @Override
  public int handleExecutionException(
      Exception failure, CommandLine command, ParseResult parseResult) {
    return switch (failure) {
      case RequestRefused refused ->
          say(
              command,
              ExitCode.of(refused.kind()),
              refused.kind().name().toLowerCase(Locale.ROOT),
              refused.getMessage(),
              refused.checks());
      case CommandFailed failed ->
          say(command, failed.exitCode(), failed.kind(), failed.getMessage());
      case DaemonNotRunning absent ->
          say(command, ExitCode.NO_DAEMON, "not-running", absent.getMessage());
      case ConfigException wrong -> say(command, ExitCode.USAGE, "invalid", wrong.getMessage());
      case IOException broken -> say(command, ExitCode.FAILED, "failed", sentence(broken));
      default -> {
        failure.printStackTrace(command.getErr());
        yield say(
            command, ExitCode.FAILED, "failed", "This is a fault in holdfast itself: " + failure);
      }
    };
  }

  @Override
  public int handleParseException(ParameterException wrong, String[] arguments) {
    CommandLine command = wrong.getCommandLine();
    PrintWriter err = command.getErr();
    err.println(wrong.getMessage());
    if (wrong instanceof MissingCommand) {
      command.usage(err);
    } else {
      if (!UnmatchedArgumentException.printSuggestions(wrong, err)) {
        err.println("Try '" + command.getCommandSpec().qualifiedName() + " --help'.");
      }
    }
    err.flush();
    return ExitCode.USAGE;
  }

  private static int say(CommandLine command, int exitCode, String kind, @Nullable String message) {
    return say(command, exitCode, kind, message, List.of());
  }

  private static int say(
      CommandLine command,
      int exitCode,
      String kind,
      @Nullable String message,
      List<MigrationPlan.Check> checks) {
    String sentence = message == null ? "It failed." : message;
    PrintWriter err = command.getErr();
    if (Main.of(command.getCommandSpec()).json()) {
      err.println(Json.line(new ErrorBody("holdfast.error/1", kind, sentence, checks)));
    } else {
      List<MigrationPlan.Check> wrong =
          checks.stream().filter(check -> !check.result().equals("ok")).toList();
      err.println(wrong.isEmpty() ? sentence : "Refused, and nothing was changed:");
      err.print(ChecksText.of(wrong));
    }
    err.flush();
    return exitCode;
  }

  /** The messages of the JDK's file system exceptions are the bare path. */
  static String sentence(IOException broken) {
    return switch (broken) {
      case java.nio.file.NoSuchFileException e -> "There is no file " + e.getFile() + ".";
      case java.nio.file.AccessDeniedException e -> "No permission for " + e.getFile() + ".";
      case java.nio.file.FileAlreadyExistsException e -> e.getFile() + " exists already.";
      case java.nio.file.FileSystemException e ->
          e.getFile()
              + ": "
              + (e.getReason() == null ? e.getClass().getSimpleName() : e.getReason());
      default -> broken.getMessage() == null ? broken.toString() : broken.getMessage();
    };
  }

  /** A noun without its verb. */
  static final class MissingCommand extends ParameterException {
    private static final long serialVersionUID = 1L;

    MissingCommand(CommandLine command) {
      super(command, "Missing command.");
    }
  }
}
