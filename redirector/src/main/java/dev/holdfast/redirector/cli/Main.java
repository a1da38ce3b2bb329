package dev.holdfast.redirector.cli;

import dev.holdfast.redirector.demo.DemoCommand;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** The program's entry, and the root of its commands. */
@Command(
    name = "holdfast",
    versionProvider = Version.class,
    description = "Keeps TCP sessions alive when a machine moves to another network.",
    synopsisHeading = "Usage: ",
    commandListHeading = "%nCommands:%n",
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "0:ok",
      "1:it was tried and failed",
      "2:wrong usage, or a mistake in the config file",
      "3:the daemon is not running",
      "4:refused: nothing was changed",
      "5:partly done"
    },
    footerHeading = "%nExamples:%n",
    footer = {
      "  holdfast run --config /etc/holdfast/holdfast.toml",
      "  holdfast migration arm web1 --old 10.1.0.10 --new 10.2.0.10 \\",
      "      --remote host-b --guest-port vnet3 --deliver br0",
      "  holdfast migration hold web1",
      "  holdfast migration release web1",
      "  holdfast wait web1 --for done"
    })
public final class Main implements Runnable {
  /** In the order of the help. */
  private static final Map<String, Class<?>> COMMANDS = new LinkedHashMap<>();

  static {
    COMMANDS.put("demo", DemoCommand.class);
    COMMANDS.put("run", RunCommand.class);
    COMMANDS.put("migration", MigrationCommand.class);
    COMMANDS.put("status", StatusCommand.class);
    COMMANDS.put("flow", FlowCommand.class);
    COMMANDS.put("explain", ExplainCommand.class);
    COMMANDS.put("capture", CaptureCommand.class);
    COMMANDS.put("replay", ReplayCommand.class);
    COMMANDS.put("wait", WaitCommand.class);
    COMMANDS.put("events", EventsCommand.class);
    COMMANDS.put("hook", HookCommand.class);
    COMMANDS.put("guest", GuestCommand.class);
    COMMANDS.put("dns", DnsCommand.class);
    COMMANDS.put("cert", CertCommand.class);
    COMMANDS.put("config", ConfigCommand.class);
    COMMANDS.put("cleanup", CleanupCommand.class);
    COMMANDS.put("rehearse", RehearseCommand.class);
  }

  private final Surroundings surroundings;

  @Spec private CommandSpec spec;

  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      scope = ScopeType.INHERIT,
      description = "Show this text.")
  private boolean help;

  @Option(names = "--version", versionHelp = true, description = "Show the version.")
  private boolean version;

  @Option(
      names = "--json",
      scope = ScopeType.INHERIT,
      description = "Answer in JSON; an error is JSON too, on standard error.")
  private boolean json;

  @Option(
      names = "--socket",
      paramLabel = "PATH",
      scope = ScopeType.INHERIT,
      defaultValue = "${env:HOLDFAST_CONTROL:-/run/holdfast/control.sock}",
      description = "Control socket of the daemon. Default: ${DEFAULT-VALUE}")
  private Path socket = Path.of("/run/holdfast/control.sock");

  private Main(Surroundings surroundings) {
    this.surroundings = surroundings;
  }

  /** Builds the command line with all its commands. */
  public static CommandLine commandLine() {
    return commandLine(Surroundings.ofThisProcess());
  }

  /** Builds it for a test. */
  public static CommandLine commandLine(Surroundings surroundings) {
    return commandLine(surroundings, COMMANDS.keySet());
  }

  public static void main(String[] arguments) {
    System.exit(commandLine(Surroundings.ofThisProcess(), needed(arguments)).execute(arguments));
  }

  private static CommandLine commandLine(Surroundings surroundings, Set<String> names) {
    var root = new CommandLine(new Main(surroundings));
    for (String name : names) {
      root.addSubcommand(name, COMMANDS.get(name));
    }
    if (names.contains("hook")) {
      HookCommand.giveQmpItsOwnSocket(root);
    }
    var failures = new Failures();
    return root.registerConverter(Path.class, new FileOption())
        .setExecutionExceptionHandler(failures)
        .setParameterExceptionHandler(failures)
        .setUsageHelpWidth(100)
        .setUsageHelpLongOptionsMaxWidth(32);
  }

  /** Building a command costs time at each start: the one that is named, or all to choose from. */
  static Set<String> needed(String... arguments) {
    return arguments.length > 0 && COMMANDS.containsKey(arguments[0])
        ? Set.of(arguments[0])
        : COMMANDS.keySet();
  }

  /** The root that a command belongs to. */
  static Main of(CommandSpec spec) {
    return (Main) spec.root().userObject();
  }

  /** Whether the command that {@code spec} belongs to was asked to answer in JSON. */
  public static boolean wantsJson(CommandSpec spec) {
    return of(spec).json();
  }

  Surroundings surroundings() {
    return surroundings;
  }

  boolean json() {
    return json;
  }

  Path socket() {
    return socket;
  }

  @Override
  public void run() {
    throw new Failures.MissingCommand(spec.commandLine());
  }
}
