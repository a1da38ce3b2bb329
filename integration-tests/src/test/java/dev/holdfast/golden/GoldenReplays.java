package dev.holdfast.golden;

import dev.holdfast.redirector.cli.Main;
import dev.holdfast.rules.SourceTree;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.tomlj.Toml;
import org.tomlj.TomlArray;
import org.tomlj.TomlParseResult;
import org.tomlj.TomlTable;
import picocli.CommandLine;

/**
 * The replays of the golden captures, as {@code [[replay]]} in each {@code case.toml} says them:
 * options of {@code holdfast replay run}, and the file with the limits that they keep.
 */
public final class GoldenReplays {
  private static final Path FOLDER =
      SourceTree.root().resolve("integration-tests").resolve("golden");
  private static final String USUAL_LIMITS = "expect.toml";

  /** One replay of a capture. */
  record Run(String name, List<String> arguments) {
    @Override
    public String toString() {
      return name;
    }
  }

  /**
   * What the command did.
   *
   * @param status its exit status
   */
  record Outcome(int status, String out, String err) {}

  private GoldenReplays() {}

  /** All of them, in the order of their names. */
  static List<Run> all() throws IOException {
    List<Run> runs = new ArrayList<>();
    try (Stream<Path> folders = Files.list(FOLDER)) {
      for (Path folder : folders.sorted().toList()) {
        runs.addAll(of(folder));
      }
    }
    return runs;
  }

  private static List<Run> of(Path folder) throws IOException {
    TomlParseResult facts = Toml.parse(folder.resolve("case.toml"));
    String capture = folder.resolve(Objects.requireNonNull(facts.getString("capture"))).toString();
    TomlArray replays = facts.getArrayOrEmpty("replay");
    List<Run> runs = new ArrayList<>();
    for (int i = 0; i < replays.size(); i++) {
      TomlTable replay = replays.getTable(i);
      String options = Objects.requireNonNull(replay.getString("options"));
      String limits = replay.getString("expect", () -> USUAL_LIMITS);
      List<String> arguments = new ArrayList<>(List.of("replay", "run", capture));
      if (!options.contains("--guest ")) {
        arguments.add("--old");
        arguments.add(String.join(",", olds(facts)));
      }
      arguments.addAll(List.of(options.split(" ")));
      arguments.add("--expect");
      arguments.add(folder.resolve(limits).toString());
      runs.add(new Run(folder.getFileName() + " " + options, arguments));
    }
    return runs;
  }

  private static List<String> olds(TomlParseResult facts) {
    return facts.getArrayOrEmpty("old").toList().stream().map(Object::toString).toList();
  }

  /** Plays one as a person would. */
  static Outcome play(Run run, String... more) {
    List<String> arguments = new ArrayList<>(run.arguments());
    arguments.addAll(List.of(more));
    var out = new StringWriter();
    var err = new StringWriter();
    CommandLine line = Main.commandLine().setOut(new PrintWriter(out)).setErr(new PrintWriter(err));
    int status = line.execute(arguments.toArray(String[]::new));
    return new Outcome(status, out.toString(), err.toString());
  }

  /**
   * Those that do not go as expected, for {@link dev.holdfast.mutants.BrokenCode}, which has broken
   * something.
   */
  public static List<String> failing() throws IOException {
    List<String> failing = new ArrayList<>();
    for (Run run : all()) {
      if (play(run).status() != 0) {
        failing.add(run.name());
      }
    }
    return failing;
  }
}
