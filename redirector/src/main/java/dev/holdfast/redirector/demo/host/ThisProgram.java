package dev.holdfast.redirector.demo.host;

import dev.holdfast.redirector.cli.Main;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** How this program is started once more: the same Java, options and class path. */
public final class ThisProgram {
  /** Options that would make the second process meddle with the first's files or debugger. */
  private static final List<String> OWN = List.of("-agentlib", "-javaagent", "-Xrunjdwp", "-D");

  private ThisProgram() {}

  /**
   * The command line up to and with the main class; the command's arguments follow. Where a
   * launcher has started this one, it starts the next one too.
   */
  public static List<String> command() {
    String launcher = System.getProperty("holdfast.launcher");
    if (launcher != null) {
      return List.of(launcher);
    }
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    for (String option : ManagementFactory.getRuntimeMXBean().getInputArguments()) {
      if (OWN.stream().noneMatch(option::startsWith)) {
        command.add(option);
      }
    }
    command.add("-cp");
    command.add(System.getProperty("java.class.path"));
    command.add(Main.class.getName());
    return command;
  }
}
